/* floats.c: exact floats as doubles.
 *
 * Compiled without contraction: a fused multiply-add would round differently from the interpreter.
 */
#include "inline.h"

#include <errno.h>
#include <math.h>

#include <internal/pycore_floatobject.h>

/* A float from a fresh block: CPython's freelist is empty. */
MARTLET_COLD O martlet_float_box_slow(double value)
{
    return PyFloat_FromDouble(value);
}

/* The value of v, an exact float. Source: PyFloat_AS_DOUBLE. */
MARTLET_HELPER double martlet_float_value(O v)
{
    return ((PyFloatObject *)v)->ob_fval;
}

/* The float `value`, new; NULL = MemoryError. Source: PyFloat_FromDouble. */
MARTLET_HELPER O martlet_float_box(TS ts, double value)
{
    return martlet_inline_float_box(ts, value);
}

/* abs(a): without its sign, of a NaN too. Source: float_abs. */
MARTLET_HELPER double martlet_float_abs(double a)
{
    return fabs(a);
}

/* a % b; b is not 0. The result has the sign of b, also when it is zero. Source: float_rem. */
MARTLET_CALL double martlet_float_mod(double a, double b)
{
    double remainder = fmod(a, b);
    if (remainder == 0.0) {
        return copysign(0.0, b);
    }
    return (b < 0.0) != (remainder < 0.0) ? remainder + b : remainder;
}

/* a // b; b is not 0. Source: float_floor_div, _float_div_mod. */
MARTLET_CALL double martlet_float_floordiv(double a, double b)
{
    double remainder = fmod(a, b);
    /* a - remainder is a multiple of b but for rounding, so this is close to a whole number. */
    double quotient = (a - remainder) / b;
    if (remainder != 0.0 && (b < 0.0) != (remainder < 0.0)) {
        quotient -= 1.0;
    }
    if (quotient == 0.0) {
        return copysign(0.0, a / b);
    }
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

static bool is_odd_integer(double v)
{
    return fmod(fabs(v), 2.0) == 1.0;
}

static struct martlet_float_ok some(double value)
{
    return (struct martlet_float_ok){value, 1};
}

static const struct martlet_float_ok none = {0.0, 0};

/* a ** b. ok = 0 where CPython raises (ZeroDivisionError, OverflowError) or answers with a complex number; otherwise
 * the same bits as the interpreter, which settles the special cases itself and asks the same libm for the rest.
 * Source: float_pow. */
MARTLET_CALL struct martlet_float_ok martlet_float_pow(double a, double b)
{
    if (b == 0.0) {
        return some(1.0);
    }
    if (isnan(a)) {
        return some(a);
    }
    if (isnan(b)) {
        return some(a == 1.0 ? 1.0 : b);
    }
    if (isinf(b)) {
        double magnitude = fabs(a);
        if (magnitude == 1.0) {
            return some(1.0);
        }
        return some((b > 0.0) == (magnitude > 1.0) ? fabs(b) : 0.0);
    }
    if (isinf(a)) {
        double result = b > 0.0 ? HUGE_VAL : 0.0;
        return some(is_odd_integer(b) ? copysign(result, a) : result);
    }
    if (a == 0.0) {
        if (b < 0.0) {
            return none;
        }
        return some(is_odd_integer(b) ? a : 0.0);
    }
    bool negate = false;
    if (a < 0.0) {
        if (b != floor(b)) {
            return none;
        }
        a = -a;
        negate = is_odd_integer(b);
    }
    if (a == 1.0) {
        return some(negate ? -1.0 : 1.0);
    }
    errno = 0;
    double result = pow(a, b);
    /* As _Py_ADJUST_ERANGE1: an infinite result is an overflow, a zero one is not. */
    if (errno == 0 ? isinf(result) : !(errno == ERANGE && result == 0.0)) {
        return none;
    }
    return some(negate ? -result : result);
}

/* math.sqrt(x). ok = 0: a ValueError. Source: math_sqrt. */
MARTLET_HELPER struct martlet_float_ok martlet_float_sqrt(double x)
{
    bool ok = x >= 0.0 || x != x;
    return (struct martlet_float_ok){ok ? __builtin_sqrt(x) : 0.0, ok};
}
