/* notes.c: what machine code has seen of its operands, where the interpreter tells nothing.
 *
 * Code that was compiled quickly notes the classes of operands wherever it does something in the general way; the next
 * version is made for them. A note is one word: how crates/snapshot's `Seen` numbers the class (of an array, 256 and its
 * typecode; of what was now an int and now a float, MARTLET_NUMBER), MARTLET_MIXED if another one was seen before, and in
 * the upper half the version of a class of Python's: of the value, or the value itself. Of a Python function, or of a
 * method bound to an object, bits 17 to 59 have the address of its code, which is only ever compared, in steps of 16, and
 * those above how many parameters have defaults.
 */
#include "inline.h"

/* buffers.c */
char martlet_array_code(O v);

#define MARTLET_INT 3
#define MARTLET_FLOAT 5
#define MARTLET_MIXED (1u << 16)

/* Whether what martlet_seen gives, or a note, says that a value is an exact int or float. */
MARTLET_INLINE bool is_number(uint64_t seen)
{
    return seen == MARTLET_INT || seen == MARTLET_FLOAT || seen == MARTLET_NUMBER;
}

/* An object of any other class. */
#define MARTLET_OBJECT 14
/* A value that is a class itself. */
#define MARTLET_CLASS 18
/* A Python function, and one that is bound to an object. */
#define MARTLET_FUNCTION 19
#define MARTLET_METHOD 20

/* The class of a live value, numbered as crates/snapshot's `Seen`; of an array, 256 and its typecode. v may be NULL. */
MARTLET_CALL uint32_t martlet_seen(O v)
{
    if (v == NULL) {
        return 0;
    }
    PyTypeObject *type = Py_TYPE(v);
    if (type == &PyLong_Type) {
        int overflow = 0;
        if (!martlet_inline_int_is_compact(v)) {
            (void)PyLong_AsLongLongAndOverflow(v, &overflow);
        }
        return overflow ? 4 : 3;
    }
    if (v == Py_None) {
        return 1;
    }
    static PyTypeObject *const types[] = {&PyFloat_Type,     &PyUnicode_Type, &PyList_Type,      &PyTuple_Type,
                                          &PyDict_Type,      &PyBool_Type,    &PyRangeIter_Type, &PyListIter_Type,
                                          &PyTupleIter_Type, &PyEnum_Type,    &PyBytes_Type,     &PyByteArray_Type};
    static const uint8_t numbers[] = {5, 6, 7, 8, 9, 2, 10, 11, 12, 13, 15, 16};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (type == types[i]) {
            return numbers[i];
        }
    }
    if (PyType_Check(v)) {
        return MARTLET_CLASS;
    }
    char code = martlet_array_code(v);
    return code != 0 ? 256 + (uint8_t)code : MARTLET_OBJECT;
}

/* What is known of a Python function as a note, but for what kind of value it is. */
static uint64_t function_word(PyFunctionObject *function)
{
    enum { CODE_AT = 17, DEFAULTS_AT = 60, MANY_DEFAULTS = 15 };
    Py_ssize_t n_defaults = function->func_defaults != NULL ? PyTuple_GET_SIZE(function->func_defaults) : 0;
    uint64_t n = n_defaults < MANY_DEFAULTS ? (uint64_t)n_defaults : MANY_DEFAULTS;
    return n << DEFAULTS_AT | (uint64_t)(uintptr_t)function->func_code >> 4 << CODE_AT;
}

/* The class of a live value as a note; of a class, itself; of a Python function, its code. */
MARTLET_CALL uint64_t martlet_class_word(O v)
{
    if (PyFunction_Check(v)) {
        return function_word((PyFunctionObject *)v) | MARTLET_FUNCTION;
    }
    if (Py_IS_TYPE(v, &PyMethod_Type) && PyFunction_Check(((PyMethodObject *)v)->im_func)) {
        return function_word((PyFunctionObject *)((PyMethodObject *)v)->im_func) | MARTLET_METHOD;
    }
    PyTypeObject *class = PyType_Check(v) ? (PyTypeObject *)v : Py_TYPE(v);
    uint32_t version = PyType_HasFeature(class, Py_TPFLAGS_HEAPTYPE) ? class->tp_version_tag : 0;
    return (uint64_t)version << 32 | martlet_seen(v);
}

/* Notes the class of an operand, which may be NULL, in note `index` of the version. */
MARTLET_LEAF void martlet_note(struct martlet_unit *unit, uint32_t index, O v)
{
    uint64_t known = unit->notes[index];
    if (v == NULL || (known & MARTLET_MIXED) != 0) {
        return;
    }
    uint32_t version = Py_TYPE(v)->tp_version_tag;
    if (version != 0 && known == ((uint64_t)version << 32 | MARTLET_OBJECT)) {
        return;
    }
    uint64_t now = martlet_class_word(v);
    if (known != 0 && known != now && is_number(known) && is_number(now)) {
        unit->notes[index] = MARTLET_NUMBER;
        return;
    }
    unit->notes[index] = known != 0 && known != now ? now | MARTLET_MIXED : now;
}
