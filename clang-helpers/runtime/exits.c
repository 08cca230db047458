/* exits.c: martlet_exit, where machine code gives a frame to the interpreter.
 *
 * The exit table says, for each exit, what every local and stack item of every frame is; its encoding is documented
 * in crates/snapshot/src/exits.rs. The root frame is real and linked. Frames of inlined functions are made here and run
 * to their ends, innermost first; then the root is left in the state behind the call, and the sentinel is returned.
 *
 * No Python code runs before everything is written; what is then released may run some. frame->return_offset keeps the
 * version's mark until the last moment, for the machine code that called is still on the C stack.
 */
#include "runtime.h"

#include <internal/pycore_dict.h>
#include <internal/pycore_opcode_metadata.h>
#include <internal/pycore_opcode_utils.h>
#include <opcode_ids.h>

/* calls.c, notes.c and operators.c of the helpers. */
int martlet_init_result(O result);
O martlet_make_function(F frame, O code);
void martlet_set_function_attribute(O function, O value, int32_t which);
uint64_t martlet_class_word(O v);
O martlet_operator_rest(O left, O right, int32_t number);

union value {
    int64_t bits;
    double real;
    O object;
};

/* One exit on its way. */
struct exit {
    TS ts;
    F root;
    struct martlet_unit *unit;
    union value *values;
    O *boxes;       /* one a value: made when first named */
    uint8_t *moved; /* the reference in this value has found its owner */
    O *virtuals;
    O *old;         /* what stood in the root's locals before */
    uint32_t n_old;
    bool failed;    /* no memory for a box: becomes a MemoryError at the point of exit */
};

/* Counts guards; with k from the test mode, true every k-th time. */
bool
martlet_exit_due(uint32_t k)
{
    static uint32_t count;
    if (k == 0 || ++count < k) {
        return false;
    }
    count = 0;
    return true;
}

#define KIND(desc) ((desc) >> 24)
#define PAYLOAD(desc) ((desc) & 0xffffff)

/* The box of value `k`: a new reference or NULL. */
static O
box(struct exit *x, uint32_t kind, uint32_t k)
{
    if (x->boxes[k] == NULL) {
        x->boxes[k] = kind != 4 ? PyFloat_FromDouble(x->values[k].real) : PyLong_FromLongLong(x->values[k].bits);
        x->failed |= x->boxes[k] == NULL;
    }
    return Py_XNewRef(x->boxes[k]);
}

/* The object that a descriptor means: a new reference or NULL. */
static O
named(struct exit *x, uint32_t desc)
{
    uint32_t k = PAYLOAD(desc);
    switch (KIND(desc)) {
    case 2: /* owned */
        if (!x->moved[k]) {
            x->moved[k] = 1;
            return x->values[k].object;
        }
        return Py_XNewRef(x->values[k].object);
    case 3: /* borrowed */
        return Py_XNewRef(x->values[k].object);
    case 4:  /* int */
    case 5:  /* float */
    case 11: /* kept float that has no object yet */
        return box(x, KIND(desc), k);
    case 6: /* bool */
        return x->values[k].bits & 1 ? Py_True : Py_False;
    case 7: /* slot */
        return Py_XNewRef(x->unit->slots[k]);
    case 8: /* virtual */
        return Py_XNewRef(x->virtuals[k]);
    case 9: { /* small int */
        O number = PyLong_FromLong((long)k);
        x->failed |= number == NULL;
        return number;
    }
    default:
        return NULL;
    }
}

/* A raw field of a virtual object. */
static int64_t
raw(struct exit *x, uint32_t desc)
{
    uint32_t k = PAYLOAD(desc);
    return KIND(desc) == 9 ? (int64_t)k : x->values[k].bits;
}

/* Makes virtual object number `index` from its record; returns the word behind the record. */
static const uint32_t *
make_virtual(struct exit *x, uint32_t index, const uint32_t *at)
{
    uint32_t kind = at[0], n_items = at[1];
    const uint32_t *items = at + 2;
    O made = NULL;
    O fields[3] = {NULL, NULL, NULL};
    switch (kind) {
    case 0:
        made = PyTuple_New(n_items);
        for (uint32_t i = 0; made != NULL && i < n_items; i++) {
            O item = named(x, items[i]);
            PyTuple_SET_ITEM(made, i, item != NULL ? item : Py_None);
        }
        break;
    case 1:
        made = martlet_make_range_iter(raw(x, items[0]), raw(x, items[1]), raw(x, items[2]));
        break;
    case 2:
    case 3:
        fields[0] = named(x, items[0]);
        if (fields[0] != NULL) {
            made = kind == 2 ? martlet_make_list_iter(fields[0], raw(x, items[1]))
                             : martlet_make_tuple_iter(fields[0], raw(x, items[1]));
        }
        break;
    case 4:
        fields[0] = named(x, items[1]);
        if (fields[0] != NULL) {
            made = martlet_make_enumerate(raw(x, items[0]), fields[0]);
        }
        break;
    case 5:
        for (int i = 0; i < 3; i++) {
            fields[i] = named(x, items[i]);
        }
        if (fields[0] != NULL && fields[1] != NULL && fields[2] != NULL) {
            made = martlet_make_range(fields[0], fields[1], fields[2]);
        }
        break;
    case 6:
        fields[0] = named(x, items[0]);
        fields[1] = named(x, items[1]);
        if (fields[0] != NULL && fields[1] != NULL) {
            made = martlet_make_method(fields[0], fields[1]);
        }
        break;
    case 7:
        fields[0] = named(x, items[0]);
        fields[1] = named(x, items[1]);
        made = fields[0] != NULL ? martlet_make_function(x->root, fields[0]) : NULL;
        if (made != NULL && fields[1] != NULL) {
            martlet_set_function_attribute(made, fields[1], MAKE_FUNCTION_CLOSURE);
            fields[1] = NULL;
        }
        break;
    }
    for (int i = 0; i < 3; i++) {
        Py_XDECREF(fields[i]);
    }
    x->failed |= made == NULL;
    x->virtuals[index] = made;
    return items + n_items;
}

/* Whether sync_locals writes a local of this descriptor. */
static bool
is_synced(uint32_t desc)
{
    uint32_t kind = KIND(desc);
    return kind == 4 || kind == 5 || kind == 6 || kind == 9 || kind == 11;
}

/* Writes locals and value stack of a frame from their descriptors; returns the word behind them. */
static const uint32_t *
write_frame(struct exit *x, F frame, bool synced, const uint32_t *at)
{
    int n_locals = ((PyCodeObject *)frame->f_executable)->co_nlocalsplus;
    uint32_t n = *at++;
    for (uint32_t i = 0; i < n; i++, at++) {
        if (synced && is_synced(*at)) {
            continue;
        }
        if (KIND(*at) != 0 && !(KIND(*at) == 11 && frame->localsplus[i] != NULL)) {
            O old = frame->localsplus[i];
            frame->localsplus[i] = named(x, *at);
            if (old != NULL) {
                x->old[x->n_old++] = old;
            }
        }
    }
    n = *at++;
    for (uint32_t i = 0; i < n; i++, at++) {
        if (KIND(*at) != 0) {
            frame->localsplus[n_locals + i] = named(x, *at);
        }
    }
    frame->stacktop = n_locals + (int)n;
    return at;
}

/* Pushes the frame of an inlined function, all locals NULL, not linked. NULL with an exception set. */
static F
push_inlined(TS ts, PyFunctionObject *func, PyCodeObject *code)
{
    PyObject **top = ts->datastack_top;
    int size = code->co_framesize;
    F frame;
    if (top != NULL && size < ts->datastack_limit - top) {
        ts->datastack_top = top + size;
        frame = (F)top;
    }
    else {
        /* The chunk is full. The interpreter's own function gets another one; Nones stand in for the arguments. */
        if (func->func_code != (O)code) {
            PyErr_NoMemory();
            return NULL;
        }
        int n_args = code->co_argcount;
        O nones[n_args + 1];
        for (int i = 0; i < n_args; i++) {
            nones[i] = Py_None;
        }
        frame = _PyEvalFramePushAndInit(ts, (PyFunctionObject *)Py_NewRef(func), NULL, nones, (size_t)n_args, NULL);
        if (frame == NULL) {
            return NULL;
        }
        Py_DECREF(frame->f_funcobj);
        Py_DECREF(frame->f_executable);
    }
    frame->f_executable = Py_NewRef(code);
    frame->f_funcobj = Py_NewRef(func);
    frame->f_globals = func->func_globals;
    frame->f_builtins = func->func_builtins;
    frame->f_locals = NULL;
    frame->frame_obj = NULL;
    frame->return_offset = 0;
    frame->owner = FRAME_OWNED_BY_THREAD;
    for (int i = 0; i < code->co_nlocalsplus; i++) {
        frame->localsplus[i] = NULL;
    }
    return frame;
}

/* Releases what the exit left over: boxes, virtual objects, replaced locals, and the record's drops. */
static void
release(struct exit *x, uint32_t n_values, uint32_t n_virtuals, const uint32_t *drops)
{
    for (uint32_t i = 0; i < n_values; i++) {
        Py_XDECREF(x->boxes[i]); /* NOLINT(clang-analyzer-core.CallAndMessage): every value's is set at the start */
    }
    for (uint32_t i = 0; i < n_virtuals; i++) {
        Py_XDECREF(x->virtuals[i]);
    }
    uint32_t n_drops = drops[0];
    for (uint32_t i = 0; i < n_drops; i++) {
        uint32_t k = PAYLOAD(drops[1 + i]);
        if (KIND(drops[1 + i]) == 2 && !x->moved[k]) {
            x->moved[k] = 1;
            /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): a record names values that it has. */
            Py_XDECREF(x->values[k].object);
        }
    }
    for (uint32_t i = 0; i < x->n_old; i++) {
        Py_DECREF(x->old[i]);
    }
}

/* Runs the innermost frame, which is linked and is not the root, to its end and pops it. With `raised`, an exception
 * is set at its instr_ptr. Returns its result or NULL. */
static O
finish_inlined(TS ts, F frame, bool raised)
{
    if (raised) {
        martlet_traceback(ts, frame);
        if (!martlet_unwind(ts, frame)) {
            martlet_tell_unwind(ts, frame);
            ts->current_frame = frame->previous;
            _PyEval_FrameClearAndPop(ts, frame);
            return NULL;
        }
    }
    ts->current_frame = frame->previous;
    return _PyEval_EvalFrameDefault(ts, frame, 0);
}

/* Set in the word of `return_to` where the callee is an __init__, where its result is dropped and the three operands of an
 * assignment stand on the caller's stack, */
#define INITIALISES (1u << 31)
#define DROPPED (1u << 30)
/* and where it is an operator's, whose two operands stand there. */
#define OPERATED (1u << 29)

/* Drops the operands that stayed on the caller's stack while an inlined callee ran, the lowest first. */
static void
drop_operands(F caller, uint32_t return_to)
{
    int n = return_to & OPERATED ? 2 : return_to & DROPPED ? 3 : 0;
    O *operands = caller->localsplus + caller->stacktop - n;
    caller->stacktop -= n;
    for (int i = 0; i < n; i++) {
        Py_DECREF(operands[i]);
    }
}

/* Gives the caller the result of an inlined callee, and lets it go on behind the call. False with an exception set: an
 * __init__ has not returned None. */
static bool
return_to_caller(F caller, O result, uint32_t return_to)
{
    if (return_to & INITIALISES) {
        int status = martlet_init_result(result);
        Py_DECREF(result);
        if (status < 0) {
            return false;
        }
    }
    else if (return_to & DROPPED) {
        Py_DECREF(result);
        drop_operands(caller, return_to);
    }
    else if (return_to & OPERATED) {
        if (result == Py_NotImplemented) {
            O *operands = caller->localsplus + caller->stacktop - 2;
            result = martlet_operator_rest(operands[0], operands[1], caller->instr_ptr->op.arg);
        }
        drop_operands(caller, return_to);
        if (result == NULL) {
            return false;
        }
        caller->localsplus[caller->stacktop++] = result;
    }
    else {
        caller->localsplus[caller->stacktop++] = result;
    }
    caller->instr_ptr =
        _PyCode_CODE((PyCodeObject *)caller->f_executable) + (return_to & ~(INITIALISES | DROPPED | OPERATED));
    return true;
}

/* How many values the record at `at` has, at home and passed. */
static uint32_t
count_values(const uint32_t *at)
{
    return at[1] + at[2 + at[1]];
}

/* Reads the values of an exit from their homes and from its arguments. `at` is the record; returns the word behind the
 * list of doubles. */
static const uint32_t *
read_values(const uint32_t *at, va_list list, const int64_t *home, union value *values, O *boxes, uint8_t *moved)
{
    uint32_t n_homes = at[1], n_passed = at[2 + n_homes];
    const uint32_t *homes = at + 2, *doubles = homes + n_homes + 1;
    for (uint32_t i = 0; i < n_homes; i++) {
        values[i].bits = home[homes[i]];
    }
    for (uint32_t i = 0; i < n_passed; i++) {
        if (doubles[i / 32] >> (i % 32) & 1) {
            values[n_homes + i].real = va_arg(list, double);
        }
        else {
            values[n_homes + i].bits = va_arg(list, int64_t);
        }
    }
    for (uint32_t i = 0; i < n_homes + n_passed; i++) {
        boxes[i] = NULL;
        moved[i] = 0;
    }
    return doubles + (n_passed + 31) / 32;
}

/* Where the frame records of a record stand, whose word behind the doubles is `at`. */
static const uint32_t *
frames_of(const uint32_t *at)
{
    const uint32_t *frames = at + 1;
    for (uint32_t i = 0; i < at[0]; i++) {
        frames += 2 + frames[1];
    }
    return frames + 1;
}

/* Floats whose objects the root's locals keep have these as their boxes; `at` is the root's frame record. */
static void
find_kept(struct exit *x, F root, const uint32_t *at)
{
    uint32_t n = at[4];
    const uint32_t *locals = at + 5;
    for (uint32_t i = 0; i < n; i++) {
        if (KIND(locals[i]) == 11 && x->boxes[PAYLOAD(locals[i])] == NULL) {
            x->boxes[PAYLOAD(locals[i])] = Py_XNewRef(root->localsplus[i]);
        }
    }
}

/* An exit is told of each time it was taken so often again: rarely enough to cost nothing, and so often that the
 * interpreter, which forgets a specialisation after some fifty misses, has learned anew. */
#define REPORT_EVERY 64

/* Tells of the class of an object whose attribute is about to be read or written at this offset. */
static void
tell_class(PyCodeObject *code, uint32_t offset, O object)
{
    PyTypeObject *type = object != NULL ? Py_TYPE(object) : NULL;
    if (type != NULL && type->tp_version_tag != 0) {
        bool inlines = PyType_HasFeature(type, Py_TPFLAGS_INLINE_VALUES) && _PyObject_InlineValues(object)->valid;
        bool has_dict = PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT) && !inlines;
        martlet_hooks.class_seen(code, offset, type->tp_version_tag, has_dict);
    }
}

/* The class of numbers that the interpreter expects at an operator or comparison; NULL for none. */
static PyTypeObject *
expected_number(uint8_t opcode)
{
    switch (opcode) {
    case BINARY_OP_ADD_FLOAT:
    case BINARY_OP_SUBTRACT_FLOAT:
    case BINARY_OP_MULTIPLY_FLOAT:
    case COMPARE_OP_FLOAT:
        return &PyFloat_Type;
    case BINARY_OP_ADD_INT:
    case BINARY_OP_SUBTRACT_INT:
    case BINARY_OP_MULTIPLY_INT:
    case COMPARE_OP_INT:
        return &PyLong_Type;
    default:
        return NULL;
    }
}

/* Tells of an operand of an operator or comparison: of a number, where one of a kind was expected, only that it is none. */
static void
tell_operand(PyCodeObject *code, uint32_t offset, uint32_t operand, O object, PyTypeObject *expected)
{
    bool is_number = object == NULL || PyLong_CheckExact(object) || PyFloat_CheckExact(object);
    if (!is_number || (object != NULL && expected == NULL)) {
        martlet_hooks.operand_seen(code, offset, operand, martlet_class_word(object));
    }
    else if (object != NULL && expected != NULL && !Py_IS_TYPE(object, expected)) {
        martlet_hooks.operand_seen(code, offset, operand, MARTLET_NUMBER);
    }
}

/* Tells of the operands of the instruction that the frame is about to execute: what exits see there feeds the next
 * version. */
static void
tell_operands(F frame)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    const _Py_CODEUNIT *at = frame->instr_ptr;
    while (at->op.code == EXTENDED_ARG) {
        at++;
    }
    uint8_t base = _PyOpcode_Deopt[at->op.code];
    uint32_t offset = (uint32_t)(at - _PyCode_CODE(code));
    int depth = frame->stacktop - code->co_nlocalsplus;
    O *top = frame->localsplus + frame->stacktop - 1;
    if ((base == LOAD_ATTR || base == STORE_ATTR) && depth > 0) {
        tell_class(code, offset, *top);
    }
    if ((base == GET_ITER || base == FOR_ITER || base == TO_BOOL) && depth > 0 && *top != NULL) {
        martlet_hooks.operand_seen(code, offset, 0, martlet_class_word(*top));
    }
    if ((base != BINARY_OP && base != COMPARE_OP) || depth < 2) {
        return;
    }
    PyTypeObject *expected = expected_number(at->op.code);
    tell_operand(code, offset, 0, top[0], expected);
    tell_operand(code, offset, 1, top[-1], expected);
}

/* Leaves in the state that the record behind `at` describes; see martlet_exit. With `synced` the root's raw locals are in
 * its memory already, where Python code may have changed them since. With `again` the exception that is set was raised here
 * before, its traceback has this frame, and the frame says where. */
static O
leave(TS ts, F root, struct martlet_unit *unit, uint32_t index, const uint32_t *at, uint32_t n_values,
      union value *values, O *boxes, uint8_t *moved, bool synced, bool raised, bool again)
{
    uint64_t count = ++unit->exit_counts[index];

    /* What is made below must not disturb an exception that is set. */
    O exception = raised ? PyErr_GetRaisedException() : NULL;

    uint32_t n_virtuals = *at++;
    O virtuals[n_virtuals + 1];
    PyCodeObject *root_code = (PyCodeObject *)root->f_executable;
    O old[root_code->co_nlocalsplus + 1];
    struct exit x = {ts, root, unit, values, boxes, moved, virtuals, old, 0, false};
    if (!synced) {
        find_kept(&x, root, frames_of(at - 1));
    }
    for (uint32_t i = 0; i < n_virtuals; i++) {
        at = make_virtual(&x, i, at);
    }

    uint32_t n_frames = *at++;
    F frames[n_frames];
    uint32_t return_to[n_frames];
    uint32_t n_pushed = 0;
    int root_offset = 0;
    const _Py_CODEUNIT *from = root->instr_ptr;
    for (uint32_t i = 0; i < n_frames; i++) {
        uint32_t code_slot = at[0], func_desc = at[1], offset = at[2];
        F frame = root;
        if (i > 0 && n_pushed == i) {
            O func = named(&x, func_desc);
            PyCodeObject *code = (PyCodeObject *)unit->slots[code_slot];
            frame = func != NULL && code != NULL ? push_inlined(ts, (PyFunctionObject *)func, code) : NULL;
            Py_XDECREF(func);
        }
        if (i > 0 && (frame == NULL || n_pushed != i)) {
            /* No frame can be had for an inlined function: its call fails with a MemoryError. */
            x.failed = true;
            at += 4;
            at += 1 + *at;
            at += 1 + *at;
            continue;
        }
        frames[n_pushed] = frame;
        return_to[n_pushed++] = at[3];
        if (i == 0) {
            root_offset = (int)offset;
        }
        if (i > 0 || !again) {
            frame->instr_ptr = _PyCode_CODE((PyCodeObject *)frame->f_executable) + offset;
        }
        at = write_frame(&x, frame, synced && i == 0, at + 4);
        if (i > 0) {
            frame->previous = ts->current_frame;
            ts->current_frame = frame;
            ts->py_recursion_remaining--;
        }
    }

    if (MARTLET_UNLIKELY(x.failed)) {
        PyErr_Clear();
        if (exception == NULL) {
            PyErr_NoMemory();
            exception = PyErr_GetRaisedException();
            again = false;
        }
        raised = true;
    }
    if (exception != NULL) {
        PyErr_SetRaisedException(exception);
    }
    release(&x, n_values, n_virtuals, at);
    if (!raised) {
        tell_operands(frames[n_pushed - 1]);
    }

    while (n_pushed > 1) {
        n_pushed--;
        ts->py_recursion_remaining++;
        O result = finish_inlined(ts, frames[n_pushed], raised);
        if (result == NULL) {
            drop_operands(frames[n_pushed - 1], return_to[n_pushed - 1]);
        }
        raised = result == NULL || !return_to_caller(frames[n_pushed - 1], result, return_to[n_pushed - 1]);
    }

    if (!raised && martlet_tell_line(ts, root, from) < 0) {
        raised = true;
    }
    O answer = MARTLET_SENTINEL;
    if (raised) {
        int depth, target;
        bool lasti;
        int offset = again ? root_offset : (int)(root->instr_ptr - _PyCode_CODE(root_code));
        if (unit->kind == 1 && !martlet_find_handler(root_code, offset, &depth, &target, &lasti)) {
            /* Entered from a monitoring callback: the interpreter adds the traceback and unwinds. */
            answer = NULL;
        }
        else {
            if (!again) {
                martlet_traceback(ts, root);
            }
            answer = martlet_unwind_from(ts, root, offset) ? MARTLET_SENTINEL : NULL;
            if (answer == NULL && unit->kind == 1) {
                /* A listener's exception, which the interpreter is not to add the frame to: it adds none that has not
                 * begun. */
                root->instr_ptr = _PyCode_CODE(root_code) - 1;
            }
        }
    }
    if (MARTLET_UNLIKELY(count % REPORT_EVERY == 0) && answer == MARTLET_SENTINEL && unit->valid) {
        martlet_hooks.exits_often(unit, index);
    }
    root->return_offset = 0;
    return answer;
}

O
martlet_exit(TS ts, F root, struct martlet_unit *unit, uint32_t index, const int64_t *home, ...)
{
    const uint32_t *at = unit->exits + unit->exits[1 + index];
    bool raised = at[0] & 1, again = at[0] & 2;
    uint32_t n_values = count_values(at);
    union value values[n_values + 1];
    O boxes[n_values + 1];
    uint8_t moved[n_values + 1];
    va_list list;
    va_start(list, home);
    at = read_values(at, list, home, values, boxes, moved);
    va_end(list);
    return leave(ts, root, unit, index, at, n_values, values, boxes, moved, false, raised, again);
}

/* frames.c of the helpers. */
int martlet_local_sync_int(TS ts, F frame, uint32_t i, int64_t v);
int martlet_local_sync_float(TS ts, F frame, uint32_t i, double v);
int martlet_local_keep_float(TS ts, F frame, uint32_t i, double v);
int martlet_local_sync_bool(TS ts, F frame, uint32_t i, bool v);

/* Boxes the raw locals of the root, whose frame record is `at`, into its memory, and says where it is. -1 without
 * memory, an exception set. */
static int
sync_locals(TS ts, F root, const uint32_t *at, union value *values)
{
    root->instr_ptr = _PyCode_CODE((PyCodeObject *)root->f_executable) + at[2];
    at += 4;
    uint32_t n = *at++;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t kind = KIND(at[i]), k = PAYLOAD(at[i]);
        int status;
        if (kind == 4 || kind == 9) {
            status = martlet_local_sync_int(ts, root, i, kind == 4 ? values[k].bits : (int64_t)k);
        }
        else if (kind == 5) {
            status = martlet_local_sync_float(ts, root, i, values[k].real);
        }
        else if (kind == 11) {
            status = martlet_local_keep_float(ts, root, i, values[k].real);
        }
        else if (kind == 6) {
            status = martlet_local_sync_bool(ts, root, i, values[k].bits & 1);
        }
        else {
            continue;
        }
        if (status < 0) {
            return -1;
        }
    }
    return 0;
}

/* Boxes the raw locals that the exit's record names into the frame. Their old contents are quiet, and no borrowed
 * reference to them is alive. MARTLET_GO_ON, or NULL without memory, an exception set. */
O
martlet_sync_frame(TS ts, F root, struct martlet_unit *unit, uint32_t index, const int64_t *home, ...)
{
    const uint32_t *at = unit->exits + unit->exits[1 + index];
    uint32_t n_values = count_values(at);
    union value values[n_values + 1];
    O boxes[n_values + 1];
    uint8_t moved[n_values + 1];
    va_list list;
    va_start(list, home);
    at = read_values(at, list, home, values, boxes, moved);
    va_end(list);
    return sync_locals(ts, root, frames_of(at), values) < 0 ? NULL : MARTLET_GO_ON;
}

/* The eval breaker asks for something at a back edge or at a function's start: brings the frame up to date, handles it,
 * and answers MARTLET_GO_ON if machine code may go on as if nothing had happened; otherwise as martlet_exit. The exit's
 * record is the state in front of the bytecode that polls. */
O
martlet_poll_frame(TS ts, F root, struct martlet_unit *unit, uint32_t index, const int64_t *home, ...)
{
    const uint32_t *at = unit->exits + unit->exits[1 + index];
    uint32_t n_values = count_values(at);
    union value values[n_values + 1];
    O boxes[n_values + 1];
    uint8_t moved[n_values + 1];
    va_list list;
    va_start(list, home);
    at = read_values(at, list, home, values, boxes, moved);
    va_end(list);
    bool synced = sync_locals(ts, root, frames_of(at), values) == 0;
    bool raised = !synced || _Py_HandlePending(ts) < 0;
    if (!raised && unit->valid && root->frame_obj == NULL) {
        return MARTLET_GO_ON;
    }
    return leave(ts, root, unit, index, at, n_values, values, boxes, moved, synced, raised, false);
}
