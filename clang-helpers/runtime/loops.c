/* loops.c: entering a loop of a frame that the interpreter is running (on-stack replacement).
 *
 * A local JUMP event of the code object calls martlet_on_jump at every back edge. The callback sees the running frame
 * with a valid stack; it may change everything in it, the next instruction included.
 */
#include "runtime.h"

/* The interpreter itself runs this frame, so it must stay where it is: only the frame's contents change. */
static O
enter_loop(TS ts, F frame, const struct martlet_loop *loop)
{
    /* While a callback runs, nothing below it is traced and no event fires: not so in the program's own code. */
    int tracing = ts->tracing, what_event = ts->what_event;
    ts->tracing = 0;
    ts->what_event = -1;
    O result = (*loop->cell)(ts, frame);
    ts->tracing = tracing;
    ts->what_event = what_event;
    frame->return_offset = 0;
    if (result == NULL) {
        return NULL;
    }
    if (result != MARTLET_SENTINEL) {
        Py_FatalError("a loop version returned an object");
    }
    Py_RETURN_NONE;
}

/* The loop of interest that begins at `header`, or NULL. */
static const struct martlet_loop *
loop_at(PyCodeObject *code, uint32_t header)
{
    const struct martlet_record *record = martlet_record_of(code);
    for (uint32_t i = 0; record != NULL && i < record->n_loops; i++) {
        if (record->loops[i].header == header) {
            return &record->loops[i];
        }
    }
    return NULL;
}

/* (code, from, to), offsets in bytes. */
static O
on_jump(O Py_UNUSED(self), O const *args, Py_ssize_t n_args)
{
    if (n_args != 3 || !PyCode_Check(args[0]) || !martlet_enabled) {
        Py_RETURN_NONE;
    }
    TS ts = _PyThreadState_GET();
    F frame = ts->current_frame;
    PyCodeObject *code = (PyCodeObject *)args[0];
    if (frame == NULL || frame->f_executable != (O)code || frame->owner != FRAME_OWNED_BY_THREAD
        || martlet_stack_low(ts) || martlet_frame_seen(frame)) {
        Py_RETURN_NONE;
    }
    long from = PyLong_AsLong(args[1]), to = PyLong_AsLong(args[2]);
    uint32_t target = (uint32_t)to / sizeof(_Py_CODEUNIT);
    const struct martlet_loop *loop = loop_at(code, target);
    if (loop == NULL ? martlet_all_loops && to < from : loop->cell == NULL) {
        martlet_hooks.loop_seen(code, target);
        loop = loop_at(code, target);
    }
    if (loop != NULL && loop->cell != NULL && frame->stacktop == code->co_nlocalsplus + (int)loop->depth) {
        martlet_frame_forget(frame);
        return enter_loop(ts, frame, loop);
    }
    Py_RETURN_NONE;
}

/* The default target of every loop: nothing is compiled, the frame goes on as it is. */
O
martlet_stay(TS Py_UNUSED(ts), F Py_UNUSED(frame))
{
    return MARTLET_SENTINEL;
}

static PyMethodDef on_jump_method = {"martlet_on_jump", (PyCFunction)(void (*)(void))on_jump, METH_FASTCALL, NULL};

/* The callback as an object. New reference. */
MARTLET_RUNTIME O
martlet_make_jump_callback(void)
{
    return PyCFunction_New(&on_jump_method, NULL);
}
