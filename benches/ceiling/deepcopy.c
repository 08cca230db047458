/* deepcopy.c: `copy.deepcopy` of the standard library, as the program `deepcopy` of pyperformance uses it.
 *
 * Replaced is the module's `deepcopy`; folded into it are the functions that its dispatch table has for atoms, lists,
 * tuples and dicts, `_keep_alive`, `_reconstruct` and `copyreg.__newobj__`. The callee of `copier(x, memo)` is never
 * settled, so the table is looked up, in place, and the four functions it may answer are compared.
 *
 * Only calls that leave these functions can look at frames: `__reduce_ex__` and what `_reconstruct` calls. Before them
 * the frame of the function that makes the call is pushed. Frames further out, had there been any, would have to be
 * found through the return addresses; in these workloads there are none.
 */
#include "dicts.h"

/* 1: try/except around a lookup that fails makes no exception. 0: KeyError is raised and caught. */
#ifndef QUIET_MISSES
#  define QUIET_MISSES 1
#endif
/* 1: `y.__dict__.update(state)` stores into the instance. 0: the dict is made and updated. */
#ifndef QUIET_DICTS
#  define QUIET_DICTS 1
#endif
/* 1: tuples, iterators and generators that do not outlive their loop are never made. 0: they are. */
#ifndef ESCAPES
#  define ESCAPES 1
#endif

static struct module_fact module_, builtins_;
static Py_ssize_t g_dispatch, g_reductors;
static O copy_atomic, copy_list, copy_tuple, copy_dict, newobj, reduce_ex, four, n_append, n_deepcopy,
    n_reduce_ex;
static PyMethodDescrObject *reduce_method;
static struct callee f_deepcopy, f_atomic, f_list, f_tuple, f_dict, f_keep_alive, f_reconstruct, f_newobj;

/* What is known about a class whose instances are copied through `__reduce_ex__`: found at its first instance, as an
 * inline cache does, and guarded by its version and the number of keys that its instances share. */
static struct instances {
    PyTypeObject *type;
    uint32_t version;
    Py_ssize_t n_keys;
    bool plain; /* no __deepcopy__, no __setstate__; object's __reduce_ex__ and __new__ */
} known[4];

static O deepcopy_deep(TS ts, O x, O memo, O copier);

/* Whether looking up `name` on an instance finds nothing in its class. */
static bool lacks(PyTypeObject *type, const char *name)
{
    O key = PyUnicode_InternFromString(name);
    bool lacking = _PyType_Lookup(type, key) == NULL && find_key(((PyHeapTypeObject *)type)->ht_cached_keys, key) < 0;
    Py_DECREF(key);
    return lacking;
}

static __attribute__((cold, noinline)) struct instances *learn(PyTypeObject *type)
{
    static int next;
    struct instances *instances = &known[next++ % 4];
    MUST(PyUnstable_Type_AssignVersionTag(type));
    bool has_values = type->tp_flags & Py_TPFLAGS_INLINE_VALUES;
    instances->type = type;
    instances->version = type->tp_version_tag;
    instances->n_keys = has_values ? ((PyHeapTypeObject *)type)->ht_cached_keys->dk_nentries : 0;
    O key = PyUnicode_InternFromString("__reduce_ex__");
    instances->plain = has_values && lacks(type, "__deepcopy__") && lacks(type, "__setstate__") &&
                       type->tp_new == PyBaseObject_Type.tp_new && _PyType_Lookup(type, key) == reduce_ex;
    Py_DECREF(key);
    return instances;
}

MARTLET_INLINE struct instances *instances_of(PyTypeObject *type)
{
    for (int i = 0; i < 4; i++) {
        if (known[i].type == type && known[i].version == type->tp_version_tag &&
            (!known[i].plain || known[i].n_keys == ((PyHeapTypeObject *)type)->ht_cached_keys->dk_nentries)) {
            return &known[i];
        }
    }
    return learn(type);
}

/* The global dict at this index of the module; borrowed. */
MARTLET_INLINE O table(Py_ssize_t index)
{
    GUARD(has_same_names(&module_) && has_same_names(&builtins_));
    O dict = get_global(&module_, index);
    GUARD(PyDict_CheckExact(dict));
    return dict;
}

FUNCTION(O, deepcopy_atomic, (TS ts, O x, O memo))
{
    ENTER(ts, &f_atomic, x, memo);
    return Py_NewRef(x);
}

/* A new reference to what the memo has for x, or NULL. */
MARTLET_INLINE O remembered(O memo, O x)
{
    return Py_XNewRef(get_by_id(loaded(memo), loaded(x)));
}

MARTLET_INLINE O deepcopy_inner(TS ts, O x, O memo)
{
    O y = remembered(memo, x);
    if (y != NULL) {
        return y;
    }
    O copier = get_by_type(table(g_dispatch), Py_TYPE(x));
    if (copier == copy_atomic) {
        return deepcopy_atomic(ts, x, memo);
    }
    return deepcopy_deep(ts, x, memo, copier);
}

/* deepcopy(x, memo); new. The head is folded into the callers, the rest is a recursive call. */
FUNCTION(O, deepcopy, (TS ts, O x, O memo))
{
    ENTER(ts, &f_deepcopy, x, memo, Py_None);
    return deepcopy_inner(ts, x, memo);
}

/* Raises KeyError and catches it, where the program does. */
MARTLET_INLINE void miss(O x)
{
    if (!QUIET_MISSES) {
        O key = PyLong_FromVoidPtr(x);
        PyErr_SetObject(PyExc_KeyError, key);
        O raised = PyErr_GetRaisedException();
        Py_DECREF(raised);
        Py_DECREF(key);
    }
}

FUNCTION(void, keep_alive, (TS ts, O x, O memo))
{
    ENTER(ts, &f_keep_alive, x, memo);
    O list = get_by_id(memo, memo);
    if (list != NULL) {
        GUARD(PyList_CheckExact(list));
        MUST(_PyList_AppendTakeRef((PyListObject *)list, Py_NewRef(x)) == 0);
        return;
    }
    miss(memo);
    list = PyList_New(1);
    MUST(list != NULL);
    PyList_SET_ITEM(list, 0, Py_NewRef(x));
    set_by_id(memo, memo, list);
}

FUNCTION(O, deepcopy_list, (TS ts, O x, O memo))
{
    ENTER(ts, &f_list, x, memo);
    O y = PyList_New(0);
    MUST(y != NULL);
    set_by_id(memo, x, Py_NewRef(y));
    O append = ESCAPES ? NULL : PyObject_GetAttr(y, n_append);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(x); i++) {
        O a = Py_NewRef(PyList_GET_ITEM(x, i));
        O copied = deepcopy(ts, a, memo);
        Py_DECREF(a);
        if (ESCAPES) {
            MUST(_PyList_AppendTakeRef((PyListObject *)y, copied) == 0);
        } else {
            O none = PyObject_CallOneArg(append, copied);
            Py_DECREF(none);
            Py_DECREF(copied);
        }
        poll(ts);
    }
    Py_XDECREF(append);
    return y;
}

FUNCTION(O, deepcopy_tuple, (TS ts, O x, O memo))
{
    ENTER(ts, &f_tuple, x, memo);
    Py_ssize_t n = PyTuple_GET_SIZE(x);
    O y = PyList_New(n);
    MUST(y != NULL);
    bool same = true;
    for (Py_ssize_t i = 0; i < n; i++) {
        O copied = deepcopy(ts, PyTuple_GET_ITEM(x, i), memo);
        PyList_SET_ITEM(y, i, copied);
        poll(ts);
    }
    O seen = remembered(memo, x);
    if (seen != NULL) {
        Py_DECREF(y);
        return seen;
    }
    miss(x);
    for (Py_ssize_t i = 0; i < n && same; i++) {
        if (!ESCAPES) {
            Py_DECREF(PyTuple_Pack(2, PyTuple_GET_ITEM(x, i), PyList_GET_ITEM(y, i)));
        }
        same = PyTuple_GET_ITEM(x, i) == PyList_GET_ITEM(y, i);
    }
    O result = same ? Py_NewRef(x) : PyList_AsTuple(y);
    Py_DECREF(y);
    return result;
}

FUNCTION(O, deepcopy_dict, (TS ts, O x, O memo))
{
    ENTER(ts, &f_dict, x, memo);
    O y = PyDict_New();
    MUST(y != NULL);
    set_by_id(memo, x, Py_NewRef(y));
    O key, value;
    Py_ssize_t at = 0;
    Py_ssize_t used = PyDict_GET_SIZE(x);
    while (PyDict_Next(x, &at, &key, &value)) {
        Py_INCREF(key);
        Py_INCREF(value);
        if (!ESCAPES) {
            Py_DECREF(PyTuple_Pack(2, key, value));
        }
        O new_value = deepcopy(ts, value, memo);
        O new_key = deepcopy(ts, key, memo);
        Py_DECREF(key);
        Py_DECREF(value);
        if (LOOKUPS == 2) {
            MUST(_PyDict_SetItem_Take2((PyDictObject *)y, new_key, new_value) == 0);
        } else {
            MUST(PyObject_SetItem(y, new_key, new_value) == 0);
            Py_DECREF(new_key);
            Py_DECREF(new_value);
        }
        MUST(used == PyDict_GET_SIZE(x));
        poll(ts);
    }
    return y;
}

/* cls.__new__(cls) where that is object's; new. */
FUNCTION(O, new_instance, (TS ts, O cls))
{
    ENTER(ts, &f_newobj, cls, Py_None);
    return PyType_GenericAlloc((PyTypeObject *)cls, 0);
}

/* y.__dict__.update(state), where y has been made just now and state is an exact dict. */
MARTLET_INLINE void update_instance(O y, O state)
{
    PyDictValues *values = values_of(y);
    const PyDictKeysObject *keys = ((PyHeapTypeObject *)Py_TYPE(y))->ht_cached_keys;
    O key, value;
    Py_ssize_t at = 0;
    while (QUIET_DICTS && values->valid && PyDict_Next(state, &at, &key, &value)) {
        int64_t index = PyUnicode_CheckExact(key) ? probe_shared_keys(keys, key) : -1;
        MUST(index >= 0);
        O old = values->values[index];
        values->values[index] = Py_NewRef(value);
        if (old == NULL) {
            _PyDictValues_AddToInsertionOrder(values, index);
        }
        Py_XDECREF(old);
    }
    if (!QUIET_DICTS) {
        O dict = PyObject_GenericGetDict(y, NULL);
        MUST(dict != NULL && PyDict_Update(dict, state) == 0);
        Py_DECREF(dict);
    }
}

/* _reconstruct(x, memo, *rv) for an instance of a class that has nothing of its own; new. */
FUNCTION(O, reconstruct_plain, (TS ts, O x, O memo, O rv))
{
    O func = PyTuple_GET_ITEM(rv, 0);
    O args = PyTuple_GET_ITEM(rv, 1);
    O state = PyTuple_GET_ITEM(rv, 2);
    ENTER(ts, &f_reconstruct, x, memo, func, args, state);
    GUARD(func == newobj && PyTuple_GET_SIZE(args) == 1);
    O cls = deepcopy(ts, PyTuple_GET_ITEM(args, 0), memo);
    GUARD(cls == (O)Py_TYPE(x));
    if (!ESCAPES) {
        Py_DECREF(PyTuple_Pack(1, cls));
    }
    O y = new_instance(ts, cls);
    Py_DECREF(cls);
    MUST(y != NULL);
    set_by_id(memo, x, Py_NewRef(y));
    O copied = deepcopy(ts, state, memo);
    GUARD(PyDict_CheckExact(copied));
    update_instance(y, copied);
    Py_DECREF(copied);
    GUARD(PyTuple_GET_ITEM(rv, 3) == Py_None && PyTuple_GET_ITEM(rv, 4) == Py_None);
    return y;
}

/* The same for any class, calling what it finds; the called functions are the interpreter's. */
static __attribute__((noinline)) O reconstruct_any(TS ts, O x, O memo, O rv)
{
    O args[] = {x, memo};
    F frame = FRAMES ? NULL : push_frame(ts, &f_reconstruct, 2, args);
    Py_ssize_t n = PyTuple_GET_SIZE(rv);
    O old_args = PyTuple_GET_ITEM(rv, 1);
    O new_args = PyTuple_New(PyTuple_GET_SIZE(old_args));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(old_args); i++) {
        PyTuple_SET_ITEM(new_args, i, deepcopy(ts, PyTuple_GET_ITEM(old_args, i), memo));
    }
    O y = PyObject_Call(PyTuple_GET_ITEM(rv, 0), new_args, NULL);
    MUST(y != NULL);
    Py_DECREF(new_args);
    set_by_id(memo, x, Py_NewRef(y));
    MUST(n == 3);
    O state = deepcopy(ts, PyTuple_GET_ITEM(rv, 2), memo);
    O set_state = PyObject_GetAttrString(y, "__setstate__");
    MUST(set_state != NULL);
    O none = PyObject_CallOneArg(set_state, state);
    MUST(none != NULL);
    Py_DECREF(none);
    Py_DECREF(set_state);
    Py_DECREF(state);
    if (frame != NULL) {
        pop_frame(ts, frame);
    }
    return y;
}

/* The branch of deepcopy for instances; new. */
MARTLET_INLINE O deepcopy_instance(TS ts, O x, O memo)
{
    struct instances *instances = instances_of(Py_TYPE(x));
    if (PLACES == 0) {
        O found;
        MUST(PyObject_GetOptionalAttr(x, n_deepcopy, &found) == 0);
    }
    GUARD(get_by_type(table(g_reductors), Py_TYPE(x)) == NULL);
    O args[] = {x, memo};
    F frame = FRAMES ? NULL : push_frame(ts, &f_deepcopy, 2, args);
    O rv;
    if (PLACES == 0) {
        rv = PyObject_CallMethodOneArg(x, n_reduce_ex, four);
    } else {
        rv = reduce_method->d_method->ml_meth(x, four);
    }
    MUST(rv != NULL && PyTuple_CheckExact(rv));
    if (frame != NULL) {
        pop_frame(ts, frame);
    }
    O y = instances->plain && PyTuple_GET_SIZE(rv) == 5 ? reconstruct_plain(ts, x, memo, rv)
                                                        : reconstruct_any(ts, x, memo, rv);
    Py_DECREF(rv);
    return y;
}

/* What deepcopy does with an x that is neither in the memo nor an atom; new. */
static __attribute__((noinline)) O deepcopy_deep(TS ts, O x, O memo, O copier)
{
    count_depth(ts);
    O y = copier == copy_list    ? deepcopy_list(ts, x, memo)
          : copier == copy_dict  ? deepcopy_dict(ts, x, memo)
          : copier == copy_tuple ? deepcopy_tuple(ts, x, memo)
                                 : NULL;
    if (y == NULL) {
        MUST(copier == NULL);
        y = deepcopy_instance(ts, x, memo);
    }
    if (y != x) {
        set_by_id(memo, x, Py_NewRef(y));
        keep_alive(ts, x, memo);
    }
    uncount_depth(ts);
    return y;
}

static O deepcopy_entry(O module, O x)
{
    (void)module;
    TS ts = _PyThreadState_GET();
    O memo = PyDict_New();
    MUST(memo != NULL);
    ENTER(ts, &f_deepcopy, x, memo, Py_None);
    O y = deepcopy_inner(ts, x, memo);
    Py_DECREF(memo);
    return y;
}

/* setup(copy): finds what a compiler would have found in the inline caches. The module has run before. */
static O setup(O self, O program)
{
    (void)self;
    find_cached_ints();
    f_deepcopy = find_callee(program, "deepcopy");
    f_atomic = find_callee(program, "_deepcopy_atomic");
    f_list = find_callee(program, "_deepcopy_list");
    f_tuple = find_callee(program, "_deepcopy_tuple");
    f_dict = find_callee(program, "_deepcopy_dict");
    f_keep_alive = find_callee(program, "_keep_alive");
    f_reconstruct = find_callee(program, "_reconstruct");
    O copyreg = PyImport_ImportModule("copyreg");
    MUST(copyreg != NULL);
    f_newobj = find_callee(copyreg, "__newobj__");
    copy_atomic = (O)f_atomic.function;
    copy_list = (O)f_list.function;
    copy_tuple = (O)f_tuple.function;
    copy_dict = (O)f_dict.function;
    newobj = (O)f_newobj.function;
    reduce_ex = find((O)&PyBaseObject_Type, "__reduce_ex__");
    MUST(Py_IS_TYPE(reduce_ex, &PyMethodDescr_Type));
    reduce_method = (PyMethodDescrObject *)reduce_ex;
    MUST(reduce_method->d_method->ml_flags == METH_O);
    four = PyLong_FromLong(4);
    n_append = PyUnicode_InternFromString("append");
    n_deepcopy = PyUnicode_InternFromString("__deepcopy__");
    n_reduce_ex = PyUnicode_InternFromString("__reduce_ex__");
    module_ = find_module(f_deepcopy.function->func_globals);
    builtins_ = find_module(f_deepcopy.function->func_builtins);
    g_dispatch = find_global(&module_, "_deepcopy_dispatch");
    g_reductors = find_global(&module_, "dispatch_table");
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"setup", setup, METH_O, NULL},
    {"deepcopy", deepcopy_entry, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

PROGRAM(methods)
