/* operators.c: operators that are methods of Python classes.
 */
#include "inline.h"

#include <opcode.h>

/* The name of an operator's method, where `number` is BINARY_OP's argument; `which`: 0 its own, 1 the reflected one, 2 that
 * of the in-place form, NULL where `number` means none. */
MARTLET_CALL const char *martlet_operator_name(uint32_t number, int32_t which)
{
    /* In the order of NB_ADD .. NB_XOR (Include/opcode.h). */
    static const char *const names[][3] = {
        {"__add__", "__radd__", "__iadd__"},
        {"__and__", "__rand__", "__iand__"},
        {"__floordiv__", "__rfloordiv__", "__ifloordiv__"},
        {"__lshift__", "__rlshift__", "__ilshift__"},
        {"__matmul__", "__rmatmul__", "__imatmul__"},
        {"__mul__", "__rmul__", "__imul__"},
        {"__mod__", "__rmod__", "__imod__"},
        {"__or__", "__ror__", "__ior__"},
        {"__pow__", "__rpow__", "__ipow__"},
        {"__rshift__", "__rrshift__", "__irshift__"},
        {"__sub__", "__rsub__", "__isub__"},
        {"__truediv__", "__rtruediv__", "__itruediv__"},
        {"__xor__", "__rxor__", "__ixor__"},
    };
    const uint32_t n = sizeof(names) / sizeof(*names);
    if (which == 2) {
        return number >= n && number < 2 * n ? names[number - n][2] : NULL;
    }
    return names[number % n][which];
}

/* The TypeError of operands that an operator is not for. Source: binop_type_error. */
static void operands_do_not_fit(O left, O right, uint32_t number)
{
    static const char *const signs[] = {"+", "&", "//", "<<", "@", "*", "%", "|", "** or pow()", ">>", "-", "/", "^"};
    const uint32_t n = sizeof(signs) / sizeof(*signs);
    const char *sign = number < 2 * n ? signs[number % n] : "";
    const char *tail = number >= n ? "=" : "";
    if (number == NB_INPLACE_POWER) {
        sign = "**=";
        tail = "";
    }
    PyErr_Format(PyExc_TypeError, "unsupported operand type(s) for %.100s%s: '%.100s' and '%.100s'", sign, tail,
                 Py_TYPE(left)->tp_name, Py_TYPE(right)->tp_name);
}

/* left OP right, where the method that came first has answered NotImplemented: what the right operand's class has for it,
 * or the TypeError; new. Not for sequences. Source: binary_op1, SLOT1BINFULL. */
MARTLET_CALL O martlet_operator_rest(O left, O right, int32_t number)
{
    PyTypeObject *type = Py_TYPE(right);
    bool is_number = PyLong_CheckExact(left) || PyFloat_CheckExact(left) || PyBool_Check(left) || left == Py_None;
    if (type != Py_TYPE(left) && !is_number && PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        O method = PyObject_GetAttrString((O)type, martlet_operator_name((uint32_t)number, 1));
        if (method == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
                return NULL;
            }
            PyErr_Clear();
        } else {
            O args[] = {right, left};
            O result = PyObject_Vectorcall(method, args, 2, NULL);
            Py_DECREF(method);
            if (result != Py_NotImplemented) {
                return result;
            }
            Py_DECREF(result);
        }
    }
    operands_do_not_fit(left, right, (uint32_t)number);
    return NULL;
}

/* Whether v is NotImplemented. */
MARTLET_HELPER bool martlet_is_not_implemented(O v)
{
    return v == Py_NotImplemented;
}
