/* ints.c: exact ints as 64-bit integers.
 *
 * An int that fits int64_t travels unboxed; whatever does not fit is answered with `ok == 0`, and the caller goes the
 * generic way. Blocks of one- and two-digit ints are kept in a freelist of our own (state.c), since CPython 3.13 has
 * none for ints and its allocator is most of the cost of an addition.
 */
#include "inline.h"

/* Two and three digits; also the answer "does not fit". */
MARTLET_COLD struct martlet_int_ok martlet_int_unbox_slow(O v)
{
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(v, &overflow);
    return (struct martlet_int_ok){overflow ? 0 : value, overflow == 0};
}

/* An int from a fresh block: the freelist is empty, or the number has three digits. */
MARTLET_COLD O martlet_int_box_slow(int64_t value)
{
    if (--martlet_ints.until_check < 0) {
        martlet_ints_check_allocator();
    }
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (martlet_ints.limit == 0 || magnitude >> (2 * PyLong_SHIFT) != 0) {
        return PyLong_FromLongLong(value);
    }
    /* Room for two digits also for one: the block will come back through the freelist. */
    size_t size = offsetof(PyLongObject, long_value.ob_digit) + 2 * sizeof(digit);
    PyLongObject *block = PyObject_Malloc(size);
    if (block == NULL) {
        return PyErr_NoMemory();
    }
    uint64_t high = magnitude >> PyLong_SHIFT;
    PyObject_Init((O)block, &PyLong_Type);
    _PyLong_SetSignAndDigitCount(block, value < 0 ? -1 : 1, high != 0 ? 2 : 1);
    block->long_value.ob_digit[0] = (digit)(magnitude & PyLong_MASK);
    (&block->long_value.ob_digit[0])[1] = (digit)high;
    return (O)block;
}

/* Frees an int whose last reference is gone, into the helpers' own freelist unless that is full or closed, or the
 * block has three digits. */
MARTLET_LEAF void martlet_int_free(O v)
{
    PyLongObject *block = (PyLongObject *)v;
    if (MARTLET_UNLIKELY(martlet_ints.n_free >= martlet_ints.limit ||
                         block->long_value.lv_tag >= (3 << NON_SIZE_BITS))) {
        PyObject_Free(v);
        return;
    }
    block->long_value.lv_tag = (uintptr_t)martlet_ints.free;
    martlet_ints.free = block;
    martlet_ints.n_free++;
}

/* The value of v, an exact int. ok = 0: it does not fit int64_t. Source: PyLong_AsLongLongAndOverflow. */
MARTLET_HELPER struct martlet_int_ok martlet_int_unbox(O v)
{
    if (MARTLET_LIKELY(martlet_inline_int_is_compact(v))) {
        return (struct martlet_int_ok){martlet_inline_int_compact_value(v), 1};
    }
    return martlet_int_unbox_slow(v);
}

/* The int `value`, new; NULL = MemoryError. Small ints are the interpreter's. Source: PyLong_FromLongLong. */
MARTLET_HELPER O martlet_int_box(TS ts, int64_t value)
{
    (void)ts;
    return martlet_inline_int_box(value);
}

/* a // b, rounded down; b is not 0, and a // b fits. Source: long_div. */
MARTLET_HELPER int64_t martlet_int_floordiv(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    int64_t remainder = a % b;
    return quotient - (remainder != 0 && (remainder ^ b) < 0);
}

/* a % b with the sign of b; b is not 0, and a // b fits. Source: long_mod. */
MARTLET_HELPER int64_t martlet_int_mod(int64_t a, int64_t b)
{
    int64_t remainder = a % b;
    return remainder + (remainder != 0 && (remainder ^ b) < 0 ? b : 0);
}

/* a << b. ok = 0: b is negative (a ValueError), or the result does not fit. Source: long_lshift. */
MARTLET_HELPER struct martlet_int_ok martlet_int_lshift(int64_t a, int64_t b)
{
    int64_t result = (int64_t)((uint64_t)a << (b & 63));
    bool fits = (uint64_t)b < 64 ? result >> (b & 63) == a : a == 0 && b >= 0;
    return (struct martlet_int_ok){a == 0 ? 0 : result, fits};
}

/* a >> b, rounded down; b is not negative. Source: long_rshift. */
MARTLET_HELPER int64_t martlet_int_rshift(int64_t a, int64_t b)
{
    return a >> (b < 63 ? b : 63);
}

/* a ** b. ok = 0: b is negative (a float), or the result does not fit. Source: long_pow. */
MARTLET_CALL BITCODE_WILLRETURN struct martlet_int_ok martlet_int_pow(int64_t a, int64_t b)
{
    int64_t result = 1;
    bool overflow = b < 0;
    while (b > 0 && !overflow) {
        if (b & 1) {
            overflow = __builtin_mul_overflow(result, a, &result);
        }
        b >>= 1;
        /* The last square is not needed, and may be too large. */
        if (b > 0 && !overflow) {
            overflow = __builtin_mul_overflow(a, a, &a);
        }
    }
    return (struct martlet_int_ok){overflow ? 0 : result, !overflow};
}

/* Whether a is exactly a double. */
MARTLET_INLINE bool fits_double(int64_t a)
{
    const uint64_t most = UINT64_C(1) << 53;
    return (uint64_t)a + most <= 2 * most;
}

/* a / b, correctly rounded. ok = 0: b is 0 (a ZeroDivisionError), or an operand is beyond 2**53, where one division
 * of doubles would round twice. Source: long_true_divide. */
MARTLET_HELPER struct martlet_float_ok martlet_int_truediv(int64_t a, int64_t b)
{
    bool ok = b != 0 && fits_double(a) && fits_double(b);
    return (struct martlet_float_ok){(double)a / (double)(ok ? b : 1), ok};
}

/* a as a double. ok = 0: |a| > 2**53, where it might be rounded. Source: PyLong_AsDouble. */
MARTLET_HELPER struct martlet_float_ok martlet_int_to_float_exact(int64_t a)
{
    return (struct martlet_float_ok){(double)a, fits_double(a)};
}

/* The smaller of two. Source: min. */
MARTLET_HELPER int64_t martlet_int_min(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

/* The larger of two. Source: max. */
MARTLET_HELPER int64_t martlet_int_max(int64_t a, int64_t b)
{
    return b > a ? b : a;
}
