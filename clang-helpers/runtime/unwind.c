/* unwind.c: what the interpreter does at its `error` label, for frames that machine code ran in. */
#include "runtime.h"

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

/* With an exception set that was raised at frame->instr_ptr and comes from the instruction at `offset`, which may have
 * raised it again: true = the frame is ready to go on in its handler (the exception is on its stack); false = no handler,
 * the stack is empty, the exception is still set. */
bool
martlet_unwind_from(F frame, int offset)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    int depth = 0, target = 0;
    bool lasti = false;
    if (!martlet_find_handler(code, offset, &depth, &target, &lasti)) {
        martlet_release_stack(frame, 0);
        return false;
    }
    martlet_release_stack(frame, depth);
    O exception = PyErr_GetRaisedException();
    if (lasti) {
        O number = PyLong_FromLong((long)(frame->instr_ptr - _PyCode_CODE(code)));
        if (number == NULL) {
            Py_SETREF(exception, PyErr_GetRaisedException());
            number = Py_None; /* immortal; only the handler's own line number is lost */
        }
        frame->localsplus[frame->stacktop++] = number;
    }
    frame->localsplus[frame->stacktop++] = exception;
    frame->instr_ptr = _PyCode_CODE(code) + target;
    return true;
}

/* The same of an exception that the instruction at frame->instr_ptr has raised. */
bool
martlet_unwind(F frame)
{
    return martlet_unwind_from(frame, (int)(frame->instr_ptr - _PyCode_CODE((PyCodeObject *)frame->f_executable)));
}
