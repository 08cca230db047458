/* frames.c: frames of machine code, and calls between pieces of machine code.
 *
 * Every activation has a real interpreter frame, so that tracebacks, sys._getframe, profilers and the collector see
 * what they always see. A frame owns its function, its code object and its locals.
 */
#include "inline.h"

#include <pystate.h>

/* exceptions.c */
void martlet_tell_unwind(TS ts, F frame);

/* Marks the frame as run by this version. frame->return_offset is free while a frame calls nobody through the
 * interpreter. */
MARTLET_HELPER void martlet_enter(F frame, struct martlet_unit *unit)
{
    frame->return_offset = unit->mark;
}

/* Says at which instruction the frame is: needed before anything that may look at the frame. */
MARTLET_HELPER void martlet_set_ip(F frame, uint32_t code_unit)
{
    frame->instr_ptr = _PyCode_CODE((PyCodeObject *)frame->f_executable) + code_unit;
}

/* Local i; borrowed; NULL (no exception) if it is unbound. */
MARTLET_HELPER O martlet_local(F frame, uint32_t i)
{
    return frame->localsplus[i];
}

/* Local i = v; steals v, which may be NULL. The old content is released last. Source: SETLOCAL. */
MARTLET_HELPER void martlet_local_store(F frame, uint32_t i, O v)
{
    O old = frame->localsplus[i];
    frame->localsplus[i] = v;
    martlet_inline_xdecref(old);
}

/* As martlet_local_store where the old content is known to be NULL, None, a bool, int, float or str: runs no Python. */
MARTLET_HELPER void martlet_local_store_quiet(F frame, uint32_t i, O v)
{
    O old = frame->localsplus[i];
    frame->localsplus[i] = v;
    martlet_inline_xdecref(old);
}

/* Local i = v, boxed; the old content is quiet. Overwrites that where only the slot refers to it: the caller sees to it
 * that no borrowed reference to it is alive. 0, or -1 = MemoryError. */
MARTLET_CALL int martlet_local_sync_float(TS ts, F frame, uint32_t i, double v)
{
    O old = frame->localsplus[i];
    if (old != NULL && Py_IS_TYPE(old, &PyFloat_Type) && old->ob_refcnt == 1) {
        ((PyFloatObject *)old)->ob_fval = v;
        return 0;
    }
    O box = martlet_inline_float_box(ts, v);
    if (box == NULL) {
        return -1;
    }
    frame->localsplus[i] = box;
    martlet_inline_xdecref(old);
    return 0;
}

/* As martlet_local_sync_float for a local whose slot holds the object of the value, or NULL where there is none yet. */
MARTLET_CALL int martlet_local_keep_float(TS ts, F frame, uint32_t i, double v)
{
    if (frame->localsplus[i] == NULL) {
        frame->localsplus[i] = martlet_inline_float_box(ts, v);
    }
    return frame->localsplus[i] != NULL ? 0 : -1;
}

/* As martlet_local_sync_float, for an int. */
MARTLET_CALL int martlet_local_sync_int(TS ts, F frame, uint32_t i, int64_t v)
{
    (void)ts;
    O old = frame->localsplus[i];
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    bool small = (uint64_t)(v - MARTLET_SMALL_MIN) < MARTLET_SMALL_COUNT;
    bool compact = old != NULL && Py_IS_TYPE(old, &PyLong_Type) && martlet_inline_int_is_compact(old);
    if (compact && martlet_inline_int_compact_value(old) == v) {
        return 0;
    }
    if (magnitude >> PyLong_SHIFT == 0 && !small && compact && old->ob_refcnt == 1) {
        PyLongObject *block = (PyLongObject *)old;
        block->long_value.lv_tag = 1 << NON_SIZE_BITS | (v < 0 ? SIGN_NEGATIVE : 0);
        block->long_value.ob_digit[0] = (digit)magnitude;
        return 0;
    }
    O box = martlet_inline_int_box(v);
    if (box == NULL) {
        return -1;
    }
    frame->localsplus[i] = box;
    martlet_inline_xdecref(old);
    return 0;
}

/* As martlet_local_sync_float, for a bool; cannot fail. */
MARTLET_CALL int martlet_local_sync_bool(TS ts, F frame, uint32_t i, bool v)
{
    (void)ts;
    O old = frame->localsplus[i];
    frame->localsplus[i] = v ? Py_True : Py_False;
    martlet_inline_xdecref(old);
    return 0;
}

/* Whether storing to local i runs no Python: it is unbound, or what it holds outlives the store or dies silently. */
MARTLET_HELPER bool martlet_local_quiet(F frame, uint32_t i)
{
    return martlet_inline_release_quiet(frame->localsplus[i]);
}

/* Unbinds local i, if it is bound. */
MARTLET_HELPER void martlet_local_clear(F frame, uint32_t i)
{
    O old = frame->localsplus[i];
    frame->localsplus[i] = NULL;
    martlet_inline_xdecref(old);
}

/* Item i of the frame's value stack, counted from its bottom; the reference moves to the caller. */
MARTLET_HELPER O martlet_stack_take(F frame, uint32_t i)
{
    O *slot = &frame->localsplus[(uint32_t)((PyCodeObject *)frame->f_executable)->co_nlocalsplus + i];
    O item = *slot;
    *slot = NULL;
    return item;
}

/* Item i of the frame's value stack = v, where there was none; steals v, which may be NULL. */
MARTLET_HELPER void martlet_stack_put(F frame, uint32_t i, O v)
{
    frame->localsplus[(uint32_t)((PyCodeObject *)frame->f_executable)->co_nlocalsplus + i] = v;
}

/* Whether the version's assumptions hold and nobody has taken hold of the frame. */
MARTLET_HELPER bool martlet_unit_ok(struct martlet_unit *unit, F frame)
{
    return (unit->valid != 0) & (frame->frame_obj == NULL); /* no branch between them */
}

/* Whether the version's assumptions hold. */
MARTLET_HELPER bool martlet_unit_valid(struct martlet_unit *unit)
{
    return unit->valid != 0;
}

/* Whether something waits for a poll: a signal, another thread, the collector, a pending call.
 * Source: CHECK_EVAL_BREAKER. */
MARTLET_HELPER bool martlet_poll_due(TS ts)
{
    return (_Py_atomic_load_uintptr_relaxed(&ts->eval_breaker) & _PY_EVAL_EVENTS_MASK) != 0;
}

/* Sets the RecursionError of a call too deep, or answers false while the headroom for handling one is in use.
 * Source: _Py_CheckRecursiveCallPy. */
static bool recursion_error(TS ts)
{
    if (ts->recursion_headroom != 0) {
        if (ts->py_recursion_remaining < -50) {
            Py_FatalError("Cannot recover from Python stack overflow.");
        }
        return false;
    }
    ts->recursion_headroom++;
    PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded");
    ts->recursion_headroom--;
    return true;
}

static void point_at_body(F frame)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    frame->instr_ptr = _PyCode_CODE(code) + code->_co_firsttraceable;
}

/* A frame where the fast way cannot make one: the recursion limit is reached, or the chunk of frames is full. The
 * interpreter's own function opens a new chunk; it wants arguments, which are taken out again. */
MARTLET_COLD F martlet_frame_push_slow(TS ts, O function)
{
    if (ts->py_recursion_remaining <= 0 && recursion_error(ts)) {
        return NULL;
    }
    O none[256];
    PyCodeObject *code = (PyCodeObject *)((PyFunctionObject *)function)->func_code;
    if (code->co_argcount > 256) {
        PyErr_SetString(PyExc_SystemError, "martlet: too many parameters for a direct call");
        return NULL;
    }
    for (int i = 0; i < code->co_argcount; i++) {
        none[i] = Py_NewRef(Py_None);
    }
    F frame = _PyEvalFramePushAndInit(ts, (PyFunctionObject *)Py_NewRef(function), NULL, none,
                                      (size_t)code->co_argcount, NULL);
    if (frame == NULL) {
        return NULL;
    }
    for (int i = 0; i < code->co_argcount; i++) {
        Py_CLEAR(frame->localsplus[i]);
    }
    point_at_body(frame);
    return frame;
}

/* What a frame that was just made says of itself, as one word: the interpreter's fields in their order. */
struct frame_head {
    int stacktop;
    uint16_t return_offset;
    char owner;
    char unused;
};
_Static_assert(offsetof(struct _PyInterpreterFrame, return_offset) - offsetof(struct _PyInterpreterFrame, stacktop) ==
                       offsetof(struct frame_head, return_offset) &&
                   offsetof(struct _PyInterpreterFrame, owner) - offsetof(struct _PyInterpreterFrame, stacktop) ==
                       offsetof(struct frame_head, owner) &&
                   offsetof(struct _PyInterpreterFrame, localsplus) - offsetof(struct _PyInterpreterFrame, stacktop) ==
                       sizeof(struct frame_head),
               "stacktop, return_offset and owner are one word");

/* A frame for a call of `function` with exactly the parameters it has, none of them collected into a tuple or dict.
 * All locals are NULL; the frame is not linked yet. `n_locals` and `frame_size` (in words) are the code object's.
 * NULL = RecursionError or MemoryError. Source: _PyFrame_PushUnchecked. */
MARTLET_HOT F martlet_frame_push(TS ts, O function, uint32_t n_locals, uint32_t frame_size)
{
    /* Without a chunk, top and limit are NULL: there is no room. */
    O *top = ts->datastack_top;
    if (MARTLET_UNLIKELY(ts->py_recursion_remaining <= 0 || (Py_ssize_t)frame_size >= ts->datastack_limit - top)) {
        return martlet_frame_push_slow(ts, function);
    }
    ts->datastack_top = top + frame_size;
    F frame = (F)top;
    PyFunctionObject *f = (PyFunctionObject *)function;
    PyCodeObject *code = (PyCodeObject *)f->func_code;
    Py_INCREF(function);
    Py_INCREF(code);
    frame->f_executable = (O)code;
    frame->f_funcobj = function;
    frame->f_globals = f->func_globals;
    frame->f_builtins = f->func_builtins;
    frame->f_locals = NULL;
    frame->frame_obj = NULL;
    frame->instr_ptr = _PyCode_CODE(code) + code->_co_firsttraceable;
    struct frame_head head = {(int)n_locals, 0, FRAME_OWNED_BY_THREAD, 0};
    memcpy(&frame->stacktop, &head, sizeof head);
    for (uint32_t i = 0; i < n_locals; i++) {
        frame->localsplus[i] = NULL;
    }
    return frame;
}

/* As martlet_frame_push, never inlined: a hundred instructions less to compile at each call. */
MARTLET_CALL F martlet_frame_push_out_of_line(TS ts, O function, uint32_t n_locals, uint32_t frame_size)
{
    return martlet_frame_push(ts, function, n_locals, frame_size);
}

/* Gives a frame that martlet_frame_push made parameter i; steals v. */
MARTLET_HELPER void martlet_frame_arg(F callee, uint32_t i, O v)
{
    callee->localsplus[i] = v;
}

/* Unlinks and clears the topmost frame, whose value stack is empty; with an exception set that leaves it. Locals are released
 * first, as the interpreter does; their destructors see the caller's frame on top. Source: clear_thread_frame. */
MARTLET_CALL void martlet_frame_pop(TS ts, F frame)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    int n_locals = code->co_nlocalsplus;
    if (MARTLET_UNLIKELY(ts->current_exception != NULL)) {
        martlet_tell_unwind(ts, frame);
    }
    ts->current_frame = frame->previous;
    frame->stacktop = n_locals;
    if (MARTLET_UNLIKELY(frame->frame_obj != NULL || frame->f_locals != NULL)) {
        _PyEval_FrameClearAndPop(ts, frame);
        return;
    }
    ts->c_recursion_remaining--;
    frame->stacktop = 0;
    for (int i = 0; i < n_locals; i++) {
        martlet_inline_xdecref(frame->localsplus[i]);
    }
    martlet_inline_decref(frame->f_funcobj);
    martlet_inline_decref((O)code);
    ts->c_recursion_remaining++;
    if (MARTLET_UNLIKELY((O *)frame == &ts->datastack_chunk->data[0])) {
        _PyThreadState_PopFrame(ts, frame);
    } else {
        ts->datastack_top = (O *)frame;
    }
}

/* Goes on in the interpreter with a linked frame that machine code has left; unlinks, clears and pops it. New; NULL.
 * The interpreter links the frame again and counts the call itself. */
MARTLET_COLD O martlet_frame_resume(TS ts, F frame)
{
    ts->current_frame = frame->previous;
    return _PyEval_EvalFrameDefault(ts, frame, 0);
}

/* Runs a call in the interpreter from its first instruction, because the C stack is low: the interpreter needs none
 * for further Python calls. */
MARTLET_COLD O martlet_frame_run_interpreted(TS ts, F callee)
{
    callee->instr_ptr = _PyCode_CODE((PyCodeObject *)callee->f_executable);
    callee->stacktop = ((PyCodeObject *)callee->f_executable)->co_nlocalsplus;
    return _PyEval_EvalFrameDefault(ts, callee, 0);
}

/* Runs a frame that martlet_frame_push made: links it, runs what the cell leads to, goes on in the interpreter if that
 * gives the frame up, and pops the frame. New; NULL = exception. */
MARTLET_HOT O martlet_frame_run(TS ts, F callee, martlet_body *cell)
{
    char here; /* the intrinsic for the frame's address would keep this from being inlined */
    if (MARTLET_UNLIKELY(martlet_stack.thread != ts->id || (uintptr_t)&here < martlet_stack.limit)) {
        if (martlet_stack_is_low(ts)) {
            return martlet_frame_run_interpreted(ts, callee);
        }
    }
    callee->previous = ts->current_frame;
    ts->current_frame = callee;
    ts->py_recursion_remaining--;
    O result = (*cell)(ts, callee);
    ts->py_recursion_remaining++;
    if (MARTLET_UNLIKELY(result == MARTLET_SENTINEL)) {
        return martlet_frame_resume(ts, callee);
    }
    martlet_frame_pop(ts, callee);
    return result;
}

/* As martlet_frame_run, never inlined. */
MARTLET_CALL O martlet_frame_run_out_of_line(TS ts, F callee, martlet_body *cell)
{
    return martlet_frame_run(ts, callee, cell);
}
