/* unwind.c: what the interpreter does at its `error` label, for frames that machine code ran in. */
#include "runtime.h"

#include <opcode_ids.h>

/* A number of the exception table: big-endian groups of six bits, bit 6 = more follow (Objects/exception_handling_notes.txt). */
static const uint8_t *
read_number(const uint8_t *at, int *value)
{
    int number = *at & 63;
    while (*at & 64) {
        at++;
        number = number << 6 | (*at & 63);
    }
    *value = number;
    return at + 1;
}

/* Looks up the handler for the instruction at `offset` (code units). */
bool
martlet_find_handler(PyCodeObject *code, int offset, int *depth, int *target, bool *lasti)
{
    const uint8_t *at = (const uint8_t *)PyBytes_AS_STRING(code->co_exceptiontable);
    const uint8_t *end = at + PyBytes_GET_SIZE(code->co_exceptiontable);
    while (at < end) {
        int start, length, handler, depth_lasti;
        at = read_number(at, &start);
        at = read_number(at, &length);
        at = read_number(at, &handler);
        at = read_number(at, &depth_lasti);
        if (start > offset) {
            break;
        }
        if (offset < start + length) {
            *target = handler;
            *depth = depth_lasti >> 1;
            *lasti = depth_lasti & 1;
            return true;
        }
    }
    return false;
}

/* Pops the value stack down to `depth` items. */
void
martlet_release_stack(F frame, int depth)
{
    int bottom = ((PyCodeObject *)frame->f_executable)->co_nlocalsplus + depth;
    while (frame->stacktop > bottom) {
        frame->stacktop--;
        O item = frame->localsplus[frame->stacktop];
        frame->localsplus[frame->stacktop] = NULL;
        Py_XDECREF(item);
    }
}

/* Tells those who listen that the exception that is set goes on in the frame's handler at `target`. -1: they have set
 * another one. Source: monitor_handled. */
static int
tell_handled(TS ts, F frame, int target)
{
    PyMonitoringState state = {ts->tracing ? 0 : ts->interp->monitors.tools[PY_MONITORING_EVENT_EXCEPTION_HANDLED], 0};
    return PyMonitoring_FireExceptionHandledEvent(&state, frame->f_executable, target * (int)sizeof(_Py_CODEUNIT));
}

/* The interpreter will go on at frame->instr_ptr and comes from `from`: tells those who listen of a line that begins there,
 * which it would take for one that it is in. -1: they have set an exception. Source: _Py_call_instrumentation_line. */
int
martlet_tell_line(TS ts, F frame, const _Py_CODEUNIT *from)
{
    if (MARTLET_LIKELY(frame->instr_ptr->op.code != INSTRUMENTED_LINE) || ts->tracing) {
        return 0;
    }
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    int at = (int)(frame->instr_ptr - _PyCode_CODE(code)), before = (int)(from - _PyCode_CODE(code));
    int line = PyCode_Addr2Line(code, at * (int)sizeof(_Py_CODEUNIT));
    if (line == PyCode_Addr2Line(code, before * (int)sizeof(_Py_CODEUNIT))) {
        return 0;
    }
    const _PyCoMonitoringData *monitoring = code->_co_monitoring;
    uint8_t tools = monitoring->line_tools != NULL ? monitoring->line_tools[at]
                                                   : ts->interp->monitors.tools[PY_MONITORING_EVENT_LINE]
                                                         | monitoring->local_monitors.tools[PY_MONITORING_EVENT_LINE];
    PyMonitoringState state = {tools, 0};
    return PyMonitoring_FireLineEvent(&state, (O)code, at * (int)sizeof(_Py_CODEUNIT), line);
}

/* Pushes the exception that is set, which is set no more, for a handler; with `lasti` under it where it was raised. */
static void
push_raised(F frame, bool lasti)
{
    O exception = PyErr_GetRaisedException();
    if (lasti) {
        O number = PyLong_FromLong((long)(frame->instr_ptr - _PyCode_CODE((PyCodeObject *)frame->f_executable)));
        if (number == NULL) {
            Py_SETREF(exception, PyErr_GetRaisedException());
            number = Py_None; /* immortal; only the handler's own line number is lost */
        }
        frame->localsplus[frame->stacktop++] = number;
    }
    frame->localsplus[frame->stacktop++] = exception;
}

/* With an exception set that was raised at frame->instr_ptr and comes from the instruction at `offset`, which may have
 * raised it again: true = the frame is ready to go on in its handler (the exception is on its stack); false = no handler,
 * the stack is empty, the exception is still set. Source: the label `exception_unwind`. */
bool
martlet_unwind_from(TS ts, F frame, int offset)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    int depth = 0, target = 0;
    bool lasti = false;
    for (;;) {
        if (!martlet_find_handler(code, offset, &depth, &target, &lasti)) {
            martlet_release_stack(frame, 0);
            return false;
        }
        martlet_release_stack(frame, depth);
        if (tell_handled(ts, frame, target) < 0) {
            /* It comes from the code unit in front of the handler. */
            offset = target - 1;
            continue;
        }
        push_raised(frame, lasti);
        const _Py_CODEUNIT *from = frame->instr_ptr;
        frame->instr_ptr = _PyCode_CODE(code) + target;
        if (martlet_tell_line(ts, frame, from) == 0) {
            return true;
        }
        martlet_traceback(ts, frame);
        offset = target;
    }
}

/* The same of an exception that the instruction at frame->instr_ptr has raised. */
bool
martlet_unwind(TS ts, F frame)
{
    int offset = (int)(frame->instr_ptr - _PyCode_CODE((PyCodeObject *)frame->f_executable));
    return martlet_unwind_from(ts, frame, offset);
}
