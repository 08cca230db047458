/* runtime.h: the native side of the extension: how compiled functions are entered, left and found.
 *
 * Nothing here is bitcode. The extension (crates/python) owns the records; these files read the interpreter's
 * structures for it. All functions want the GIL.
 */
#ifndef MARTLET_RUNTIME_H
#define MARTLET_RUNTIME_H

#include "../inline.h"

#define MARTLET_RUNTIME __attribute__((visibility("hidden")))

/* One loop of a code object that can be entered in the middle. */
struct martlet_loop {
    uint32_t header; /* code-unit offset of the loop header */
    uint32_t depth;  /* items on the value stack there */
    martlet_body *cell; /* NULL while nobody has looked at the loop's frame */
};

/* What hangs on a code object (co_extra). Made and freed by the extension, which keeps more behind it. */
struct martlet_record {
    martlet_body *cell;    /* entry of the function; NULL while it has no identity */
    PyCodeObject *code;    /* borrowed: the record dies with it */
    uint32_t live;         /* installed versions that are entered as a function, or where a generator goes on */
    uint32_t watched;      /* functions with this code that some version names */
    uint32_t saved_version; /* co_version from before the entry was installed */
    uint8_t entered;       /* functions with this code go through martlet_vectorcall */
    uint8_t asked;         /* a version that is entered as a function was asked for */
    uint8_t eager;         /* to be compiled at the next call */
    uint8_t refused;       /* never asked for again */
    uint8_t resumable;     /* a generator's or a coroutine's: what is entered is their suspended frames */
    uint32_t n_loops;
    struct martlet_loop *loops;
};

/* What the C side asks of the extension. Filled once, before anything else here is used. */
struct martlet_hooks {
    /* First call of a function without a record, or first time that one of its generators goes on, in the mode that
     * compiles at the first call. */
    void (*first_call)(PyFunctionObject *func, O const *args, Py_ssize_t n_args);
    /* A function that a version may name is being destroyed, or is about to get other code. */
    void (*function_died)(PyFunctionObject *func);
    /* A code object with a record is being destroyed. */
    void (*code_died)(struct martlet_record *record);
    /* A tool (tracer, profiler, monitor) comes or goes. */
    void (*tools)(void);
    /* A function was made, in the mode that enters every loop. */
    void (*function_made)(PyFunctionObject *func);
    /* The first back edge to a loop of interest, in the current frame. */
    void (*loop_seen)(PyCodeObject *code, uint32_t header);
    /* An exit was taken so often that it may be worth another version. The version's mark still stands in the current
     * frame, from which the interpreter is about to go on. */
    void (*exits_often)(struct martlet_unit *unit, uint32_t index);
    /* An exit was taken in front of an instruction that reads or writes an attribute of an object whose class has this
     * version; `has_dict`: its attributes are in a dictionary of its own. */
    void (*class_seen)(PyCodeObject *code, uint32_t offset, uint32_t type_version, bool has_dict);
    /* An exit was taken in front of an operator or comparison of which this operand, counted from the top of the stack, is
     * neither an exact int nor an exact float, or the one where the other was expected; `word` as in notes.c. */
    void (*operand_seen)(PyCodeObject *code, uint32_t offset, uint32_t operand, uint64_t word);
    /* The interpreter handles a sample. */
    int (*sample)(void *arg);
};

extern MARTLET_RUNTIME struct martlet_hooks martlet_hooks;
extern MARTLET_RUNTIME Py_ssize_t martlet_extra_index;
extern MARTLET_RUNTIME vectorcallfunc martlet_plain_vectorcall;
extern MARTLET_RUNTIME uint8_t martlet_always; /* compile at the first call */
extern MARTLET_RUNTIME uint8_t martlet_enabled; /* compiled code may be entered */
extern MARTLET_RUNTIME uint8_t
    martlet_all_loops; /* compile every loop at its first back edge, generators where they go on */

/* What stands behind co_extra (Objects/codeobject.c, 3.13). */
struct martlet_extra {
    Py_ssize_t size;
    void *items[1];
};

/* The record of a code object, or NULL. */
static inline struct martlet_record *
martlet_record_of(PyCodeObject *code)
{
    struct martlet_extra *extra = (struct martlet_extra *)code->co_extra;
    if (extra == NULL || extra->size <= martlet_extra_index) {
        return NULL;
    }
    return (struct martlet_record *)extra->items[martlet_extra_index];
}

/* The stack's top of a generator's frame while it goes on in machine code. The collector looks at no frame whose top is
 * negative; while the interpreter runs one it is -1. */
#define MARTLET_AT_WORK (-2)

/* frames.c of the helpers */
void martlet_frame_pop(TS ts, F frame);

/* entry.c */
MARTLET_RUNTIME O martlet_vectorcall(O callable, O const *args, size_t nargsf, O kwnames);
MARTLET_RUNTIME O martlet_interpret(TS ts, F frame);

/* Below this many C calls left, Python-to-Python calls go through the interpreter, which does not nest in C. */
#define MARTLET_LOW_C_RECURSION 4000

/* Whether so little C stack is left that calls should not nest in C any more. */
static inline bool
martlet_stack_low(TS ts)
{
    if (MARTLET_UNLIKELY(ts->c_recursion_remaining < MARTLET_LOW_C_RECURSION)) {
        return true;
    }
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return MARTLET_UNLIKELY(martlet_stack.thread != ts->id || here < martlet_stack.limit) && martlet_stack_is_low(ts);
}

/* Whether code is to be compiled before it runs, and nobody has asked yet. */
static inline bool
martlet_must_ask(const struct martlet_record *record)
{
    return record == NULL ? martlet_always : !record->asked && (martlet_always || record->eager);
}

/* Whether machine code may be entered for code with this record. */
static inline bool
martlet_may_enter(TS ts, const struct martlet_record *record, PyCodeObject *code)
{
    return record != NULL && record->live != 0 && martlet_enabled && !ts->tracing
           && (ts->eval_breaker & ~_PY_EVAL_EVENTS_MASK) == code->_co_instrumentation_version
           && ts->interp->eval_frame == NULL && ts->py_recursion_remaining > 1 && !martlet_stack_low(ts);
}

/* generators.c */
MARTLET_RUNTIME bool martlet_make_generator(TS ts, PyFunctionObject *func, O *args, size_t n, O *result);
MARTLET_RUNTIME PySendResult martlet_resume_generator(TS ts, PyGenObject *generator, O sent, O *result);
MARTLET_RUNTIME PyMethodDef *martlet_send_method_of(PyTypeObject *type);

/* async.c */
MARTLET_RUNTIME void martlet_enter_async(void);
MARTLET_RUNTIME void martlet_leave_async(void);

/* loops.c */
MARTLET_RUNTIME O martlet_stay(TS ts, F frame);

/* functions.c */
MARTLET_RUNTIME void martlet_enter_function(PyFunctionObject *func);
MARTLET_RUNTIME void martlet_leave_function(PyFunctionObject *func);

/* launch.c */
#define MARTLET_MAX_HIDDEN 8
extern MARTLET_RUNTIME F martlet_hidden_frames[MARTLET_MAX_HIDDEN];
extern MARTLET_RUNTIME uint32_t martlet_n_hidden;

/* exits.c */
MARTLET_RUNTIME O martlet_exit(TS ts, F frame, struct martlet_unit *unit, uint32_t index, const int64_t *home, ...);
MARTLET_RUNTIME O martlet_poll_frame(TS ts, F frame, struct martlet_unit *unit, uint32_t index, const int64_t *home,
                                     ...);
MARTLET_RUNTIME O martlet_sync_frame(TS ts, F frame, struct martlet_unit *unit, uint32_t index, const int64_t *home,
                                     ...);
MARTLET_RUNTIME bool martlet_exit_due(uint32_t k);

/* unwind.c */
MARTLET_RUNTIME bool martlet_find_handler(PyCodeObject *code, int offset, int *depth, int *target, bool *lasti);
MARTLET_RUNTIME int martlet_tell_line(TS ts, F frame, const _Py_CODEUNIT *from);
MARTLET_RUNTIME bool martlet_unwind_from(TS ts, F frame, int offset);
MARTLET_RUNTIME bool martlet_unwind(TS ts, F frame);
MARTLET_RUNTIME void martlet_release_stack(F frame, int depth);

/* exceptions.c of the helpers */
void martlet_traceback(TS ts, F frame);
bool martlet_exceptions_watched(TS ts);
void martlet_tell_unwind(TS ts, F frame);
bool martlet_frame_seen(F frame);
void martlet_frame_forget(F frame);

/* virtuals.c of the helpers */
O martlet_make_range_iter(int64_t start, int64_t len, int64_t step);
O martlet_make_list_iter(O list, int64_t index);
O martlet_make_tuple_iter(O tuple, int64_t index);
O martlet_make_enumerate(int64_t index, O iterator);
O martlet_make_range(O start, O stop, O step);
O martlet_make_method(O function, O self);

#endif /* MARTLET_RUNTIME_H */
