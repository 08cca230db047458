/* objects.c: references, exact types, and the singletons.
 *
 * All of it is inlined. The type tests ask for the exact type: a subclass may do anything.
 */
#include "inline.h"

#include <internal/pycore_list.h>
#include <internal/pycore_range.h>

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

/* Whether v, of which this is the last reference, dies without running Python: an exact tuple or list of things that
 * outlive it or do so, too. */
MARTLET_LEAF bool martlet_dies_quietly(O v)
{
    if (martlet_inline_is_quiet(v)) {
        return true;
    }
    if (!PyTuple_CheckExact(v) && !PyList_CheckExact(v)) {
        return false;
    }
    Py_ssize_t n = Py_SIZE(v);
    O const *items = PyTuple_CheckExact(v) ? ((PyTupleObject *)v)->ob_item : ((PyListObject *)v)->ob_item;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (items[i] != NULL && items[i]->ob_refcnt <= 1 && !martlet_inline_is_quiet(items[i])) {
            return false;
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
