/* exceptions.c: exceptions on their way to a handler, and what handlers are made of.
 *
 * Handled exceptions stand where the interpreter has them, in tstate->exc_info: whoever asks for them sees the same, and
 * a handler may be left to the interpreter at any of its instructions.
 */
#include "inline.h"

/* Adds the frame, which is the current one, to the traceback of the exception that is set. Source: PyTraceBack_Here. */
static void add_to_traceback(TS ts, F frame)
{
    O exception = ts->current_exception;
    ts->current_exception = NULL;
    PyFrameObject *object = PyThreadState_GetFrame(ts);
    PyTracebackObject *entry = object != NULL ? PyObject_GC_New(PyTracebackObject, &PyTraceBack_Type) : NULL;
    if (MARTLET_UNLIKELY(entry == NULL)) {
        _PyErr_ChainExceptions1(exception);
        Py_XDECREF(object);
        return;
    }
    PyBaseExceptionObject *fields = (PyBaseExceptionObject *)exception;
    entry->tb_next = (PyTracebackObject *)fields->traceback;
    entry->tb_frame = object;
    entry->tb_lasti = _PyInterpreterFrame_LASTI(frame) * (int)sizeof(_Py_CODEUNIT);
    entry->tb_lineno = -1; /* found out when it is asked for */
    fields->traceback = (O)entry;
    PyObject_GC_Track(entry);
    ts->current_exception = exception;
}

/* Adds the frame, which is the current one, to the traceback of the exception that is set, and tells those who listen,
 * who may set another one. Where C code has failed without saying why, that is the exception. Source: the label `error` of
 * _PyEval_EvalFrameDefault. */
MARTLET_CALL void martlet_traceback(TS ts, F frame)
{
    if (MARTLET_UNLIKELY(ts->current_exception == NULL)) {
        PyErr_SetString(PyExc_SystemError, "error return without exception set");
    }
    /* Where a callee has raised it, the interpreter says the code unit in front of the call. */
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): an exception is set, by the line above if by nobody else. */
    bool is_callees = ((PyBaseExceptionObject *)ts->current_exception)->traceback != NULL;
    if (!_PyFrame_IsIncomplete(frame)) {
        add_to_traceback(ts, frame);
    }
    _PyEval_MonitorRaise(ts, frame, frame->instr_ptr - is_callees);
}

/* Whether somebody listens to what becomes of exceptions. */
MARTLET_CALL bool martlet_exceptions_watched(TS ts)
{
    const uint8_t *tools = ts->interp->monitors.tools;
    return (tools[PY_MONITORING_EVENT_RAISE] | tools[PY_MONITORING_EVENT_EXCEPTION_HANDLED]) != 0;
}

/* Tells those who listen, who may set another one, that the exception that is set leaves the current frame. Source:
 * monitor_unwind. */
MARTLET_COLD void martlet_tell_unwind(TS ts, F frame)
{
    PyMonitoringState state = {ts->tracing ? 0 : ts->interp->monitors.tools[PY_MONITORING_EVENT_PY_UNWIND], 0};
    int offset = (int)(frame->instr_ptr - _PyCode_CODE((PyCodeObject *)frame->f_executable));
    (void)PyMonitoring_FirePyUnwindEvent(&state, frame->f_executable, offset * (int)sizeof(_Py_CODEUNIT));
}

/* The words that a frame's object needs room for, to be all that is left of the frame. */
static int room_for(F frame)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    return code->co_nlocalsplus + code->co_stacksize;
}

/* Gives a frame that has no object the one that was put by, if that has just the room. */
static void take_spare(F frame)
{
    PyFrameObject *spare = martlet_spare.frame;
    if (frame->frame_obj == NULL && spare != NULL && martlet_spare.room == room_for(frame)) {
        martlet_spare.frame = NULL;
        spare->f_frame = frame;
        frame->frame_obj = spare;
    }
}

/* The exception that is set, which is set no more, with the frame added to its traceback; new, never NULL. */
MARTLET_CALL O martlet_catch(TS ts, F frame)
{
    take_spare(frame);
    martlet_traceback(ts, frame);
    O exception = ts->current_exception;
    ts->current_exception = NULL;
    return exception;
}

/* The exception that is set, which is set no more, and which was raised in this frame before; new, never NULL. */
MARTLET_CALL O martlet_take_raised(void)
{
    return PyErr_GetRaisedException();
}

/* Begins to handle an exception; what was handled before, or None; new, never NULL. Source: PUSH_EXC_INFO. */
MARTLET_HELPER O martlet_push_exc_info(TS ts, O exception)
{
    _PyErr_StackItem *info = ts->exc_info;
    O previous = info->exc_value != NULL ? info->exc_value : Py_None;
    info->exc_value = Py_NewRef(exception);
    return previous;
}

/* Goes back to handling the exception `previous`, or none if that is None; steals it. Source: POP_EXCEPT. */
MARTLET_CALL void martlet_pop_except(TS ts, O previous)
{
    _PyErr_StackItem *info = ts->exc_info;
    Py_XSETREF(info->exc_value, previous == Py_None ? NULL : previous);
}

/* Whether an exception is of this class or one of a tuple of classes; -1: `type` is neither. Source: CHECK_EXC_MATCH. */
MARTLET_CALL int martlet_exc_match(TS ts, O exception, O type)
{
    if (_PyEval_CheckExceptTypeValid(ts, type) < 0) {
        return -1;
    }
    return PyErr_GivenExceptionMatches(exception, type);
}

/* Splits an exception group, or what takes the place of one, by the class of an `except*` or a tuple of them: out[0] is
 * what matches, out[1] the rest, both new; None stands for nothing. What matches is what is being handled from here on.
 * Steals both operands. Source: CHECK_EG_MATCH. */
MARTLET_CALL int martlet_eg_match(TS ts, O exception, O type, O *out)
{
    out[0] = out[1] = NULL;
    int status = _PyEval_CheckExceptStarTypeValid(ts, type);
    if (status >= 0) {
        status = _PyEval_ExceptionGroupMatch(exception, type, &out[0], &out[1]);
    }
    Py_DECREF(exception);
    Py_DECREF(type);
    if (status < 0 || out[0] == NULL) {
        return -1;
    }
    if (!Py_IsNone(out[0])) {
        PyErr_SetHandledException(out[0]);
    }
    return 0;
}

/* Calls the `__exit__` of a with statement for an exception; new. Source: WITH_EXCEPT_START. */
MARTLET_CALL O martlet_with_except_start(O exit, O exception)
{
    O traceback = PyException_GetTraceback(exception);
    /* The exception keeps it, but for what `__exit__` does to that: the interpreter lends it, too. */
    Py_XDECREF(traceback);
    O stack[4] = {NULL, PyExceptionInstance_Class(exception), exception, traceback != NULL ? traceback : Py_None};
    return PyObject_Vectorcall(exit, stack + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* Sets an exception that was raised before. Source: RERAISE. */
MARTLET_CALL void martlet_raise_again(O exception)
{
    PyErr_SetRaisedException(Py_NewRef(exception));
}

/* Says at which instruction the exception was raised that is being raised again. Source: RERAISE. */
MARTLET_HELPER void martlet_set_lasti(F frame, int64_t code_unit)
{
    frame->instr_ptr = _PyCode_CODE((PyCodeObject *)frame->f_executable) + code_unit;
}

/* Whether somebody has hold of the frame's object, or has told it something that the frame does not know. */
MARTLET_CALL bool martlet_frame_seen(F frame)
{
    PyFrameObject *object = frame->frame_obj;
    return object != NULL &&
           (Py_REFCNT(object) > 1 || object->f_trace != NULL || object->f_lineno != 0 || !object->f_trace_lines ||
            object->f_trace_opcodes || object->f_extra_locals != NULL || object->f_locals_cache != NULL);
}

/* Takes away the frame's object, if there is one and nobody has seen it. */
MARTLET_CALL void martlet_frame_forget(F frame)
{
    PyFrameObject *object = frame->frame_obj;
    if (object == NULL || martlet_frame_seen(frame)) {
        return;
    }
    frame->frame_obj = NULL;
    /* It looks at nothing that may go before it does. */
    object->f_frame = (F)object->_f_frame_data;
    object->f_frame->owner = FRAME_OWNED_BY_THREAD;
    Py_XSETREF(martlet_spare.frame, object);
    martlet_spare.room = room_for(frame);
}
