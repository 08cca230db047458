/* operators.c: operators that are methods of Python classes, and those of numbers that are ints now and floats then.
 */
#include "inline.h"

#include <internal/pycore_typeobject.h>
#include <float.h>
#include <opcode.h>

/* floats.c and ints.c */
double martlet_float_floordiv(double a, double b);
double martlet_float_mod(double a, double b);
int64_t martlet_int_floordiv(int64_t a, int64_t b);
int64_t martlet_int_mod(int64_t a, int64_t b);

/* An exact int of one digit: its value. */
static bool as_small(O v, int64_t *i)
{
    bool is_small = PyLong_CheckExact(v) && martlet_inline_int_is_compact(v);
    *i = is_small ? martlet_inline_int_compact_value(v) : 0;
    return is_small;
}

/* An exact int of 64 bits: its value. */
static bool as_int(O v, int64_t *i)
{
    int overflow = 0;
    if (as_small(v, i)) {
        return true;
    }
    if (!PyLong_CheckExact(v)) {
        return false;
    }
    *i = PyLong_AsLongLongAndOverflow(v, &overflow);
    return overflow == 0;
}

/* A float, or an int of one digit, as a double of the same value. */
static bool as_real(O v, double *d)
{
    int64_t i;
    if (PyFloat_CheckExact(v)) {
        *d = PyFloat_AS_DOUBLE(v);
        return true;
    }
    bool is_small = as_small(v, &i);
    *d = (double)i;
    return is_small;
}

/* A float, or an int of 64 bits, rounded. Source: PyLong_AsDouble. */
static bool as_rounded(O v, double *d)
{
    int64_t i;
    if (as_real(v, d)) {
        return true;
    }
    bool is_int = as_int(v, &i);
    *d = is_int ? (double)i : 0.0;
    return is_int;
}

static bool is_exact(int64_t a)
{
    return a >= -((int64_t)1 << DBL_MANT_DIG) && a <= (int64_t)1 << DBL_MANT_DIG;
}

/* Whether a // b has 64 bits. */
static bool divides(int64_t a, int64_t b)
{
    return b != 0 && !(a == INT64_MIN && b == -1);
}

static O int_result(int64_t a, int64_t b, int32_t op)
{
    int64_t result;
    switch (op) {
    case NB_ADD:
        return __builtin_add_overflow(a, b, &result) ? NULL : martlet_inline_int_box(result);
    case NB_SUBTRACT:
        return __builtin_sub_overflow(a, b, &result) ? NULL : martlet_inline_int_box(result);
    case NB_MULTIPLY:
        return __builtin_mul_overflow(a, b, &result) ? NULL : martlet_inline_int_box(result);
    case NB_AND:
        return martlet_inline_int_box(a & b);
    case NB_OR:
        return martlet_inline_int_box(a | b);
    case NB_XOR:
        return martlet_inline_int_box(a ^ b);
    case NB_FLOOR_DIVIDE:
        return divides(a, b) ? martlet_inline_int_box(martlet_int_floordiv(a, b)) : NULL;
    case NB_REMAINDER:
        return divides(a, b) ? martlet_inline_int_box(martlet_int_mod(a, b)) : NULL;
    case NB_TRUE_DIVIDE:
        return b != 0 && is_exact(a) && is_exact(b) ? PyFloat_FromDouble((double)a / (double)b) : NULL;
    default:
        return NULL;
    }
}

static O real_result(double a, double b, int32_t op)
{
    switch (op) {
    case NB_ADD:
        return PyFloat_FromDouble(a + b);
    case NB_SUBTRACT:
        return PyFloat_FromDouble(a - b);
    case NB_MULTIPLY:
        return PyFloat_FromDouble(a * b);
    case NB_TRUE_DIVIDE:
        return b != 0.0 ? PyFloat_FromDouble(a / b) : NULL;
    case NB_FLOOR_DIVIDE:
        return b != 0.0 ? PyFloat_FromDouble(martlet_float_floordiv(a, b)) : NULL;
    case NB_REMAINDER:
        return b != 0.0 ? PyFloat_FromDouble(martlet_float_mod(a, b)) : NULL;
    default:
        return NULL;
    }
}

/* left OP right, where op is BINARY_OP's argument, of exact ints of 64 bits and floats; new. NULL without an exception
 * where they are none, or the interpreter has more to say. Source: BINARY_OP. */
MARTLET_CALL O martlet_mixed_op(O left, O right, int32_t op)
{
    int64_t i, j;
    double a, b;
    int32_t plain = op >= NB_INPLACE_ADD ? op - NB_INPLACE_ADD : op;
    O result = NULL;
    if (as_int(left, &i) && as_int(right, &j)) {
        result = int_result(i, j, plain);
    } else if (as_rounded(left, &a) && as_rounded(right, &b)) {
        result = real_result(a, b, plain);
    }
    if (result == NULL) {
        PyErr_Clear();
    }
    return result;
}

/* The order of two numbers as for martlet_mixed_op: whether the comparison Py_LT.. `op` holds, and whether that is known. */
MARTLET_CALL struct martlet_int_ok martlet_mixed_compare(O left, O right, int32_t op)
{
    double a, b;
    if (!as_real(left, &a) || !as_real(right, &b)) {
        return (struct martlet_int_ok){0, 0};
    }
    bool holds = op == Py_LT   ? a < b
                 : op == Py_LE ? a <= b
                 : op == Py_EQ ? a == b
                 : op == Py_NE ? a != b
                 : op == Py_GT ? a > b
                               : a >= b;
    return (struct martlet_int_ok){holds, 1};
}

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
    if (type != Py_TYPE(left) && !is_number) {
        O name = PyUnicode_InternFromString(martlet_operator_name((uint32_t)number, 1));
        if (name == NULL) {
            return NULL;
        }
        O method = _PyType_Lookup(type, name);
        Py_DECREF(name);
        if (method != NULL && PyFunction_Check(method)) {
            O args[] = {right, left};
            Py_INCREF(method);
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
