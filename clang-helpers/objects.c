/* objects.c: references, exact types, and the singletons.
 *
 * All of it is inlined. The type tests ask for the exact type: a subclass may do anything.
 */
#include "inline.h"

#include <internal/pycore_dict.h>
#include <internal/pycore_list.h>
#include <internal/pycore_range.h>
#include <internal/pycore_setobject.h>

/* Destroys v, whose last reference is gone. An int's block goes to the helpers' own freelist, so that generic code
 * feeds it too. Source: _Py_Dealloc. */
MARTLET_CALL void martlet_dealloc(O v)
{
    if (Py_IS_TYPE(v, &PyLong_Type)) {
        martlet_int_free(v);
    } else {
        _Py_Dealloc(v);
    }
}

/* What dies with an object of which the last reference goes. */
struct death {
    int depth; /* of what is looked at: held by something that dies, which is held by something that dies, ... */
    int left;  /* references that may still be looked at */
    int n;
    struct {
        O object;
        Py_ssize_t held;
    } shared[32]; /* objects with more than one reference, and how many of these die */
};

enum { MAX_DEPTH_OF_DEATH = 4, MAX_REFERENCES_THAT_DIE = 4096 };

static bool dies_quietly(O v, struct death *death);

/* Notes that one of the references to an object of which there are several dies. */
static bool note_shared(O v, struct death *death)
{
    const int most = sizeof(death->shared) / sizeof(*death->shared);
    int at = 0;
    while (at < death->n && death->shared[at].object != v) {
        at++;
    }
    if (at == most) {
        return false;
    }
    if (at == death->n) {
        death->n++;
        death->shared[at].object = v;
        death->shared[at].held = 0;
    }
    death->shared[at].held++;
    return true;
}

/* Whether the release of something that is held by what dies runs no Python, if it outlives that where it is shared. */
static bool goes_quietly(O v, struct death *death)
{
    if (--death->left < 0) {
        return false;
    }
    if (v == NULL || martlet_inline_is_quiet(v) || martlet_inline_is_immortal(v)) {
        return true;
    }
    if (v->ob_refcnt > 1) {
        return note_shared(v, death);
    }
    death->depth++;
    bool quiet = death->depth < MAX_DEPTH_OF_DEATH && dies_quietly(v, death);
    death->depth--;
    return quiet;
}

static bool items_go_quietly(O const *items, Py_ssize_t n, struct death *death)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!goes_quietly(items[i], death)) {
            return false;
        }
    }
    return true;
}

/* Of a dict that nobody watches. */
static bool entries_go_quietly(O dict, struct death *death)
{
    Py_ssize_t at = 0;
    O key, value;
    if ((((PyDictObject *)dict)->ma_version_tag & DICT_WATCHER_MASK) != 0) {
        return false;
    }
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (!goes_quietly(key, death) || !goes_quietly(value, death)) {
            return false;
        }
    }
    return true;
}

/* Of a set or frozenset to which there is no weak reference. */
static bool members_go_quietly(O set, struct death *death)
{
    Py_ssize_t at = 0;
    O key;
    Py_hash_t hash;
    if (((PySetObject *)set)->weakreflist != NULL) {
        return false;
    }
    while (_PySet_NextEntry(set, &at, &key, &hash)) {
        if (!goes_quietly(key, death)) {
            return false;
        }
    }
    return true;
}

/* Of an object, what one of its classes keeps in slots. Source: clear_slots. */
static bool slots_go_quietly(O v, PyTypeObject *cls, struct death *death)
{
    PyMemberDef *member = (PyMemberDef *)((char *)cls + Py_TYPE(cls)->tp_basicsize);
    for (Py_ssize_t i = 0; i < Py_SIZE(cls); i++, member++) {
        if (member->type == Py_T_OBJECT_EX && !goes_quietly(*(O *)((char *)v + member->offset), death)) {
            return false;
        }
    }
    return true;
}

/* An object of a class of Python's whose base is `object`, which nobody finalises and to which there is no weak
 * reference. Source: subtype_dealloc. */
static bool instance_dies_quietly(O v, struct death *death)
{
    PyTypeObject *type = Py_TYPE(v);
    if (type->tp_dealloc != martlet_instance_dealloc || type->tp_finalize != NULL || type->tp_del != NULL ||
        (type->tp_weaklistoffset != 0 && *_PyObject_GET_WEAKREFS_LISTPTR_FROM_OFFSET(v) != NULL)) {
        return false;
    }
    PyTypeObject *base = type;
    for (; base->tp_dealloc == martlet_instance_dealloc; base = base->tp_base) {
        if (!slots_go_quietly(v, base, death)) {
            return false;
        }
    }
    if (base != &PyBaseObject_Type) {
        return false;
    }
    if (!PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT)) {
        return type->tp_dictoffset == 0;
    }
    O dict = (O)_PyObject_GetManagedDict(v);
    if (PyType_HasFeature(type, Py_TPFLAGS_INLINE_VALUES) && _PyObject_InlineValues(v)->valid) {
        PyDictValues *values = _PyObject_InlineValues(v);
        return dict == NULL && items_go_quietly(values->values, values->capacity, death);
    }
    return dict == NULL || (Py_REFCNT(dict) == 1 && entries_go_quietly(dict, death));
}

static bool dies_quietly(O v, struct death *death)
{
    PyTypeObject *type = Py_TYPE(v);
    if (type == &PyTuple_Type) {
        return items_go_quietly(((PyTupleObject *)v)->ob_item, Py_SIZE(v), death);
    }
    if (type == &PyList_Type) {
        return items_go_quietly(((PyListObject *)v)->ob_item, Py_SIZE(v), death);
    }
    if (type == &PyDict_Type) {
        return entries_go_quietly(v, death);
    }
    if (type == &PySet_Type || type == &PyFrozenSet_Type) {
        return members_go_quietly(v, death);
    }
    if (type == &PyBytes_Type || type == &PyComplex_Type || type == &PyRangeIter_Type) {
        return true;
    }
    if (type == &PySlice_Type) {
        PySliceObject *slice = (PySliceObject *)v;
        return goes_quietly(slice->start, death) && goes_quietly(slice->stop, death) &&
               goes_quietly(slice->step, death);
    }
    if (type == &PyCell_Type) {
        return goes_quietly(((PyCellObject *)v)->ob_ref, death);
    }
    if (type == &PyMethod_Type) {
        PyMethodObject *method = (PyMethodObject *)v;
        return method->im_weakreflist == NULL && goes_quietly(method->im_func, death) &&
               goes_quietly(method->im_self, death);
    }
    return instance_dies_quietly(v, death);
}

/* Whether v, of which this is the last reference, dies without running Python: a number, text or bytes, an exact container,
 * a slice, cell or bound method, or an object that nobody finalises, of things that outlive it or die so, too. */
MARTLET_LEAF bool martlet_dies_quietly(O v)
{
    if (martlet_inline_is_quiet(v)) {
        return true;
    }
    return martlet_die_quietly(&v, 1);
}

/* Whether the release of references to n objects, which all go before anything else is done, runs no Python. */
MARTLET_LEAF bool martlet_die_quietly(O const *items, int64_t n)
{
    struct death death;
    death.depth = -1;
    death.left = MAX_REFERENCES_THAT_DIE;
    death.n = 0;
    if (!items_go_quietly(items, n, &death)) {
        return false;
    }
    for (int i = 0; i < death.n; i++) {
        if (death.shared[i].object->ob_refcnt == death.shared[i].held) {
            return false;
        }
    }
    return true;
}

/* Whether letting go of a reference to v leaves others. v may be NULL. */
MARTLET_HELPER bool martlet_outlives(O v)
{
    return v == NULL || v->ob_refcnt > 1;
}

/* Whether releasing a reference to each of n objects, which may be the same or NULL, runs no Python. */
MARTLET_HELPER bool martlet_release_all_quiet(O const *items, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (items[i] != NULL && items[i]->ob_refcnt <= n) {
            return martlet_die_quietly(items, n);
        }
    }
    return true;
}

/* Whether releasing a reference to v runs no Python: it is NULL, not the last one, or v dies silently. */
MARTLET_HELPER bool martlet_release_quiet(O v)
{
    return martlet_inline_release_quiet(v);
}

/* Takes a reference to v. Source: Py_INCREF. */
MARTLET_HELPER void martlet_incref(O v)
{
    Py_INCREF(v);
}

/* Releases a reference to v; may run its destructor. Source: Py_DECREF. */
MARTLET_HELPER void martlet_decref(O v)
{
    martlet_inline_decref(v);
}

/* Releases a reference to v, which may be NULL; may run its destructor. Source: Py_XDECREF. */
MARTLET_HELPER void martlet_xdecref(O v)
{
    martlet_inline_xdecref(v);
}

/* As martlet_decref, never inlined. */
MARTLET_CALL void martlet_release(O v)
{
    martlet_inline_decref(v);
}

/* As martlet_xdecref, never inlined. */
MARTLET_CALL void martlet_xrelease(O v)
{
    martlet_inline_xdecref(v);
}

/* Releases a reference to v, an exact float; runs no Python. */
MARTLET_HELPER void martlet_decref_float(TS ts, O v)
{
    martlet_inline_float_decref(ts, v);
}

/* Frees a float whose last reference is gone. CPython's own freelist. Source: _PyFloat_ExactDealloc. */
MARTLET_LEAF void martlet_float_free(TS ts, O v)
{
    struct _Py_float_freelist *list = &ts->interp->object_state.freelists.floats;
    if (MARTLET_UNLIKELY((unsigned)list->numfree >= PyFloat_MAXFREELIST)) {
        _PyFloat_ExactDealloc(v); /* list full, or closed for good at finalisation */
        return;
    }
    list->numfree++;
    v->ob_type = (PyTypeObject *)list->items;
    list->items = (PyFloatObject *)v;
}

/* Releases a reference to v, an exact int (not a bool); runs no Python. The block goes to the helpers' own freelist. */
MARTLET_HELPER void martlet_decref_int(O v)
{
    martlet_inline_int_decref(v);
}

/* Whether v is True or False. */
MARTLET_HELPER bool martlet_is_bool(O v)
{
    return Py_IS_TYPE(v, &PyBool_Type);
}

/* Whether v is exactly an int (not a bool). */
MARTLET_HELPER bool martlet_is_int(O v)
{
    return Py_IS_TYPE(v, &PyLong_Type);
}

/* Whether v is exactly a float. */
MARTLET_HELPER bool martlet_is_float(O v)
{
    return Py_IS_TYPE(v, &PyFloat_Type);
}

/* Whether v is exactly a complex. */
MARTLET_HELPER bool martlet_is_complex(O v)
{
    return Py_IS_TYPE(v, &PyComplex_Type);
}

/* Whether v is exactly a str. */
MARTLET_HELPER bool martlet_is_str(O v)
{
    return Py_IS_TYPE(v, &PyUnicode_Type);
}

/* Whether v is exactly a bytes. */
MARTLET_HELPER bool martlet_is_bytes(O v)
{
    return Py_IS_TYPE(v, &PyBytes_Type);
}

/* Whether v is exactly a list. */
MARTLET_HELPER bool martlet_is_list(O v)
{
    return Py_IS_TYPE(v, &PyList_Type);
}

/* Whether v is exactly a tuple. */
MARTLET_HELPER bool martlet_is_tuple(O v)
{
    return Py_IS_TYPE(v, &PyTuple_Type);
}

/* Whether v is exactly a dict. */
MARTLET_HELPER bool martlet_is_dict(O v)
{
    return Py_IS_TYPE(v, &PyDict_Type);
}

/* Whether v is exactly a set. */
MARTLET_HELPER bool martlet_is_set(O v)
{
    return Py_IS_TYPE(v, &PySet_Type);
}

/* Whether v is a slice. */
MARTLET_HELPER bool martlet_is_slice(O v)
{
    return Py_IS_TYPE(v, &PySlice_Type);
}

/* Whether v is a range. */
MARTLET_HELPER bool martlet_is_range(O v)
{
    return Py_IS_TYPE(v, &PyRange_Type);
}

/* Whether v is the iterator of a range whose numbers fit a C long. */
MARTLET_HELPER bool martlet_is_range_iter(O v)
{
    return Py_IS_TYPE(v, &PyRangeIter_Type);
}

/* Whether v is the forward iterator of a list. */
MARTLET_HELPER bool martlet_is_list_iter(O v)
{
    return Py_IS_TYPE(v, &PyListIter_Type);
}

/* Whether v is the iterator of a tuple. */
MARTLET_HELPER bool martlet_is_tuple_iter(O v)
{
    return Py_IS_TYPE(v, &PyTupleIter_Type);
}

/* Whether v is exactly an enumerate. */
MARTLET_HELPER bool martlet_is_enumerate(O v)
{
    return Py_IS_TYPE(v, &PyEnum_Type);
}

/* Whether v is a Python function. */
MARTLET_HELPER bool martlet_is_function(O v)
{
    return Py_IS_TYPE(v, &PyFunction_Type);
}

/* Whether v is a class whose metaclass is exactly type. */
MARTLET_HELPER bool martlet_is_type(O v)
{
    return Py_IS_TYPE(v, &PyType_Type);
}

/* Whether v is exactly a module. */
MARTLET_HELPER bool martlet_is_module(O v)
{
    return Py_IS_TYPE(v, &PyModule_Type);
}

/* Whether v is a cell. */
MARTLET_HELPER bool martlet_is_cell(O v)
{
    return Py_IS_TYPE(v, &PyCell_Type);
}

/* Whether v is None. */
MARTLET_HELPER bool martlet_is_none(O v)
{
    return v == Py_None;
}

/* Whether exactly one reference to v exists. */
MARTLET_HELPER bool martlet_is_unique(O v)
{
    return v->ob_refcnt == 1;
}

/* Whether v is a Python function that runs `code`. */
MARTLET_HELPER bool martlet_function_has_code(O v, O code)
{
    return Py_IS_TYPE(v, &PyFunction_Type) && ((PyFunctionObject *)v)->func_code == code;
}

/* The function of a bound method, borrowed; NULL: v is none. */
MARTLET_HELPER O martlet_method_function(O v)
{
    return Py_IS_TYPE(v, &PyMethod_Type) ? ((PyMethodObject *)v)->im_func : NULL;
}

/* Whether v is a bound method whose function runs `code`. */
MARTLET_HELPER bool martlet_method_has_code(O v, O code)
{
    O function = Py_IS_TYPE(v, &PyMethod_Type) ? ((PyMethodObject *)v)->im_func : v;
    return function != v && martlet_function_has_code(function, code);
}

/* What v, a bound method, is bound to, borrowed. */
MARTLET_HELPER O martlet_method_self(O v)
{
    return ((PyMethodObject *)v)->im_self;
}

/* The truth of v, which is True or False. */
MARTLET_HELPER bool martlet_bool_value(O v)
{
    return v == Py_True;
}

/* True or False; borrowed, immortal. */
MARTLET_HELPER O martlet_bool_box(bool value)
{
    return value ? Py_True : Py_False;
}
