/* frames.c: looking at the frames of running threads. */
#include "runtime.h"

#include <internal/pycore_instruments.h>
#include <opcode_ids.h>

/* One frame as the sampler sees it. Everything is borrowed from the frame. */
struct martlet_sight {
    PyCodeObject *code;
    PyFunctionObject *func; /* NULL when the frame has none */
    F frame;
    uint32_t offset; /* of the instruction at which it stands, in code units */
    uint16_t mark;   /* of the version whose machine code runs in it, or 0 */
    uint8_t plain;   /* an ordinary frame on a thread's stack: not a generator's */
    uint8_t observed; /* a frame object exists; of a frame that the interpreter runs: somebody has hold of it */
    uint8_t at_start; /* it has run nothing yet, or nothing since it goes on */
    uint8_t in_place; /* as is_resumed_in_place says */
};

/* Whether the next instruction is a RESUME. */
static bool
is_resumed(F frame)
{
    uint8_t opcode = frame->instr_ptr->op.code;
    return opcode == RESUME || opcode == RESUME_CHECK;
}

/* Whether it is the frame of a generator that stands on its resumer's with nothing in between: the interpreter has gone into
 * it from there, or it waits for the one above. No machine code runs in it. */
static bool
is_resumed_in_place(F frame)
{
    F below = frame->previous;
    return frame->owner == FRAME_OWNED_BY_GENERATOR && frame->stacktop != MARTLET_AT_WORK && below != NULL
           && below->owner != FRAME_OWNED_BY_CSTACK;
}

/* Fills `sights` with the current thread's frames, innermost first; returns how many. With `responsible` it begins at the
 * first that is not resumed in place. */
MARTLET_RUNTIME uint32_t
martlet_look(struct martlet_sight *sights, uint32_t room, bool responsible)
{
    uint32_t n = 0;
    F frame = _PyThreadState_GET()->current_frame;
    while (responsible && frame != NULL && is_resumed_in_place(frame)) {
        frame = frame->previous;
    }
    for (; frame != NULL && n < room; frame = frame->previous) {
        if (frame->owner == FRAME_OWNED_BY_CSTACK || !PyCode_Check(frame->f_executable)
            || _PyFrame_IsIncomplete(frame)) {
            continue;
        }
        struct martlet_sight *sight = &sights[n++];
        PyCodeObject *code = (PyCodeObject *)frame->f_executable;
        sight->code = code;
        sight->func = frame->f_funcobj != NULL && PyFunction_Check(frame->f_funcobj)
                          ? (PyFunctionObject *)frame->f_funcobj
                          : NULL;
        sight->frame = frame;
        sight->offset = (uint32_t)(frame->instr_ptr - _PyCode_CODE(code));
        sight->mark = martlet_record_of(code) != NULL && (frame->return_offset & 0x8000) ? frame->return_offset : 0;
        sight->plain = frame->owner == FRAME_OWNED_BY_THREAD;
        sight->observed = sight->mark != 0 ? frame->frame_obj != NULL : martlet_frame_seen(frame);
        sight->at_start = (int)sight->offset <= code->_co_firsttraceable || (!sight->plain && is_resumed(frame));
        sight->in_place = is_resumed_in_place(frame);
    }
    return n;
}

typedef void (*martlet_found)(void *context, PyCodeObject *code, uint16_t mark);

static void
walk_stack(F frame, martlet_found found, void *context)
{
    for (; frame != NULL; frame = frame->previous) {
        if (frame->owner != FRAME_OWNED_BY_CSTACK && (frame->return_offset & 0x8000)
            && PyCode_Check(frame->f_executable)) {
            found(context, (PyCodeObject *)frame->f_executable, frame->return_offset);
        }
    }
}

/* Calls `found` for every frame of every thread in which machine code runs, the launcher's hidden ones included. */
MARTLET_RUNTIME void
martlet_walk_inside(void (*found)(void *context, PyCodeObject *code, uint16_t mark), void *context)
{
    PyInterpreterState *interp = _PyThreadState_GET()->interp;
    for (TS ts = PyInterpreterState_ThreadHead(interp); ts != NULL; ts = PyThreadState_Next(ts)) {
        walk_stack(ts->current_frame, found, context);
    }
    for (uint32_t i = 0; i < martlet_n_hidden; i++) {
        walk_stack(martlet_hidden_frames[i], found, context);
    }
}

/* Local `i` of a frame, borrowed, or NULL. */
MARTLET_RUNTIME O
martlet_frame_local(F frame, uint32_t i)
{
    return frame->localsplus[i];
}

/* Number of items on the value stack of a frame that stands at a call-out; -1 when it is not known. */
MARTLET_RUNTIME int
martlet_frame_depth(F frame)
{
    return frame->stacktop - ((PyCodeObject *)frame->f_executable)->co_nlocalsplus;
}

MARTLET_RUNTIME O
martlet_frame_globals(F frame)
{
    return frame->f_globals;
}

MARTLET_RUNTIME O
martlet_frame_builtins(F frame)
{
    return frame->f_builtins;
}

/* Asks the interpreter to call martlet_hooks.sample soon, on whatever thread runs. Needs no GIL. */
MARTLET_RUNTIME int
martlet_ask_for_sample(PyInterpreterState *interp, void *arg)
{
    return _PyEval_AddPendingCall(interp, martlet_hooks.sample, arg, 0);
}

MARTLET_RUNTIME PyInterpreterState *
martlet_interpreter(void)
{
    return _PyThreadState_GET()->interp;
}

/* Whether any thread is traced or profiled, or a monitoring tool other than ours is registered. */
MARTLET_RUNTIME bool
martlet_tools_are_on(void)
{
    PyInterpreterState *interp = _PyThreadState_GET()->interp;
    for (TS ts = PyInterpreterState_ThreadHead(interp); ts != NULL; ts = PyThreadState_Next(ts)) {
        if (ts->c_tracefunc != NULL || ts->c_profilefunc != NULL) {
            return true;
        }
    }
    for (int tool = 0; tool < PY_MONITORING_SYS_PROFILE_ID; tool++) {
        O name = interp->monitoring_tool_names[tool];
        if (name != NULL && name != Py_None
            && !(PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "martlet") == 0)) {
            return true;
        }
    }
    return false;
}

/* Where the thread that forks stands. */
static struct {
    uint64_t thread;
    F frame;
    _Py_CODEUNIT *instr_ptr;
} forking;

MARTLET_RUNTIME void
martlet_remember_fork(void)
{
    TS ts = _PyThreadState_GET();
    forking.thread = ts->id;
    forking.frame = ts->current_frame;
    forking.instr_ptr = forking.frame == NULL ? NULL : forking.frame->instr_ptr;
}

/* Whether that thread has left the call in which it forked: the interpreter counts threads at its end. */
MARTLET_RUNTIME bool
martlet_fork_is_over(void)
{
    TS ts = _PyThreadState_GET();
    if (ts->id != forking.thread) {
        return false;
    }
    for (F frame = ts->current_frame; frame != NULL; frame = frame->previous) {
        if (frame == forking.frame && frame->instr_ptr == forking.instr_ptr) {
            return false;
        }
    }
    return true;
}
