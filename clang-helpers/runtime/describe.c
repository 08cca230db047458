/* describe.c: what an object is, for the compiler. Nothing here runs Python code or takes references. */
#include "runtime.h"

#include <internal/pycore_descrobject.h>
#include <internal/pycore_range.h>
#include <internal/pycore_setobject.h>

enum martlet_kind {
    KIND_NONE,
    KIND_BOOL,
    KIND_ELLIPSIS,
    KIND_INT,
    KIND_BIG_INT,
    KIND_FLOAT,
    KIND_STR,
    KIND_BYTES,
    KIND_TUPLE,
    KIND_CODE,
    KIND_FUNCTION,
    KIND_STATIC_TYPE,
    KIND_TYPE,
    KIND_BUILTIN,
    KIND_METHOD_DESCRIPTOR,
    KIND_OTHER,
};

struct martlet_description {
    uint32_t kind;
    int64_t integer;
    double real;
    const char *name;  /* of a type, builtin, method; else the name of the object's type */
    O module;          /* of a builtin: its __module__, may be NULL */
    const char *owner; /* of a method descriptor: its class */
};

MARTLET_RUNTIME void
martlet_describe(O object, struct martlet_description *out)
{
    PyTypeObject *type = Py_TYPE(object);
    *out = (struct martlet_description){.kind = KIND_OTHER, .name = type->tp_name};
    if (object == Py_None) {
        out->kind = KIND_NONE;
    }
    else if (object == Py_Ellipsis) {
        out->kind = KIND_ELLIPSIS;
    }
    else if (type == &PyBool_Type) {
        out->kind = KIND_BOOL;
        out->integer = object == Py_True;
    }
    else if (type == &PyLong_Type) {
        int overflow;
        out->integer = PyLong_AsLongLongAndOverflow(object, &overflow);
        out->kind = overflow ? KIND_BIG_INT : KIND_INT;
    }
    else if (type == &PyFloat_Type) {
        out->kind = KIND_FLOAT;
        out->real = PyFloat_AS_DOUBLE(object);
    }
    else if (type == &PyUnicode_Type) {
        out->kind = KIND_STR;
    }
    else if (type == &PyBytes_Type) {
        out->kind = KIND_BYTES;
    }
    else if (type == &PyTuple_Type) {
        out->kind = KIND_TUPLE;
    }
    else if (type == &PyCode_Type) {
        out->kind = KIND_CODE;
    }
    else if (type == &PyFunction_Type) {
        out->kind = KIND_FUNCTION;
    }
    else if (PyType_Check(object)) {
        PyTypeObject *cls = (PyTypeObject *)object;
        out->kind = (cls->tp_flags & Py_TPFLAGS_HEAPTYPE) ? KIND_TYPE : KIND_STATIC_TYPE;
        out->name = cls->tp_name;
    }
    else if (type == &PyCFunction_Type) {
        PyCFunctionObject *func = (PyCFunctionObject *)object;
        if (func->m_self == NULL || PyModule_Check(func->m_self)) {
            out->kind = KIND_BUILTIN;
            out->name = func->m_ml->ml_name;
            out->module = func->m_module;
        }
    }
    else if (type == &PyMethodDescr_Type || type == &PyWrapperDescr_Type) {
        PyDescrObject *descr = (PyDescrObject *)object;
        if (!(descr->d_type->tp_flags & Py_TPFLAGS_HEAPTYPE) && type == &PyMethodDescr_Type) {
            out->kind = KIND_METHOD_DESCRIPTOR;
            out->name = ((PyMethodDescrObject *)object)->d_method->ml_name;
            out->owner = descr->d_type->tp_name;
        }
    }
}

/* The version of the class of an object, if that is one of Python's and has a version; 0: none. */
MARTLET_RUNTIME uint32_t
martlet_class_seen(O object)
{
    return object != NULL && PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HEAPTYPE) ? Py_TYPE(object)->tp_version_tag
                                                                                     : 0;
}

/* Whether a version may name the object and hold it alive: it cannot lead back to any function, and nobody can tell. */
MARTLET_RUNTIME bool
martlet_is_leaf(O object)
{
    PyTypeObject *type = Py_TYPE(object);
    return _Py_IsImmortal(object) || type == &PyLong_Type || type == &PyFloat_Type || type == &PyUnicode_Type
           || type == &PyBytes_Type || type == &PyComplex_Type;
}

/* Constants of more objects than this are not looked through. */
#define MOST_OBJECTS 4096

static bool
is_plain(O object, int depth, int *left)
{
    if (martlet_is_leaf(object)) {
        return true;
    }
    if (depth == 0) {
        return false;
    }
    if (Py_IS_TYPE(object, &PyTuple_Type)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(object); i++) {
            if (--*left < 0 || !is_plain(PyTuple_GET_ITEM(object, i), depth - 1, left)) {
                return false;
            }
        }
        return true;
    }
    if (Py_IS_TYPE(object, &PyFrozenSet_Type)) {
        Py_ssize_t at = 0;
        O item;
        Py_hash_t hash;
        while (_PySet_NextEntry(object, &at, &item, &hash)) {
            if (--*left < 0 || !is_plain(item, depth - 1, left)) {
                return false;
            }
        }
        return true;
    }
    return false;
}

/* Whether a constant of a code object consists of leaves alone. */
MARTLET_RUNTIME bool
martlet_is_plain_constant(O object)
{
    int left = MOST_OBJECTS;
    return is_plain(object, 8, &left);
}
