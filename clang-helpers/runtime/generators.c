/* generators.c: resuming generators and coroutines in machine code.
 *
 * Their classes have two slots by which C code, and so machine code, resumes them, and a method `send`. We stand in all
 * three. What has no machine code is passed on to the interpreter's own functions. The interpreter itself resumes a
 * generator by going into its frame, past the slots: there it stays interpreted.
 *
 * A generator that waits for another one, which may wait in turn, does nothing when it is resumed but to resume that,
 * whether compiled or not. So only the innermost is run; those around it are linked as if they had called it, and are run
 * where it ends.
 */
#include "runtime.h"

#include <internal/pycore_genobject.h>
#include <internal/pycore_opcode_utils.h>
#include <internal/pycore_typeobject.h>
#include <opcode_ids.h>

/* What stood in the slots; both classes have the same am_send. */
static iternextfunc plain_next;
static sendfunc plain_send;

/* The method `send` of each class, and what it did. */
static struct {
    PyMethodDef *method;
    PyCFunction plain;
} send_methods[2];

/* Whether we stand in the slots. */
static bool entered;

/* The interpreter whose code objects have records; others share the classes. */
static PyInterpreterState *home;

/* How many variables a code object that begins by making a generator takes from its function first; -1 = it begins in
 * another way. */
static inline int
free_vars_taken(const _Py_CODEUNIT *at)
{
    if (at[0].op.code == RETURN_GENERATOR) {
        return 0;
    }
    return at[0].op.code == COPY_FREE_VARS && at[1].op.code == RETURN_GENERATOR ? at[0].op.arg : -1;
}

/* How many parameters a function with n positional arguments in a call takes from its default values, if that is all that
 * is to be done about them and a generator or coroutine is what it begins with; -1 = else. */
static int
defaults_taken(PyFunctionObject *func, size_t n)
{
    PyCodeObject *code = (PyCodeObject *)func->func_code;
    if (free_vars_taken(_PyCode_CODE(code)) < 0 || n > (size_t)code->co_argcount || code->co_kwonlyargcount != 0
        || (code->co_flags & (CO_OPTIMIZED | CO_VARARGS | CO_VARKEYWORDS)) != CO_OPTIMIZED) {
        return -1;
    }
    int missing = code->co_argcount - (int)n;
    Py_ssize_t given = func->func_defaults == NULL ? 0 : PyTuple_GET_SIZE(func->func_defaults);
    return missing <= given ? missing : -1;
}

/* Begins the frame of a generator or coroutine behind the instruction that makes it, with n arguments, which it steals as
 * the reference to the function, and default values behind them. Source: RETURN_GENERATOR. */
static void
begin_frame(F frame, PyFunctionObject *func, O *args, int n, int n_defaults)
{
    PyCodeObject *code = (PyCodeObject *)func->func_code;
    _Py_CODEUNIT *first = _PyCode_CODE(code);
    int n_free = free_vars_taken(first);
    frame->f_executable = Py_NewRef(code);
    frame->previous = NULL;
    frame->f_funcobj = (O)func;
    frame->f_globals = func->func_globals;
    frame->f_builtins = func->func_builtins;
    frame->f_locals = NULL;
    frame->frame_obj = NULL;
    frame->instr_ptr = first + (n_free > 0 ? 2 : 1);
    frame->stacktop = code->co_nlocalsplus;
    frame->return_offset = 0;
    int i = 0;
    for (; i < n; i++) {
        frame->localsplus[i] = args[i];
    }
    for (int k = -n_defaults; k < 0; k++, i++) {
        O defaults = func->func_defaults;
        frame->localsplus[i] = Py_NewRef(PyTuple_GET_ITEM(defaults, PyTuple_GET_SIZE(defaults) + k));
    }
    for (; i < code->co_nlocalsplus - n_free; i++) {
        frame->localsplus[i] = NULL;
    }
    for (int k = 0; k < n_free; k++) {
        frame->localsplus[i + k] = Py_NewRef(PyTuple_GET_ITEM(func->func_closure, k));
    }
}

/* What calling a generator's or coroutine's function with n positional arguments gives; new; NULL: MemoryError. Steals
 * the arguments, but not where the general way is needed: then the answer is false. */
bool
martlet_make_generator(TS ts, PyFunctionObject *func, O *args, size_t n, O *result)
{
    int n_defaults = defaults_taken(func, n);
    if (n_defaults < 0 || !martlet_enabled || ts->tracing || ts->interp->eval_frame != NULL
        || ts->py_recursion_remaining <= 1 || ts->coroutine_origin_tracking_depth != 0) {
        return false;
    }
    PyGenObject *generator = (PyGenObject *)_Py_MakeCoro(func);
    *result = (O)generator;
    if (generator == NULL) {
        for (size_t i = 0; i < n; i++) {
            Py_DECREF(args[i]);
        }
        return true;
    }
    F frame = (F)generator->gi_iframe;
    begin_frame(frame, (PyFunctionObject *)Py_NewRef(func), args, (int)n, n_defaults);
    frame->owner = FRAME_OWNED_BY_GENERATOR;
    generator->gi_frame_state = FRAME_CREATED;
    return true;
}

/* Whether nobody has hold of the frame. */
static inline bool
is_free(F frame)
{
    if (MARTLET_UNLIKELY(frame->frame_obj != NULL)) {
        martlet_frame_forget(frame);
    }
    return frame->frame_obj == NULL;
}

/* As RESUME does in a frame that is linked, sees to pending events; behind `yield from` and `await` it does not look.
 * Then runs what the cell leads to, or leaves the frame to the interpreter. `depth` is that of the value stack. */
static __attribute__((cold, noinline)) O
resume_late(TS ts, F frame, const struct martlet_record *record, int depth)
{
    uint8_t opcode = frame->instr_ptr->op.code, arg = frame->instr_ptr->op.arg;
    bool is_resume = opcode == RESUME || opcode == RESUME_CHECK;
    if (opcode == POP_TOP) {
        return MARTLET_SENTINEL; /* at the start: the interpreter will look at its RESUME */
    }
    bool looks = is_resume && (arg & RESUME_OPARG_LOCATION_MASK) < RESUME_AFTER_YIELD_FROM;
    if (looks && _Py_HandlePending(ts) < 0) {
        frame->stacktop = depth;
        martlet_traceback(ts, frame);
        return martlet_unwind(ts, frame) ? MARTLET_SENTINEL : NULL;
    }
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    bool may = martlet_may_enter(ts, record, code) && is_free(frame);
    return may ? (*record->cell)(ts, frame) : MARTLET_SENTINEL;
}

/* Compiles what is to be compiled before it runs. The record of the code, or NULL. */
static __attribute__((cold, noinline)) const struct martlet_record *
ask(F frame, PyCodeObject *code, const struct martlet_record *record)
{
    bool goes_on = martlet_all_loops && (record == NULL || !record->asked);
    if (martlet_enabled && (goes_on || martlet_must_ask(record))) {
        martlet_hooks.first_call((PyFunctionObject *)frame->f_funcobj, NULL, 0);
        record = martlet_record_of(code);
    }
    return record;
}

/* The record of a generator's or coroutine's code if its frame may go on in machine code, or NULL. */
static inline const struct martlet_record *
enterable(TS ts, F frame)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    const struct martlet_record *record = martlet_record_of(code);
    if (record == NULL || record->live == 0) {
        record = ask(frame, code, record);
    }
    return martlet_may_enter(ts, record, code) && is_free(frame) ? record : NULL;
}

/* Makes the generator the one that runs. */
static inline void
attach(TS ts, PyGenObject *generator)
{
    F frame = (F)generator->gi_iframe;
    generator->gi_exc_state.previous_item = ts->exc_info;
    ts->exc_info = &generator->gi_exc_state;
    generator->gi_frame_state = FRAME_EXECUTING;
    frame->previous = ts->current_frame;
    ts->current_frame = frame;
}

/* The generator that runs is suspended; its frame is not the current one any more. */
static inline void
detach(TS ts, PyGenObject *generator)
{
    ts->exc_info = generator->gi_exc_state.previous_item;
    generator->gi_exc_state.previous_item = NULL;
    ((F)generator->gi_iframe)->previous = NULL;
}

/* Runs a linked frame in machine code, until it is suspended or at its end or machine code gives up. */
static inline O
run_compiled(TS ts, F frame, const struct martlet_record *record)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    int depth = frame->stacktop;
    frame->stacktop = MARTLET_AT_WORK;
    ts->py_recursion_remaining--;
    O value = MARTLET_LIKELY(ts->eval_breaker == code->_co_instrumentation_version)
                  ? (*record->cell)(ts, frame)
                  : resume_late(ts, frame, record, depth);
    ts->py_recursion_remaining++;
    frame->return_offset = 0;
    if (frame->stacktop < 0) {
        /* Where it has ended, nothing is on its stack. */
        frame->stacktop = value == MARTLET_SENTINEL ? depth : code->co_nlocalsplus;
    }
    return value;
}

/* Runs a linked generator until it is suspended or at its end: in machine code, or with NULL for a record in the
 * interpreter. */
static inline PySendResult
run_linked(TS ts, PyGenObject *generator, const struct martlet_record *record, O *result)
{
    F frame = (F)generator->gi_iframe;
    O value = record != NULL ? run_compiled(ts, frame, record) : MARTLET_SENTINEL;
    if (value == NULL) {
        martlet_tell_unwind(ts, frame);
    }
    ts->current_frame = frame->previous;
    if (MARTLET_UNLIKELY(value == MARTLET_SENTINEL)) {
        value = _PyEval_EvalFrameDefault(ts, frame, 0);
    }
    else if (generator->gi_frame_state == FRAME_EXECUTING) {
        _PyEval_FrameClearAndPop(ts, frame);
    }
    else {
        detach(ts, generator);
    }
    *result = value;
    if (value == NULL) {
        return PYGEN_ERROR;
    }
    return FRAME_STATE_SUSPENDED(generator->gi_frame_state) ? PYGEN_NEXT : PYGEN_RETURN;
}

/* Resumes a generator that does not run. Source: gen_send_ex2. */
static inline PySendResult
resume(TS ts, PyGenObject *generator, O sent, O *result)
{
    F frame = (F)generator->gi_iframe;
    const struct martlet_record *record = enterable(ts, frame);
    if (record == NULL) {
        return plain_send((O)generator, sent, result);
    }
    frame->localsplus[frame->stacktop++] = Py_NewRef(sent);
    attach(ts, generator);
    return run_linked(ts, generator, record, result);
}

static inline bool
is_generator(O v)
{
    return PyGen_CheckExact(v) || PyCoro_CheckExact(v);
}

/* Code units: a SEND and its cache; from a SEND to the RESUME behind it, with YIELD_VALUE in between; and from there to
 * behind the jump back to SEND. */
#define SEND_SIZE 2
#define SEND_TO_RESUME 3
#define RESUME_TO_END 2

/* The generator that this one waits for and will resume when it is resumed itself, or NULL: also where somebody would be
 * told of that. */
static inline PyGenObject *
delegate_of(TS ts, PyGenObject *generator)
{
    if (generator->gi_frame_state != FRAME_SUSPENDED_YIELD_FROM) {
        return NULL;
    }
    F frame = (F)generator->gi_iframe;
    O awaited = frame->localsplus[frame->stacktop - 1];
    if (!is_generator(awaited) || !FRAME_STATE_SUSPENDED(((PyGenObject *)awaited)->gi_frame_state)) {
        return NULL;
    }
    const _Py_CODEUNIT *at = frame->instr_ptr;
    uint8_t send = at[-SEND_TO_RESUME].op.code, resume = at->op.code;
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    bool as_usual = (send == SEND || send == SEND_GEN) && at[-1].op.code == YIELD_VALUE
                    && (resume == RESUME || resume == RESUME_CHECK) && at[1].op.code == JUMP_BACKWARD_NO_INTERRUPT
                    && at[1].op.arg == RESUME_TO_END + SEND_TO_RESUME
                    && (ts->eval_breaker & ~_PY_EVAL_EVENTS_MASK) == code->_co_instrumentation_version;
    return as_usual ? (PyGenObject *)awaited : NULL;
}

/* Whether nobody is told that a linked generator, at its SEND, passes on what was yielded: where yields are told of, they
 * are instrumented at once in all that runs. */
static inline bool
yields_unseen(F frame)
{
    return frame->instr_ptr[SEND_SIZE].op.code == YIELD_VALUE;
}

/* What the current frame's generator waited for has done its part: it does its own. */
static __attribute__((noinline)) PySendResult
go_on_behind(TS ts, PyGenObject *generator, PySendResult status, O *result)
{
    F frame = (F)generator->gi_iframe;
    const struct martlet_record *record = NULL;
    if (status == PYGEN_NEXT) {
        frame->localsplus[frame->stacktop++] = *result;
        frame->instr_ptr += SEND_SIZE; /* YIELD_VALUE */
    }
    else if (status == PYGEN_RETURN) {
        frame->localsplus[frame->stacktop++] = *result;
        frame->instr_ptr += SEND_SIZE + frame->instr_ptr->op.arg;
        record = enterable(ts, frame);
    }
    else {
        martlet_traceback(ts, frame);
        if (!martlet_unwind(ts, frame)) {
            martlet_tell_unwind(ts, frame);
            ts->current_frame = frame->previous;
            _PyEval_FrameClearAndPop(ts, frame);
            return PYGEN_ERROR;
        }
    }
    return run_linked(ts, generator, record, result);
}

/* Resumes a generator that waits for `delegate`. */
static __attribute__((noinline)) PySendResult
resume_innermost(TS ts, PyGenObject *generator, PyGenObject *delegate, O sent, O *result)
{
    F bottom = ts->current_frame;
    do {
        attach(ts, generator);
        ((F)generator->gi_iframe)->instr_ptr -= SEND_TO_RESUME;
        ts->py_recursion_remaining--;
        generator = delegate;
        delegate = delegate_of(ts, generator);
    } while (delegate != NULL && ts->py_recursion_remaining > 1);
    PySendResult status = resume(ts, generator, sent, result);
    while (ts->current_frame != bottom) {
        F frame = ts->current_frame;
        generator = _PyFrame_GetGenerator(frame);
        ts->py_recursion_remaining++;
        if (status == PYGEN_NEXT && yields_unseen(frame)) {
            frame->instr_ptr += SEND_TO_RESUME;
            generator->gi_frame_state = FRAME_SUSPENDED_YIELD_FROM;
            ts->current_frame = frame->previous;
            detach(ts, generator);
        }
        else {
            status = go_on_behind(ts, generator, status, result);
        }
    }
    return status;
}

/* Whether a generator is to be resumed in the way of this file. What was not begun takes nothing but None. */
static inline bool
is_ours(TS ts, PyGenObject *generator, O sent)
{
    bool takes = generator->gi_frame_state != FRAME_CREATED || sent == Py_None;
    return generator->gi_frame_state < FRAME_EXECUTING && takes && martlet_enabled && ts->interp == home;
}

/* Whether those that wait may be skipped: nobody would be told of exceptions that come by them, which instruments
 * nothing, and the interpreter runs them in no other way. */
static inline bool
may_skip(TS ts)
{
    return !ts->tracing && ts->interp->eval_frame == NULL && ts->py_recursion_remaining > 1 && !martlet_stack_low(ts)
           && !martlet_exceptions_watched(ts);
}

static inline PySendResult
resume_any(TS ts, PyGenObject *generator, O sent, O *result)
{
    PyGenObject *delegate = delegate_of(ts, generator);
    if (MARTLET_UNLIKELY(delegate != NULL) && may_skip(ts)) {
        return resume_innermost(ts, generator, delegate, sent, result);
    }
    return resume(ts, generator, sent, result);
}

/* Words in front of a frame in the object that it is part of. */
#define WORDS_IN_FRONT (offsetof(PyGenObject, gi_iframe) / sizeof(O))

/* Whether a call with n positional arguments whose coroutine is awaited at once runs without one: see martlet_await_call. */
bool
martlet_awaits_call(TS ts, O callable, size_t n)
{
    if (!PyFunction_Check(callable)) {
        return false;
    }
    PyFunctionObject *func = (PyFunctionObject *)callable;
    PyCodeObject *code = (PyCodeObject *)func->func_code;
    bool is_plain = func->vectorcall == martlet_plain_vectorcall || func->vectorcall == martlet_vectorcall;
    return (code->co_flags & CO_COROUTINE) && is_plain && martlet_may_enter(ts, martlet_record_of(code), code)
           && defaults_taken(func, n) >= 0 && ts->coroutine_origin_tracking_depth == 0
           && (Py_ssize_t)WORDS_IN_FRONT + code->co_framesize < ts->datastack_limit - ts->datastack_top;
}

/* Makes the coroutine of which the frame of `standin` is to be, which has just been suspended. NULL: MemoryError. */
static PyGenObject *
make_suspended(PyGenObject *standin)
{
    F frame = (F)standin->gi_iframe;
    PyGenObject *coroutine = (PyGenObject *)_Py_MakeCoro((PyFunctionObject *)frame->f_funcobj);
    if (coroutine == NULL) {
        return NULL;
    }
    F copy = (F)coroutine->gi_iframe;
    memcpy(copy, frame, (size_t)((char *)&frame->localsplus[frame->stacktop] - (char *)frame));
    copy->owner = FRAME_OWNED_BY_GENERATOR;
    copy->previous = NULL;
    if (copy->frame_obj != NULL) {
        copy->frame_obj->f_frame = copy;
    }
    Py_SETREF(coroutine->gi_name, Py_NewRef(standin->gi_name));
    Py_SETREF(coroutine->gi_qualname, Py_NewRef(standin->gi_qualname));
    coroutine->gi_exc_state = standin->gi_exc_state;
    coroutine->gi_frame_state = standin->gi_frame_state;
    return coroutine;
}

/* Calls a coroutine's function and awaits what that gives; steals the callable and the n arguments. Nobody sees the coroutine
 * before it is suspended, so it is made only then: until then its frame stands where an ordinary function's does, and in
 * front of it, where they are in a coroutine, what is handled in it and its state. As martlet_send; where something was
 * yielded, out[2] is the coroutine, new. */
int
martlet_await_call(TS ts, O callable, O *args, size_t n, O *out)
{
    PyFunctionObject *func = (PyFunctionObject *)callable;
    PyCodeObject *code = (PyCodeObject *)func->func_code;
    PyGenObject *standin = (PyGenObject *)ts->datastack_top;
    ts->datastack_top += WORDS_IN_FRONT + (size_t)code->co_framesize;
    standin->gi_name = Py_NewRef(func->func_name);
    standin->gi_qualname = Py_NewRef(func->func_qualname);
    standin->gi_exc_state.exc_value = NULL;
    F frame = (F)standin->gi_iframe;
    begin_frame(frame, func, args, (int)n, defaults_taken(func, n));
    frame->owner = FRAME_OWNED_BY_THREAD;
    frame->localsplus[frame->stacktop++] = Py_None; /* what is sent */
    attach(ts, standin);
    O value = run_compiled(ts, frame, martlet_record_of(code));
    if (MARTLET_UNLIKELY(value == MARTLET_SENTINEL)) {
        ts->current_frame = frame->previous;
        value = _PyEval_EvalFrameDefault(ts, frame, 0);
        if (standin->gi_frame_state == FRAME_EXECUTING) {
            ts->exc_info = standin->gi_exc_state.previous_item;
        }
    }
    else if (MARTLET_LIKELY(standin->gi_frame_state == FRAME_EXECUTING)) {
        ts->exc_info = standin->gi_exc_state.previous_item;
        martlet_frame_pop(ts, frame);
    }
    else {
        ts->current_frame = frame->previous;
        detach(ts, standin);
    }
    out[0] = out[1] = out[2] = NULL;
    if (MARTLET_UNLIKELY(standin->gi_frame_state != FRAME_EXECUTING)) {
        PyGenObject *coroutine = make_suspended(standin);
        if (coroutine == NULL) {
            Py_CLEAR(value);
            frame->previous = ts->current_frame;
            martlet_release_stack(frame, 0);
            martlet_frame_pop(ts, frame);
            Py_CLEAR(standin->gi_exc_state.exc_value);
        }
        out[0] = value;
        out[2] = (O)coroutine;
    }
    else {
        out[1] = value;
        Py_XDECREF(standin->gi_exc_state.exc_value);
    }
    Py_DECREF(standin->gi_name);
    Py_DECREF(standin->gi_qualname);
    _PyThreadState_PopFrame(ts, (F)standin);
    return value == NULL ? -1 : 0;
}

/* Resumes a generator, coroutine or asynchronous generator, whatever its state. Source: PyGen_am_send. */
MARTLET_RUNTIME PySendResult
martlet_resume_generator(TS ts, PyGenObject *generator, O sent, O *result)
{
    if (!is_ours(ts, generator, sent)) {
        return plain_send((O)generator, sent, result);
    }
    return resume_any(ts, generator, sent, result);
}

/* The slot am_send of both classes. */
static PySendResult
send(O self, O sent, O *result)
{
    return martlet_resume_generator(_PyThreadState_GET(), (PyGenObject *)self, sent, result);
}

/* The next item of a generator, whatever its state; new, or NULL with an exception set or not. Source: gen_iternext. */
O
martlet_next_of_generator(TS ts, O self)
{
    if (!is_ours(ts, (PyGenObject *)self, Py_None)) {
        return plain_next(self);
    }
    O result;
    if (resume_any(ts, (PyGenObject *)self, Py_None, &result) == PYGEN_RETURN) {
        if (result != Py_None) {
            _PyGen_SetStopIterationValue(result);
        }
        Py_CLEAR(result);
    }
    return result;
}

/* The slot tp_iternext of generators. */
static O
next(O self)
{
    return martlet_next_of_generator(_PyThreadState_GET(), self);
}

/* The method `send` of both classes. Source: gen_send, gen_send_ex. */
static O
send_method(O self, O sent)
{
    O result;
    if (send(self, sent, &result) == PYGEN_RETURN) {
        if (result == Py_None) {
            PyErr_SetNone(PyExc_StopIteration);
        }
        else {
            _PyGen_SetStopIterationValue(result);
        }
        Py_CLEAR(result);
    }
    return result;
}

/* The definition of a class's method `send`, or NULL. */
MARTLET_RUNTIME PyMethodDef *
martlet_send_method_of(PyTypeObject *type)
{
    O method = _PyType_Lookup(type, martlet_names.send);
    return method != NULL && Py_IS_TYPE(method, &PyMethodDescr_Type) ? ((PyMethodDescrObject *)method)->d_method : NULL;
}

/* Learns the interpreter's own functions, which resume what we do not, also where we stand in no slot. */
MARTLET_RUNTIME void
martlet_learn_generators(void)
{
    plain_next = PyGen_Type.tp_iternext;
    plain_send = PyGen_Type.tp_as_async->am_send;
}

/* From now on generators and coroutines go on in machine code where there is some. */
MARTLET_RUNTIME void
martlet_enter_generators(void)
{
    if (!entered) {
        entered = true;
        home = _PyThreadState_GET()->interp;
        PyGen_Type.tp_iternext = next;
        PyGen_Type.tp_as_async->am_send = send;
        PyCoro_Type.tp_as_async->am_send = send;
        martlet_enter_async();
        send_methods[0].method = martlet_send_method_of(&PyGen_Type);
        send_methods[1].method = martlet_send_method_of(&PyCoro_Type);
        for (int i = 0; i < 2; i++) {
            if (send_methods[i].method != NULL) {
                send_methods[i].plain = send_methods[i].method->ml_meth;
                send_methods[i].method->ml_meth = send_method;
            }
        }
    }
}

/* The interpreter's own functions stand in the slots again. */
MARTLET_RUNTIME void
martlet_leave_generators(void)
{
    if (entered) {
        entered = false;
        PyGen_Type.tp_iternext = plain_next;
        PyGen_Type.tp_as_async->am_send = plain_send;
        PyCoro_Type.tp_as_async->am_send = plain_send;
        martlet_leave_async();
        for (int i = 0; i < 2; i++) {
            if (send_methods[i].method != NULL) {
                send_methods[i].method->ml_meth = send_methods[i].plain;
            }
        }
    }
}
