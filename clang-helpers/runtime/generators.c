/* generators.c: resuming generators and coroutines in machine code.
 *
 * Their classes have two slots by which C code, and so machine code, resumes them. We stand in both, and pass on to the
 * interpreter's own functions what has no machine code. The interpreter itself resumes a generator by going into its
 * frame, past the slots: there it stays interpreted.
 */
#include "runtime.h"

#include <internal/pycore_genobject.h>
#include <internal/pycore_opcode_utils.h>

/* What stood in the slots. NULL while we do not stand there. */
static iternextfunc plain_next;
static sendfunc plain_send_generator, plain_send_coroutine;

/* The interpreter whose code objects have records; others share the classes. */
static PyInterpreterState *home;

/* As RESUME does in a frame that is linked, sees to pending events; behind `yield from` and `await` it does not look.
 * Then runs what the cell leads to, or leaves the frame to the interpreter. `depth` is that of the value stack. */
static __attribute__((cold, noinline)) O
enter_late(TS ts, F frame, const struct martlet_record *record, int depth)
{
    bool looks = (frame->instr_ptr->op.arg & RESUME_OPARG_LOCATION_MASK) < RESUME_AFTER_YIELD_FROM;
    if (looks && _Py_HandlePending(ts) < 0) {
        frame->stacktop = depth;
        martlet_traceback(ts, frame);
        return martlet_unwind(frame) ? MARTLET_SENTINEL : NULL;
    }
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    bool may = martlet_may_enter(ts, record, code) && frame->frame_obj == NULL;
    return may ? (*record->cell)(ts, frame) : MARTLET_SENTINEL;
}

/* The record of a suspended generator or coroutine that may go on in machine code, or NULL. */
static inline const struct martlet_record *
resumable(TS ts, PyGenObject *generator)
{
    F frame = (F)generator->gi_iframe;
    if (generator->gi_frame_state >= FRAME_EXECUTING || ts->interp != home) {
        return NULL;
    }
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    struct martlet_record *record = martlet_record_of(code);
    if (MARTLET_UNLIKELY(martlet_enabled && martlet_must_ask(record))) {
        martlet_hooks.first_call((PyFunctionObject *)frame->f_funcobj, NULL, 0);
        record = martlet_record_of(code);
    }
    bool may = martlet_may_enter(ts, record, code) && frame->frame_obj == NULL;
    return may ? record : NULL;
}

/* Lets the generator go on in machine code, with `sent` on its stack. Source: gen_send_ex2. */
static PySendResult
resume(TS ts, PyGenObject *generator, const struct martlet_record *record, O sent, O *result)
{
    F frame = (F)generator->gi_iframe;
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    int depth = frame->stacktop + 1;
    frame->localsplus[frame->stacktop] = Py_NewRef(sent);
    generator->gi_exc_state.previous_item = ts->exc_info;
    ts->exc_info = &generator->gi_exc_state;
    generator->gi_frame_state = FRAME_EXECUTING;
    frame->stacktop = MARTLET_AT_WORK;
    frame->previous = ts->current_frame;
    ts->current_frame = frame;
    ts->py_recursion_remaining--;
    O value = MARTLET_LIKELY(ts->eval_breaker == code->_co_instrumentation_version)
                  ? (*record->cell)(ts, frame)
                  : enter_late(ts, frame, record, depth);
    ts->py_recursion_remaining++;
    frame->return_offset = 0;
    ts->current_frame = frame->previous;
    if (value == MARTLET_SENTINEL) {
        if (frame->stacktop < 0) {
            frame->stacktop = depth; /* it was not touched */
        }
        value = _PyEval_EvalFrameDefault(ts, frame, 0);
    }
    else if (generator->gi_frame_state == FRAME_EXECUTING) {
        frame->stacktop = code->co_nlocalsplus;
        _PyEval_FrameClearAndPop(ts, frame);
    }
    else {
        ts->exc_info = generator->gi_exc_state.previous_item;
        generator->gi_exc_state.previous_item = NULL;
        frame->previous = NULL;
    }
    *result = value;
    if (value == NULL) {
        return PYGEN_ERROR;
    }
    return FRAME_STATE_SUSPENDED(generator->gi_frame_state) ? PYGEN_NEXT : PYGEN_RETURN;
}

/* The slot am_send of both classes. */
static inline PySendResult
send(O self, O sent, O *result, sendfunc plain)
{
    TS ts = _PyThreadState_GET();
    PyGenObject *generator = (PyGenObject *)self;
    const struct martlet_record *record = resumable(ts, generator);
    /* What was not begun takes nothing. */
    if (record == NULL || (generator->gi_frame_state == FRAME_CREATED && sent != Py_None)) {
        return plain(self, sent, result);
    }
    return resume(ts, generator, record, sent, result);
}

static PySendResult
send_generator(O self, O sent, O *result)
{
    return send(self, sent, result, plain_send_generator);
}

static PySendResult
send_coroutine(O self, O sent, O *result)
{
    return send(self, sent, result, plain_send_coroutine);
}

/* The slot tp_iternext of generators. Source: gen_iternext. */
static O
next(O self)
{
    TS ts = _PyThreadState_GET();
    const struct martlet_record *record = resumable(ts, (PyGenObject *)self);
    if (record == NULL) {
        return plain_next(self);
    }
    O result;
    if (resume(ts, (PyGenObject *)self, record, Py_None, &result) == PYGEN_RETURN) {
        if (result != Py_None) {
            _PyGen_SetStopIterationValue(result);
        }
        Py_CLEAR(result);
    }
    return result;
}

/* From now on generators and coroutines go on in machine code where there is some. */
MARTLET_RUNTIME void
martlet_enter_generators(void)
{
    if (plain_next == NULL) {
        home = _PyThreadState_GET()->interp;
        plain_next = PyGen_Type.tp_iternext;
        plain_send_generator = PyGen_Type.tp_as_async->am_send;
        plain_send_coroutine = PyCoro_Type.tp_as_async->am_send;
        PyGen_Type.tp_iternext = next;
        PyGen_Type.tp_as_async->am_send = send_generator;
        PyCoro_Type.tp_as_async->am_send = send_coroutine;
    }
}

/* The interpreter's own functions stand in the slots again. */
MARTLET_RUNTIME void
martlet_leave_generators(void)
{
    if (plain_next != NULL) {
        PyGen_Type.tp_iternext = plain_next;
        PyGen_Type.tp_as_async->am_send = plain_send_generator;
        PyCoro_Type.tp_as_async->am_send = plain_send_coroutine;
        plain_next = NULL;
    }
}
