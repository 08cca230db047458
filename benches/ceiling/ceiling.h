/* ceiling.h: what the hand-written programs of this folder share: dials, guards, locations, frames.
 *
 * Each program is what a compiler of CPython 3.13 could emit at best for the hot path of an unmodified Python program,
 * written by hand, on CPython's own objects. It keeps what a compiler has to keep: the guards on classes, on the keys
 * of module dicts and on the kinds of numbers, the reference that every owner holds, the poll at every back edge, and
 * real frames wherever Python code that could look at them may run. It uses nothing that a compiler could not know.
 * Where a compiler would leave for the interpreter, these programs stop the process: none of their inputs gets there.
 *
 * A dial takes one thing away from the best code, so that the difference tells what that thing is worth. Dials are
 * macros given on the command line; the values below are the best code's.
 */
#ifndef CEILING_H
#define CEILING_H

#include "../../clang-helpers/martlet.h"

#include <internal/pycore_dict.h>
#include <internal/pycore_list.h>

/* 0: no frame unless somebody could look at it. 1: every call of a Python function pushes a frame and pops it. */
#ifndef FRAMES
#  define FRAMES 0
#endif
/* 0: none (what watching and hoisting could reach in the end). 1: each fact is checked once for each value, until code
 * runs that could change it. 2: each access checks anew, as the interpreter's cached instructions do. */
#ifndef GUARDS
#  define GUARDS 1
#endif
/* 0: a reference is taken where an owner is made. 1: also for every load, as the interpreter's stack does. */
#ifndef COUNTS
#  define COUNTS 0
#endif
/* 0: Python functions are folded into their callers. 1: each is called through a cell in memory, arguments in
 * registers. 2: as 1, and a bound method and a tuple of arguments are made for each call. */
#ifndef CALLS
#  define CALLS 0
#endif
/* 1: attributes are places in the instance. 0: PyObject_GetAttr and PyObject_SetAttr. */
#ifndef PLACES
#  define PLACES 1
#endif
/* 2: ints are machine words; a stored one overwrites the box that only this place refers to. 1: machine words, a new
 * box for each store. 0: PyNumber_* and PyObject_RichCompare. */
#ifndef NUMBERS
#  define NUMBERS 2
#endif

/* Where a compiler would leave for the interpreter. */
static __attribute__((cold, noinline, noreturn)) void leave_code(const char *what)
{
    Py_FatalError(what);
}

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

/* A fact that the code relies on and has to check. */
#define MUST(fact)                                                                                                     \
    do {                                                                                                               \
        if (MARTLET_UNLIKELY(!(fact))) {                                                                               \
            leave_code(__FILE__ ":" TEXT_OF(__LINE__) ": " #fact);                                                     \
        }                                                                                                              \
    } while (0)
#define GUARD(fact)                                                                                                    \
    do {                                                                                                               \
        if (GUARDS >= 1) {                                                                                             \
            MUST(fact);                                                                                                \
        }                                                                                                              \
    } while (0)
#define GUARD_AGAIN(fact)                                                                                              \
    do {                                                                                                               \
        if (GUARDS >= 2) {                                                                                             \
            __asm__ volatile("" ::: "memory");                                                                         \
            MUST(fact);                                                                                                \
        }                                                                                                              \
    } while (0)

/* A Python function of the program. FUNCTION(O, hold, (TS ts, O self)) { ... } is called as hold(ts, self). */
#if CALLS == 0
#  define FUNCTION(result, name, parameters) static inline __attribute__((always_inline)) result name parameters
#else
#  define FUNCTION(result, name, parameters)                                                                           \
    static __attribute__((noinline)) result name##_body parameters;                                                    \
    static result(*volatile name) parameters = name##_body;                                                            \
    static __attribute__((noinline)) result name##_body parameters
#endif

/* What the load of an object costs where each load takes a reference and gives it back. */
MARTLET_INLINE O loaded(O v)
{
    if (COUNTS) {
        Py_INCREF(v);
        __asm__ volatile("" ::: "memory");
        Py_DECREF(v);
    }
    return v;
}

/* --- Frames --------------------------------------------------------------------------------------------------- */

/* A Python function of the program, as found by its name. */
struct callee {
    PyFunctionObject *function;
    PyCodeObject *code;
};

/* One activation of a Python function: what has to be undone when it ends. */
struct activation {
    TS ts;
    F frame;      /* NULL: no frame was pushed */
    O bound;      /* CALLS == 2: the bound method */
    O arguments;  /* CALLS == 2: the tuple of arguments */
};

/* Pushes and links a frame that owns its function, its code and its arguments. Source: _PyFrame_PushUnchecked. */
MARTLET_INLINE F push_frame(TS ts, const struct callee *callee, int n, O const *args)
{
    PyCodeObject *code = callee->code;
    MUST(ts->py_recursion_remaining > 0 && code->co_framesize < ts->datastack_limit - ts->datastack_top);
    F frame = (F)ts->datastack_top;
    ts->datastack_top += code->co_framesize;
    frame->f_funcobj = Py_NewRef((O)callee->function);
    frame->f_executable = Py_NewRef((O)code);
    frame->f_globals = callee->function->func_globals;
    frame->f_builtins = callee->function->func_builtins;
    frame->f_locals = NULL;
    frame->frame_obj = NULL;
    frame->instr_ptr = _PyCode_CODE(code) + code->_co_firsttraceable;
    frame->return_offset = 0;
    frame->owner = FRAME_OWNED_BY_THREAD;
    int i = 0;
    for (; i < n; i++) {
        frame->localsplus[i] = Py_NewRef(args[i]);
    }
    for (; i < code->co_nlocalsplus; i++) {
        frame->localsplus[i] = NULL;
    }
    frame->stacktop = code->co_nlocalsplus;
    frame->previous = ts->current_frame;
    ts->current_frame = frame;
    ts->py_recursion_remaining--;
    return frame;
}

/* Unlinks and clears a frame. Source: _PyEval_FrameClearAndPop. */
MARTLET_INLINE void pop_frame(TS ts, F frame)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    MUST(frame->frame_obj == NULL);
    ts->py_recursion_remaining++;
    ts->current_frame = frame->previous;
    for (int i = 0; i < code->co_nlocalsplus; i++) {
        Py_XDECREF(frame->localsplus[i]);
    }
    Py_DECREF(frame->f_funcobj);
    ts->datastack_top = (O *)frame;
    Py_DECREF(code);
}

MARTLET_INLINE struct activation enter(TS ts, const struct callee *callee, int n, O const *args)
{
    struct activation activation = {ts, NULL, NULL, NULL};
    if (CALLS == 2) {
        activation.bound = PyMethod_New((O)callee->function, args[0]);
        activation.arguments = PyTuple_New(n - 1);
        MUST(activation.bound != NULL && activation.arguments != NULL);
        for (int i = 1; i < n; i++) {
            PyTuple_SET_ITEM(activation.arguments, i - 1, Py_NewRef(args[i]));
        }
    }
    if (FRAMES) {
        activation.frame = push_frame(ts, callee, n, args);
    }
    return activation;
}

MARTLET_INLINE void end(struct activation *activation)
{
    if (FRAMES) {
        pop_frame(activation->ts, activation->frame);
    }
    if (CALLS == 2) {
        Py_DECREF(activation->bound);
        Py_DECREF(activation->arguments);
    }
}

/* Opens the activation of a Python function, which ends with the block. */
#define ENTER(ts, callee, ...)                                                                                         \
    O enter_arguments[] = {__VA_ARGS__};                                                                               \
    __attribute__((cleanup(end), unused)) struct activation activation_ =                                              \
        enter(ts, callee, (int)(sizeof(enter_arguments) / sizeof(O)), enter_arguments)

/* A recursive call that is not folded counts towards the recursion limit even without a frame. */
MARTLET_INLINE void count_depth(TS ts)
{
    if (!FRAMES) {
        MUST(--ts->py_recursion_remaining > 0);
    }
}

MARTLET_INLINE void uncount_depth(TS ts)
{
    if (!FRAMES) {
        ts->py_recursion_remaining++;
    }
}

/* The poll at a back edge. Source: CHECK_EVAL_BREAKER. */
MARTLET_INLINE void poll(TS ts)
{
    if (MARTLET_UNLIKELY(_Py_atomic_load_uintptr_relaxed(&ts->eval_breaker) & _PY_EVAL_EVENTS_MASK)) {
        MUST(_Py_HandlePending(ts) == 0);
    }
}

/* --- Classes, attributes, globals ----------------------------------------------------------------------------- */

/* A class and the version it had when the code was made. */
struct class_fact {
    PyTypeObject *type;
    uint32_t version;
};

/* An attribute: its name, and its index among the inline values of the instances. */
struct place {
    O name;
    Py_ssize_t index;
};

/* The inline values of an instance. Source: _PyObject_InlineValues. */
MARTLET_INLINE PyDictValues *values_of(O v)
{
    return (PyDictValues *)((char *)v + sizeof(PyObject));
}

MARTLET_INLINE bool is_instance_of(O v, const struct class_fact *fact)
{
    return Py_TYPE(v)->tp_version_tag == fact->version && values_of(v)->valid;
}

/* v.name, borrowed from v. The class of v has been checked. Source: LOAD_ATTR_INSTANCE_VALUE. */
MARTLET_INLINE O get_place(O v, const struct place *place)
{
    if (!PLACES) {
        O value = PyObject_GetAttr(v, place->name);
        MUST(value != NULL);
        Py_DECREF(value);
        return value;
    }
    O value = values_of(v)->values[place->index];
    GUARD(value != NULL);
    return loaded(value);
}

/* Like get_place, but the reference is moved out: a store to the same place must follow. */
MARTLET_INLINE O take_place(O v, const struct place *place)
{
    O value = get_place(v, place);
    if (!PLACES || COUNTS) {
        Py_INCREF(value);
    }
    return value;
}

/* v.name = value; steals value. Instances have no dict of their own. Source: STORE_ATTR_INSTANCE_VALUE. */
MARTLET_INLINE void set_place(O v, const struct place *place, O value)
{
    if (!PLACES) {
        MUST(PyObject_SetAttr(v, place->name, value) == 0);
        Py_DECREF(value);
        return;
    }
    O *slot = &values_of(v)->values[place->index];
    O old = *slot;
    *slot = value;
    Py_DECREF(old);
}

/* Stores where take_place took the old content away. */
MARTLET_INLINE void fill_place(O v, const struct place *place, O value)
{
    if (!PLACES || COUNTS) {
        set_place(v, place, value);
        return;
    }
    values_of(v)->values[place->index] = value;
}

/* v.name = value for an immortal value. */
MARTLET_INLINE void set_place_immortal(O v, const struct place *place, O value)
{
    set_place(v, place, value);
}

/* The global variables of a module: its dict, and the version of the dict's keys when the code was made. */
struct module_fact {
    PyDictObject *dict;
    uint32_t version;
};

MARTLET_INLINE bool has_same_names(const struct module_fact *module)
{
    return module->dict->ma_keys->dk_version == module->version;
}

/* The global at an index of a module's dict, whose names have been checked; borrowed. Source: LOAD_GLOBAL_MODULE. */
MARTLET_INLINE O get_global(const struct module_fact *module, Py_ssize_t index)
{
    GUARD_AGAIN(has_same_names(module));
    O value = DK_UNICODE_ENTRIES(module->dict->ma_keys)[index].me_value;
    GUARD(value != NULL);
    return loaded(value);
}

/* The truth of an object that is a bool. */
MARTLET_INLINE bool is_true(O v)
{
    if (v == Py_True) {
        return true;
    }
    GUARD(v == Py_False);
    return false;
}

/* --- Ints ------------------------------------------------------------------------------------------------------ */

MARTLET_INLINE bool is_small_int(O v)
{
    return Py_IS_TYPE(v, &PyLong_Type) && _PyLong_IsCompact((PyLongObject *)v);
}

/* The value of a compact int. */
MARTLET_INLINE int64_t int_of(O v)
{
    GUARD(is_small_int(v));
    return _PyLong_CompactValue((PyLongObject *)v);
}

MARTLET_INLINE bool has_cached_int(int64_t value)
{
    return (uint64_t)(value + _PY_NSMALLNEGINTS) < _PY_NSMALLNEGINTS + _PY_NSMALLPOSINTS;
}

/* The first of the ints that the interpreter keeps, which follow each other. */
static PyLongObject *cached_ints;

MARTLET_INLINE O box_int(int64_t value)
{
    if (has_cached_int(value)) {
        return (O)(cached_ints + value);
    }
    O box = PyLong_FromLongLong(value);
    MUST(box != NULL);
    return box;
}

/* v.name = value, where the old content is an int. A box that only this place refers to is overwritten. */
MARTLET_INLINE void set_place_int(O v, const struct place *place, int64_t value)
{
    if (PLACES && NUMBERS == 2) {
        O old = values_of(v)->values[place->index];
        if (old->ob_refcnt == 1 && value > 256 && value < (int64_t)1 << PyLong_SHIFT && is_small_int(old)) {
            ((PyLongObject *)old)->long_value.lv_tag = 1 << NON_SIZE_BITS;
            ((PyLongObject *)old)->long_value.ob_digit[0] = (digit)value;
            return;
        }
    }
    set_place(v, place, box_int(value));
}

/* v.name = v.name `operation` operand, for an operation of PyNumber_* and its twin on machine words. */
#define UPDATE_PLACE(v, place, operation, word_operator, operand)                                                      \
    do {                                                                                                               \
        if (NUMBERS == 0) {                                                                                            \
            O operand_ = PyLong_FromLong(operand);                                                                     \
            O result_ = operation(get_place(v, place), operand_);                                                      \
            MUST(operand_ != NULL && result_ != NULL);                                                                 \
            Py_DECREF(operand_);                                                                                       \
            set_place(v, place, result_);                                                                              \
        } else {                                                                                                       \
            set_place_int(v, place, int_of(get_place(v, place)) word_operator(operand));                               \
        }                                                                                                              \
    } while (0)

/* a `op` b, for ints; `op` is Py_GT and so on. */
#define COMPARE_INTS(a, op, word_operator, b)                                                                          \
    (NUMBERS == 0 ? compare_objects(a, b, op) : int_of(a) word_operator int_of(b))

MARTLET_INLINE bool compare_objects(O a, O b, int op)
{
    O result = PyObject_RichCompare(a, b, op);
    MUST(result != NULL);
    bool truth = result == Py_True;
    Py_DECREF(result);
    return truth;
}

/* a[index], borrowed, for an exact list. Source: BINARY_SUBSCR_LIST_INT. */
MARTLET_INLINE O item_of(O a, int64_t index)
{
    GUARD(PyList_CheckExact(a));
    MUST((uint64_t)index < (uint64_t)Py_SIZE(a));
    return loaded(PyList_GET_ITEM(a, index));
}

/* --- What a compiler would have found out before: used while a program is set up ------------------------------- */

/* The attribute `name` of v, borrowed; it has to exist, and to be kept by v. */
static O find(O v, const char *name)
{
    O value = PyObject_GetAttrString(v, name);
    if (value == NULL) {
        PyErr_Print();
        leave_code(name);
    }
    Py_DECREF(value);
    return value;
}

static inline struct class_fact find_class(O type)
{
    MUST(PyUnstable_Type_AssignVersionTag((PyTypeObject *)type));
    return (struct class_fact){(PyTypeObject *)type, ((PyTypeObject *)type)->tp_version_tag};
}

static inline struct callee find_callee(O owner, const char *name)
{
    PyFunctionObject *function = (PyFunctionObject *)find(owner, name);
    MUST(PyFunction_Check(function));
    return (struct callee){function, (PyCodeObject *)function->func_code};
}

/* The index of a string among the keys of a dict or of instances; -1 if it is none. */
static inline Py_ssize_t find_key(PyDictKeysObject *keys, O key)
{
    for (Py_ssize_t i = 0; i < keys->dk_nentries; i++) {
        if (DK_UNICODE_ENTRIES(keys)[i].me_key == key) {
            return i;
        }
    }
    return -1;
}

static inline struct place find_place(PyTypeObject *type, const char *name)
{
    struct place place = {PyUnicode_InternFromString(name), -1};
    place.index = find_key(((PyHeapTypeObject *)type)->ht_cached_keys, place.name);
    MUST(place.index >= 0);
    return place;
}

/* The index of a name in a module's dict. */
static inline Py_ssize_t find_global(const struct module_fact *module, const char *name)
{
    O key = PyUnicode_InternFromString(name);
    Py_ssize_t index = find_key(module->dict->ma_keys, key);
    MUST(index >= 0);
    Py_DECREF(key);
    return index;
}

/* The variables of a module whose dict has names only. The keys have a version since the
 * interpreter reads them through its caches. */
static inline struct module_fact find_module(O dict)
{
    PyDictObject *d = (PyDictObject *)dict;
    MUST(d->ma_values == NULL && DK_IS_UNICODE(d->ma_keys) && d->ma_keys->dk_version != 0);
    return (struct module_fact){d, d->ma_keys->dk_version};
}

static inline void find_cached_ints(void)
{
    cached_ints = (PyLongObject *)PyLong_FromLong(0);
}

/* Makes the methods of a program an extension module, whose name is given on the command line. */
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define PROGRAM(methods)                                                                                               \
    static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, TEXT_OF(MODULE), NULL, 0, methods, 0, 0, 0, 0};     \
    PyMODINIT_FUNC PASTE(PyInit_, MODULE)(void)                                                                        \
    {                                                                                                                  \
        return PyModule_Create(&definition);                                                                           \
    }

#endif /* CEILING_H */
