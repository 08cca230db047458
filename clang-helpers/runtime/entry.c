/* entry.c: the one door from the interpreter into machine code.
 *
 * martlet_vectorcall is the vectorcall of every function with compiled code. It pushes a real interpreter frame, runs
 * the machine code on it, and goes on in the interpreter where machine code gave up. It is never freed, so it may hold
 * what a version may not.
 */
#include "runtime.h"

#include <internal/pycore_dict.h>

struct martlet_hooks martlet_hooks;
Py_ssize_t martlet_extra_index = -1;
vectorcallfunc martlet_plain_vectorcall;
uint8_t martlet_always;
uint8_t martlet_enabled;
uint8_t martlet_all_loops;

/* At least one function was given back because the C stack was low. */
static uint8_t martlet_suspended;

/* Arguments that the caller hands over: a call with just these takes them. Set for the length of a call's start. */
static O const *owned_arguments;

/* The default target of every entry: nothing is compiled, the interpreter runs the frame from its start. */
O
martlet_interpret(TS ts, F frame)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    frame->instr_ptr = _PyCode_CODE(code);
    frame->stacktop = code->co_nlocalsplus;
    struct martlet_record *record = martlet_record_of(code);
    if (MARTLET_UNLIKELY(martlet_enabled && martlet_must_ask(record))) {
        martlet_hooks.first_call((PyFunctionObject *)frame->f_funcobj, frame->localsplus, code->co_argcount);
        record = martlet_record_of(code);
        if (record != NULL && record->live > 0) {
            frame->instr_ptr = _PyCode_CODE(code) + code->_co_firsttraceable;
            return (*record->cell)(ts, frame);
        }
    }
    return MARTLET_SENTINEL;
}

static inline Py_ssize_t
n_keywords(O kwnames)
{
    return kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
}

/* Whether the arguments stand on the value stack of the interpreter's CALL that made this very call. It will release
 * them when we return, but a Python function that the interpreter runs inline owns its arguments: where it drops one,
 * that dies. So they are taken from there, and Nones put in their place. A bound method's self is not on that stack.
 * A C function that forwards the end of its own arguments, one of them being the callable, forwards fewer of them than
 * the instruction has; `n` counts those given by keyword, too. */
static inline bool
may_take(TS ts, O callable, O const *args, Py_ssize_t n)
{
    if (args == owned_arguments) {
        owned_arguments = NULL;
        return true;
    }
    F caller = ts->current_frame;
    if (caller == NULL || caller->owner == FRAME_OWNED_BY_CSTACK) {
        return false;
    }
    PyCodeObject *code = (PyCodeObject *)caller->f_executable;
    O const *stack = caller->localsplus + code->co_nlocalsplus;
    if (args < stack + 1 || args > stack + code->co_stacksize) {
        return false;
    }
    /* Two words stand below what the instruction counts: the callable, and self or NULL. */
    uint8_t counted = caller->instr_ptr->op.arg;
    return args[-1] == callable ? counted == (uint8_t)(n - 1)
                                : args > stack + 1 && args[-1] == NULL && args[-2] == callable && counted == (uint8_t)n;
}

/* Pushes a frame whose function and parameters the caller fills in, the other locals NULL; NULL when the data stack's
 * chunk is full. */
static inline F
push_simple(TS ts, PyFunctionObject *func, PyCodeObject *code)
{
    PyObject **top = ts->datastack_top;
    int size = code->co_framesize;
    if (MARTLET_UNLIKELY(top == NULL || size >= ts->datastack_limit - top)) {
        return NULL;
    }
    ts->datastack_top = top + size;
    F frame = (F)top;
    frame->f_executable = Py_NewRef(code);
    frame->f_globals = func->func_globals;
    frame->f_builtins = func->func_builtins;
    frame->f_locals = NULL;
    frame->frame_obj = NULL;
    frame->instr_ptr = _PyCode_CODE(code) + code->_co_firsttraceable;
    frame->return_offset = 0;
    frame->owner = FRAME_OWNED_BY_THREAD;
    frame->stacktop = code->co_nlocalsplus;
    for (int i = code->co_argcount; i < code->co_nlocalsplus; i++) {
        frame->localsplus[i] = NULL;
    }
    return frame;
}

#define SUSPENDABLE (CO_GENERATOR | CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR)

/* Whether parameters stand for one argument each, and a call runs the body. */
static inline bool
is_ordinary(PyCodeObject *code)
{
    return (code->co_flags & (CO_OPTIMIZED | CO_VARARGS | CO_VARKEYWORDS | SUSPENDABLE)) == CO_OPTIMIZED;
}

/* The default value of a parameter, borrowed; NULL (no exception) if it has none, or to find it might run code. */
static inline O
default_of(PyFunctionObject *func, PyCodeObject *code, int parameter)
{
    if (parameter < code->co_argcount) {
        O defaults = func->func_defaults;
        Py_ssize_t index = parameter - code->co_argcount + (defaults == NULL ? 0 : PyTuple_GET_SIZE(defaults));
        return index < 0 || defaults == NULL ? NULL : PyTuple_GET_ITEM(defaults, index);
    }
    PyDictObject *defaults = (PyDictObject *)func->func_kwdefaults;
    if (defaults == NULL || !DK_IS_UNICODE(defaults->ma_keys)) {
        return NULL;
    }
    O name = PyTuple_GET_ITEM(code->co_localsplusnames, parameter);
    return _PyDict_GetItem_KnownHash((O)defaults, name, ((PyASCIIObject *)name)->hash);
}

/* Puts n arguments, the last of them named by `names`, where the parameters of an ordinary function stand, and default
 * values where none is given. The arguments' references are not made here. False where that is not so simple, or an
 * error: nothing has happened. Source: initialize_locals in ceval.c. */
static bool
arrange(PyFunctionObject *func, PyCodeObject *code, O *locals, O const *args, Py_ssize_t n, O names)
{
    Py_ssize_t n_positional = n - n_keywords(names);
    int n_params = code->co_argcount + code->co_kwonlyargcount;
    if (n_positional > code->co_argcount || n_params > 64) {
        return false;
    }
    for (int i = 0; i < n_params; i++) {
        locals[i] = i < n_positional ? args[i] : NULL;
    }
    for (Py_ssize_t i = n_positional; i < n; i++) {
        O name = PyTuple_GET_ITEM(names, i - n_positional);
        int at = code->co_posonlyargcount;
        while (at < n_params && PyTuple_GET_ITEM(code->co_localsplusnames, at) != name) {
            at++;
        }
        if (at == n_params || locals[at] != NULL) {
            return false;
        }
        locals[at] = args[i];
    }
    uint64_t by_default = 0;
    bool found = true;
    for (int i = (int)n_positional; i < n_params && found; i++) {
        if (locals[i] == NULL) {
            locals[i] = default_of(func, code, i);
            found = locals[i] != NULL;
            by_default |= (uint64_t)found << i;
        }
    }
    for (int i = (int)n_positional; i < n_params && found; i++) {
        if (by_default >> i & 1) {
            Py_INCREF(locals[i]);
        }
    }
    return found;
}

/* Pushes a frame whose function the caller fills in, as he makes the arguments' references. NULL where push_general is
 * needed: nothing has happened. */
static inline F
push_arranged(TS ts, PyFunctionObject *func, PyCodeObject *code, O const *args, Py_ssize_t n, O names)
{
    F frame = MARTLET_LIKELY(is_ordinary(code)) ? push_simple(ts, func, code) : NULL;
    if (MARTLET_UNLIKELY(frame == NULL)) {
        return NULL;
    }
    if (MARTLET_LIKELY(names == NULL && n == code->co_argcount && code->co_kwonlyargcount == 0)) {
        for (Py_ssize_t i = 0; i < n; i++) {
            frame->localsplus[i] = args[i];
        }
    }
    else if (!arrange(func, code, frame->localsplus, args, n, names)) {
        ts->datastack_top = (O *)frame;
        Py_DECREF(code);
        return NULL;
    }
    return frame;
}

/* The frame is the arguments' owner now: with `take`, Nones are left to the caller. */
static inline void
give(O const *args, Py_ssize_t n, bool take)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        if (take) {
            ((O *)args)[i] = Py_None;
        }
        else {
            Py_INCREF(args[i]);
        }
    }
}

/* Pushes a frame for any call, as the interpreter does. NULL with an exception set. */
static __attribute__((noinline)) F
push_general(TS ts, PyFunctionObject *func, O const *args, Py_ssize_t n_args, O kwnames, bool take)
{
    Py_ssize_t n_total = n_args + n_keywords(kwnames);
    O taken[n_total + 1];
    for (Py_ssize_t i = 0; i < n_total; i++) {
        taken[i] = args[i];
    }
    give(args, n_total, take);
    F frame = _PyEvalFramePushAndInit(ts, (PyFunctionObject *)Py_NewRef(func), NULL, taken, (size_t)n_args, kwnames);
    if (frame != NULL) {
        PyCodeObject *code = (PyCodeObject *)func->func_code;
        frame->instr_ptr = _PyCode_CODE(code) + code->_co_firsttraceable;
    }
    return frame;
}

/* The call goes to the interpreter. What makes that permanent is undone here. */
static __attribute__((cold, noinline)) O
interpret_call(O callable, O const *args, size_t nargsf, O kwnames, TS ts)
{
    PyFunctionObject *func = (PyFunctionObject *)callable;
    struct martlet_record *record = martlet_record_of((PyCodeObject *)func->func_code);
    if (martlet_enabled && martlet_stack_low(ts)) {
        /* The interpreter calls a function with its own vectorcall without nesting in C. */
        func->vectorcall = martlet_plain_vectorcall;
        martlet_suspended = 1;
    }
    else if (record == NULL ? !martlet_always : record->refused || !record->entered) {
        martlet_leave_function(func);
    }
    if (ts->interp->eval_frame != NULL || !(((PyCodeObject *)func->func_code)->co_flags & CO_OPTIMIZED)) {
        return martlet_plain_vectorcall(callable, args, nargsf, kwnames);
    }
    Py_ssize_t n_args = PyVectorcall_NARGS(nargsf);
    bool take = may_take(ts, callable, args, n_args + n_keywords(kwnames));
    F frame = push_general(ts, func, args, n_args, kwnames, take);
    if (frame == NULL) {
        return NULL;
    }
    frame->instr_ptr = _PyCode_CODE((PyCodeObject *)func->func_code);
    return _PyEval_EvalFrameDefault(ts, frame, 0);
}

/* Whether functions were given back because the C stack was low, and it is not low any more. Says so once. */
MARTLET_RUNTIME bool
martlet_may_resume(void)
{
    if (!martlet_suspended || martlet_stack_low(_PyThreadState_GET())) {
        return false;
    }
    martlet_suspended = 0;
    return true;
}

/* Handles pending events as RESUME does, in the new frame, and then runs it. */
static __attribute__((cold, noinline)) O
enter_late(TS ts, F frame)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    if (_Py_HandlePending(ts) < 0) {
        martlet_traceback(ts, frame);
        return NULL;
    }
    /* Much may have happened: what was tested before the call is tested again. */
    struct martlet_record *record = martlet_record_of(code);
    if (martlet_enabled && record->live > 0 && frame->frame_obj == NULL
        && (ts->eval_breaker & ~_PY_EVAL_EVENTS_MASK) == code->_co_instrumentation_version) {
        return (*record->cell)(ts, frame);
    }
    return martlet_interpret(ts, frame);
}

/* Links a new frame, runs what the cell leads to, goes on in the interpreter if that gives the frame up, and pops it. */
static inline O
run(TS ts, F frame, const struct martlet_record *record, PyCodeObject *code)
{
    frame->previous = ts->current_frame;
    ts->current_frame = frame;
    ts->py_recursion_remaining--;
    /* The breaker holds pending events and the version of the instrumentation: equal means neither is in the way. */
    O result = MARTLET_LIKELY(ts->eval_breaker == code->_co_instrumentation_version) ? (*record->cell)(ts, frame)
                                                                                     : enter_late(ts, frame);
    ts->py_recursion_remaining++;
    if (MARTLET_UNLIKELY(result == MARTLET_SENTINEL)) {
        ts->current_frame = frame->previous;
        return _PyEval_EvalFrameDefault(ts, frame, 0);
    }
    martlet_frame_pop(ts, frame);
    return result;
}

O
martlet_vectorcall(O callable, O const *args, size_t nargsf, O kwnames)
{
    PyFunctionObject *func = (PyFunctionObject *)callable;
    TS ts = _PyThreadState_GET();
    Py_ssize_t n_args = PyVectorcall_NARGS(nargsf);
    struct martlet_record *record = martlet_record_of((PyCodeObject *)func->func_code);
    if (MARTLET_UNLIKELY(martlet_enabled && martlet_must_ask(record))) {
        martlet_hooks.first_call(func, args, kwnames == NULL ? n_args : 0);
        record = martlet_record_of((PyCodeObject *)func->func_code);
    }
    PyCodeObject *code = (PyCodeObject *)func->func_code;
    if (MARTLET_UNLIKELY(!martlet_may_enter(ts, record, code) || record->resumable)) {
        return interpret_call(callable, args, nargsf, kwnames, ts);
    }
    Py_ssize_t n_total = n_args + n_keywords(kwnames);
    bool take = may_take(ts, callable, args, n_total);
    F frame = push_arranged(ts, func, code, args, n_total, kwnames);
    if (MARTLET_LIKELY(frame != NULL)) {
        frame->f_funcobj = Py_NewRef(func);
        give(args, n_total, take);
    }
    else {
        frame = push_general(ts, func, args, n_args, kwnames, take);
        if (frame == NULL) {
            return NULL;
        }
    }
    return run(ts, frame, record, code);
}

/* As martlet_call_function where machine code is not entered at once. */
static __attribute__((noinline)) O
call_slowly(TS ts, O callable, O *args, size_t n, O names)
{
    PyCodeObject *code = (PyCodeObject *)((PyFunctionObject *)callable)->func_code;
    vectorcallfunc entry = ((PyFunctionObject *)callable)->vectorcall;
    O result;
    if ((code->co_flags & SUSPENDABLE) && entry == martlet_plain_vectorcall && names == NULL
        && martlet_make_generator(ts, (PyFunctionObject *)callable, args, n, &result)) {
        Py_DECREF(callable);
        return result;
    }
    if (!martlet_suspended) {
        martlet_enter_function((PyFunctionObject *)callable);
    }
    entry = ((PyFunctionObject *)callable)->vectorcall;
    size_t n_positional = n - (size_t)n_keywords(names);
    if (entry == martlet_vectorcall || entry == martlet_plain_vectorcall) {
        owned_arguments = args;
        result = entry == martlet_vectorcall ? martlet_vectorcall(callable, args, n_positional, names)
                                             : interpret_call(callable, args, n_positional, names, ts);
        owned_arguments = NULL;
    }
    else {
        result = entry(callable, args, n_positional, names);
    }
    Py_DECREF(callable);
    for (size_t i = 0; i < n; i++) {
        Py_DECREF(args[i]);
    }
    return result;
}

/* Whether the interpreter runs calls of a function, and nothing is to be learned from this one. */
static inline bool
is_interpreted(TS ts, PyFunctionObject *func, const struct martlet_record *record)
{
    return func->vectorcall == martlet_plain_vectorcall && ts->interp->eval_frame == NULL
           && (record == NULL ? !martlet_always : record->refused || !record->entered);
}

MARTLET_RUNTIME O
martlet_call_function(TS ts, O callable, O *args, size_t n, O names)
{
    PyFunctionObject *func = (PyFunctionObject *)callable;
    PyCodeObject *code = (PyCodeObject *)func->func_code;
    struct martlet_record *record = martlet_record_of(code);
    bool enters = func->vectorcall == martlet_vectorcall && martlet_may_enter(ts, record, code);
    if (MARTLET_UNLIKELY(!enters && !is_interpreted(ts, func, record))) {
        return call_slowly(ts, callable, args, n, names);
    }
    F frame = push_arranged(ts, func, code, args, (Py_ssize_t)n, names);
    if (MARTLET_UNLIKELY(frame == NULL)) {
        return call_slowly(ts, callable, args, n, names);
    }
    frame->f_funcobj = callable;
    if (enters) {
        return run(ts, frame, record, code);
    }
    frame->instr_ptr = _PyCode_CODE(code);
    return _PyEval_EvalFrameDefault(ts, frame, 0);
}
