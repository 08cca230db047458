/* generators.c: what machine code of generators and coroutines does where it is suspended, goes on, and waits for others.
 *
 * Entering it is the runtime's business (runtime/generators.c).
 */
#include "inline.h"

#include <internal/pycore_genobject.h>
#include <internal/pycore_intrinsics.h>

/* Where a frame that was suspended, or has not begun, goes on: in code units. */
MARTLET_HELPER int64_t martlet_resume_offset(F frame)
{
    return frame->instr_ptr - _PyCode_CODE((PyCodeObject *)frame->f_executable);
}

/* Suspends a generator's frame, which goes on at `code_unit`, with `depth` items on its stack. `delegates`: the topmost
 * item is what it waits for. Source: YIELD_VALUE. */
MARTLET_HELPER void martlet_suspend(F frame, uint32_t code_unit, uint32_t depth, uint32_t delegates)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    frame->instr_ptr = _PyCode_CODE(code) + code_unit;
    frame->stacktop = code->co_nlocalsplus + (int)depth;
    _PyFrame_GetGenerator(frame)->gi_frame_state = (int8_t)(FRAME_SUSPENDED + (int)delegates);
}

/* As martlet_iter_next for what is probably a generator. Source: FOR_ITER_GEN. */
MARTLET_CALL O martlet_generator_next(TS ts, O it)
{
    PyTypeObject *type = Py_TYPE(it);
    return type == &PyGen_Type ? martlet_next_of_generator(ts, it) : type->tp_iternext(it);
}

/* Sends a value to what a generator or coroutine waits for: out[0] is what that yields, new, or NULL where it has ended;
 * out[1] is then what it returned, new. Source: SEND, SEND_GEN. */
MARTLET_CALL int martlet_send(TS ts, O receiver, O value, O *out)
{
    out[0] = NULL;
    out[1] = NULL;
    PyTypeObject *type = Py_TYPE(receiver);
    if ((type == &PyGen_Type || type == &PyCoro_Type) && ((PyGenObject *)receiver)->gi_frame_state < FRAME_EXECUTING) {
        O result;
        PySendResult status = type->tp_as_async->am_send(receiver, value, &result);
        out[status == PYGEN_NEXT ? 0 : 1] = result;
        return status == PYGEN_ERROR ? -1 : 0;
    }
    out[0] = value == Py_None && PyIter_Check(receiver)
                 ? type->tp_iternext(receiver)
                 : PyObject_CallMethodOneArg(receiver, martlet_names.send, value);
    if (out[0] != NULL) {
        return 0;
    }
    if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
        _PyEval_MonitorRaise(ts, ts->current_frame, ts->current_frame->instr_ptr);
    }
    return _PyGen_FetchStopIterationValue(&out[1]);
}

/* Whether callable(*args), or callable(self, *args) if self is not NULL, with n arguments, is the call of a coroutine's
 * function that runs without the coroutine if that is awaited at once. */
MARTLET_CALL bool martlet_can_await_call(TS ts, O callable, O self, int64_t n)
{
    return martlet_awaits_call(ts, callable, (size_t)n + (self != NULL));
}

/* Calls what martlet_can_await_call allows, and awaits what that gives; steals callable, self and the arguments. args[-1] is
 * room that the helper may write. As martlet_send; where something was yielded, out[2] is the coroutine, new.
 * Source: CALL, GET_AWAITABLE, SEND. */
MARTLET_CALL int martlet_call_awaited(TS ts, O callable, O self, O *args, int64_t n, O *out)
{
    if (self == NULL) {
        return martlet_await_call(ts, callable, args, (size_t)n, out);
    }
    args[-1] = self;
    return martlet_await_call(ts, callable, args - 1, (size_t)n + 1, out);
}

/* Whether martlet_next_awaited gives the next item of an asynchronous iterator. */
MARTLET_CALL bool martlet_can_await_next(TS ts, O iterator)
{
    return martlet_awaits_next(ts, iterator);
}

/* Awaits the next item of what martlet_can_await_next allows: out[1], new. out[0] is what the iterator has yielded if it
 * waits for something itself, new, and out[2] what it is to be resumed by, new. All are NULL where it is exhausted.
 * Source: GET_ANEXT, SEND, END_ASYNC_FOR. */
MARTLET_CALL int martlet_next_awaited(TS ts, O iterator, O *out)
{
    return martlet_await_next(ts, iterator, out);
}

/* What an asynchronous generator yields an item in; new. Source: INTRINSIC_ASYNC_GEN_WRAP. */
MARTLET_CALL O martlet_async_item(TS ts, O v)
{
    return _PyIntrinsics_UnaryFunctions[INTRINSIC_ASYNC_GEN_WRAP].func(ts, v);
}

/* The iterator that `yield from v` delegates to; new. Source: GET_YIELD_FROM_ITER. */
MARTLET_CALL O martlet_get_yield_from_iter(F frame, O v)
{
    if (PyCoro_CheckExact(v)) {
        PyCodeObject *code = (PyCodeObject *)frame->f_executable;
        if (!(code->co_flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE))) {
            PyErr_SetString(PyExc_TypeError, "cannot 'yield from' a coroutine object in a non-coroutine generator");
            return NULL;
        }
        return Py_NewRef(v);
    }
    return PyGen_CheckExact(v) ? Py_NewRef(v) : PyObject_GetIter(v);
}

/* What `await v` waits for; new; steals v. `place` says whether v is what `__aenter__` (1) or `__aexit__` (2) gave.
 * Source: GET_AWAITABLE. */
MARTLET_CALL O martlet_get_awaitable(TS ts, O v, int32_t place)
{
    O iterator = _PyCoro_GetAwaitableIter(v);
    if (iterator == NULL) {
        _PyEval_FormatAwaitableError(ts, Py_TYPE(v), place);
    }
    Py_DECREF(v);
    if (iterator == NULL) {
        return NULL;
    }
    if (PyCoro_CheckExact(iterator)) {
        O awaited = _PyGen_yf((PyGenObject *)iterator);
        if (awaited != NULL) {
            Py_DECREF(awaited);
            Py_DECREF(iterator);
            PyErr_SetString(PyExc_RuntimeError, "coroutine is being awaited already");
            return NULL;
        }
    }
    return iterator;
}

/* The asynchronous iterator of v; new; steals v. Source: GET_AITER. */
MARTLET_CALL O martlet_get_aiter(O v)
{
    PyAsyncMethods *methods = Py_TYPE(v)->tp_as_async;
    if (methods == NULL || methods->am_aiter == NULL) {
        PyErr_Format(PyExc_TypeError, "'async for' requires an object with __aiter__ method, got %.100s",
                     Py_TYPE(v)->tp_name);
        Py_DECREF(v);
        return NULL;
    }
    O iterator = methods->am_aiter(v);
    Py_DECREF(v);
    if (iterator == NULL) {
        return NULL;
    }
    methods = Py_TYPE(iterator)->tp_as_async;
    if (methods == NULL || methods->am_anext == NULL) {
        PyErr_Format(PyExc_TypeError,
                     "'async for' received an object from __aiter__ that does not implement __anext__: %.100s",
                     Py_TYPE(iterator)->tp_name);
        Py_DECREF(iterator);
        return NULL;
    }
    return iterator;
}

/* What is to be awaited for the next item of an asynchronous iterator; new. Source: GET_ANEXT. */
MARTLET_CALL O martlet_get_anext(O iterator)
{
    PyTypeObject *type = Py_TYPE(iterator);
    if (type->tp_as_async == NULL || type->tp_as_async->am_anext == NULL) {
        PyErr_Format(PyExc_TypeError, "'async for' requires an iterator with __anext__ method, got %.100s",
                     type->tp_name);
        return NULL;
    }
    O next = type->tp_as_async->am_anext(iterator);
    if (next == NULL || type == &PyAsyncGen_Type) {
        return next;
    }
    O awaitable = _PyCoro_GetAwaitableIter(next);
    if (awaitable == NULL) {
        _PyErr_FormatFromCause(PyExc_TypeError, "'async for' received an invalid object from __anext__: %.100s",
                               Py_TYPE(next)->tp_name);
    }
    Py_DECREF(next);
    return awaitable;
}

/* Whether an exception says that an asynchronous iterator is exhausted. Source: END_ASYNC_FOR. */
MARTLET_CALL bool martlet_is_async_stop(O exception)
{
    return PyErr_GivenExceptionMatches(exception, PyExc_StopAsyncIteration);
}
