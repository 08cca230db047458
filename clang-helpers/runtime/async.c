/* async.c: the items of asynchronous generators.
 *
 * `__anext__` and `asend` of an asynchronous generator give an object that resumes it when it is awaited. Its class has a
 * slot and a method for that, and we stand in both, so that the generator goes on in machine code where there is some. Where machine code
 * awaits the next item at once, that object is made only if the generator waits for something itself.
 */
#include "runtime.h"

#include <internal/pycore_intrinsics.h>

/* What `__anext__` and `asend` give (genobject.c). */
struct async_send {
    PyObject ob_base;
    PyAsyncGenObject *generator;
    O sent; /* NULL: None */
    enum { SEND_BEGINS, SEND_GOES_ON, SEND_ENDED } state;
};

/* What an asynchronous generator yields an item in (genobject.c). */
struct async_item {
    PyObject ob_base;
    O value;
};

/* The class of `struct async_item`. */
static PyTypeObject *item_type;

/* What stood in the slot, and what the method `send` did. */
static iternextfunc plain_next;
static PyCFunction plain_send;

/* Resumes an asynchronous generator. PYGEN_NEXT: it waits for what it has yielded. PYGEN_RETURN: `result` is its next
 * item, new, or NULL (no exception) where it is exhausted. Source: async_gen_asend_send, async_gen_unwrap_value. */
static PySendResult
step(TS ts, PyAsyncGenObject *generator, O sent, O *result)
{
    generator->ag_running_async = 1;
    PySendResult status = martlet_resume_generator(ts, (PyGenObject *)generator, sent, result);
    if (status == PYGEN_NEXT && !Py_IS_TYPE(*result, item_type)) {
        return PYGEN_NEXT;
    }
    generator->ag_running_async = 0;
    if (status == PYGEN_NEXT) {
        struct async_item *item = (struct async_item *)*result;
        *result = Py_NewRef(item->value);
        Py_DECREF(item);
        return PYGEN_RETURN;
    }
    if (status == PYGEN_RETURN) {
        generator->ag_closed = 1;
        Py_CLEAR(*result);
        return PYGEN_RETURN;
    }
    if (PyErr_ExceptionMatches(PyExc_StopAsyncIteration) || PyErr_ExceptionMatches(PyExc_GeneratorExit)) {
        generator->ag_closed = 1;
    }
    return PYGEN_ERROR;
}

/* The method `send`. */
static O
send_method(O self, O sent)
{
    struct async_send *send = (struct async_send *)self;
    PyAsyncGenObject *generator = send->generator;
    bool begins = send->state == SEND_BEGINS;
    if (send->state == SEND_ENDED || (begins && generator->ag_running_async)) {
        return plain_send(self, sent);
    }
    send->state = SEND_GOES_ON;
    if (begins && sent == Py_None && send->sent != NULL) {
        sent = send->sent;
    }
    O result;
    PySendResult status = step(_PyThreadState_GET(), generator, sent, &result);
    if (status == PYGEN_NEXT) {
        return result;
    }
    send->state = SEND_ENDED;
    if (status == PYGEN_RETURN && result == NULL) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
    }
    else if (status == PYGEN_RETURN) {
        _PyGen_SetStopIterationValue(result);
        Py_DECREF(result);
    }
    return NULL;
}

/* The slot tp_iternext. */
static O
next(O self)
{
    return send_method(self, Py_None);
}

/* Whether the next item of an asynchronous iterator, awaited at once, is to be had of martlet_await_next: it is a
 * generator of which nobody waits for an item, and nobody would be told of exceptions by which items are passed on. */
bool
martlet_awaits_next(TS ts, O iterator)
{
    if (!PyAsyncGen_CheckExact(iterator)) {
        return false;
    }
    PyAsyncGenObject *generator = (PyAsyncGenObject *)iterator;
    bool waits = generator->ag_frame_state == FRAME_CREATED || generator->ag_frame_state == FRAME_SUSPENDED;
    return waits && generator->ag_hooks_inited && !generator->ag_running_async && plain_next != NULL
           && !martlet_exceptions_watched(ts);
}

/* Awaits the next item of an asynchronous generator: out[1], new. out[0] is what it has yielded if it waits for something
 * itself, new, and out[2] is then what it is to be resumed by, new. All are NULL where it is exhausted. */
int
martlet_await_next(TS ts, O iterator, O *out)
{
    out[0] = out[1] = out[2] = NULL;
    PyAsyncGenObject *generator = (PyAsyncGenObject *)iterator;
    O result;
    PySendResult status = step(ts, generator, Py_None, &result);
    if (status == PYGEN_RETURN) {
        out[1] = result;
        return 0;
    }
    if (status == PYGEN_ERROR) {
        return -1;
    }
    struct async_send *send = (struct async_send *)PyAsyncGen_Type.tp_as_async->am_anext(iterator);
    if (send == NULL) {
        generator->ag_running_async = 0;
        Py_DECREF(result);
        return -1;
    }
    send->state = SEND_GOES_ON;
    out[0] = result;
    out[2] = (O)send;
    return 0;
}

/* From now on asynchronous generators go on in machine code where there is some, if this interpreter's own structures are
 * as large as ours. */
MARTLET_RUNTIME void
martlet_enter_async(void)
{
    if (item_type == NULL) {
        TS ts = _PyThreadState_GET();
        O item = _PyIntrinsics_UnaryFunctions[INTRINSIC_ASYNC_GEN_WRAP].func(ts, Py_None);
        if (item == NULL) {
            PyErr_Clear();
            return;
        }
        item_type = Py_TYPE(item);
        Py_DECREF(item);
    }
    PyMethodDef *method = martlet_send_method_of(&_PyAsyncGenASend_Type);
    bool fits = _PyAsyncGenASend_Type.tp_basicsize == sizeof(struct async_send)
                && item_type->tp_basicsize == sizeof(struct async_item);
    if (plain_next == NULL && method != NULL && fits) {
        plain_send = method->ml_meth;
        method->ml_meth = send_method;
        plain_next = _PyAsyncGenASend_Type.tp_iternext;
        _PyAsyncGenASend_Type.tp_iternext = next;
    }
}

/* The interpreter's own function stands in the slot again. */
MARTLET_RUNTIME void
martlet_leave_async(void)
{
    if (plain_next != NULL) {
        martlet_send_method_of(&_PyAsyncGenASend_Type)->ml_meth = plain_send;
        _PyAsyncGenASend_Type.tp_iternext = plain_next;
        plain_next = NULL;
    }
}
