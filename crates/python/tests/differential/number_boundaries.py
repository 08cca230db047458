"""Numbers at the borders of what machine code holds: digits, words, doubles, signs, shifts, powers."""

import operator
import sys


def attempt(function, *args):
    try:
        return repr(function(*args))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def add(a, b):
    c = a + b
    return c


def subtract(a, b):
    c = a - b
    return c


def multiply(a, b):
    c = a * b
    return c


def floor_divide(a, b):
    c = a // b
    return c


def remainder(a, b):
    c = a % b
    return c


def divide(a, b):
    c = a / b
    return c


def power(a, b):
    c = a ** b
    return c


def left(a, b):
    c = a << b
    return c


def right(a, b):
    c = a >> b
    return c


def conjunction(a, b):
    return a & b


def disjunction(a, b):
    return a | b


def exclusive(a, b):
    return a ^ b


def negative(a, b):
    return -a, ~b if isinstance(b, int) else +b


def compared(a, b):
    return a < b, a <= b, a == b, a != b, a > b, a >= b


def absolute(a, b):
    return abs(a), abs(b), float(a), bool(b)


def in_place(a, b):
    a += b
    a -= 1
    a *= 2
    return a


def all_of(function, numbers, warm):
    for _ in range(40):
        for a, b in warm:
            try:
                function(a, b)
            except ArithmeticError:
                pass
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    print(function.__name__)
    for a in numbers:
        print(repr(a), [attempt(function, a, b) for b in numbers])


borders = []
for bits in (30, 31, 60, 62, 63, 64):
    borders += [2**bits - 1, 2**bits, -(2**bits), -(2**bits) - 1]
ints = [0, 1, -1, 2, 7, -7, True, False] + borders
floats = [0.0, -0.0, 1.0, -1.5, 7.0, float("inf"), float("-inf"), float("nan"), 5e-324, 1.7e308, 2.0**53, 2.0**63, -(2.0**63)]
mixed = [0, True, -3, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, 10**400, 0.0, -0.0, 2.0**53, 2.0**53 + 2, 0.5, float("inf"),
         float("nan"), 2.0**63]

plain = (add, subtract, multiply, floor_divide, remainder, divide, compared, negative, absolute, in_place)
for function in plain + (conjunction, disjunction, exclusive):
    all_of(function, ints, [(3, 5), (1000, 7)])
for function in (left, right):
    all_of(function, [0, 1, -1, 5, -5, 2**30, 2**62, -(2**62), 2**63, True], [(3, 5), (1000, 7)])
    print([attempt(function, 1, b) for b in (29, 30, 31, 61, 62, 63, 64, 100, -1, -64)])
    print([attempt(function, -1, b) for b in (29, 30, 31, 61, 62, 63, 64, 100, -1, -64)])
all_of(power, [0, 1, -1, 2, -2, 3, 10, 62, 63, 64, True], [(3, 2), (5, 4)])


def copies(function):
    """The same function again, compiled for other types."""
    return type(function)(function.__code__.replace(co_name=function.__name__ + "_again"), globals(), function.__name__ + "_again")


for function in plain:
    all_of(copies(function), floats, [(3.5, 5.25), (1000.0, 7.5)])
all_of(copies(power), [0.0, -0.0, 1.0, -1.5, 2.0, 0.5, float("inf"), float("nan"), 1e200], [(3.5, 2.0)])
for function in (add, subtract, multiply, compared, divide, floor_divide, remainder):
    all_of(copies(function), mixed, [(3, 5.25), (1000.5, 7)])


def counting(start, n):
    total = start
    for i in range(n):
        total += 1
    return total


def doubling(x, n):
    out = []
    for i in range(n):
        x = x + x
        out.append(x)
    return out


def factorial(n):
    result = 1
    for k in range(2, n + 1):
        result *= k
    return result


def digits(n):
    total = 0
    while n:
        n, digit = divmod(n, 10)
        total = total * 3 + digit
    return total


for start in (0, 2**30 - 50, 2**60 - 50, 2**62 - 50, 2**63 - 50, 2**64 - 50, -(2**63) - 50):
    print(counting(start, 100), counting(start, 5000))
print(doubling(1, 70), doubling(-1, 70), doubling(1.5, 5))
print([factorial(n) for n in (5, 12, 20, 21, 22, 40)], digits(7**40))


def huge_ranges(bounds):
    out = []
    for start, stop, step in bounds:
        count = 0
        for i in range(start, stop, step):
            count += 1
            out.append(i)
            if count == 3:
                break
        out.append(count)
    return out


big = 2**63
print(huge_ranges([(0, 10, 3), (big - 2, big + 5, 1), (-big - 2, -big + 2, 1), (0, big * 4, big), (big, 0, -big // 2), (5, 0, 1),
                   (big - 5, big - 1, 2), (-big, big - 1, 2**62), (0, -5, -2)]))


def counted(items, start):
    out = []
    for k, item in enumerate(items, start):
        out.append((k, item))
    return out


for start in (0, -1, 2**62, 2**63 - 2, 2**64):
    print(counted("abc", start), counted([1, 2], start))


def by_constant(n):
    out = []
    for i in range(n):
        out.append((i * 4611686018427387904, i - 9223372036854775807, i << 62, -9223372036854775808 + i, i * -1))
    return out


print(by_constant(4))
print(attempt(operator.index, 2**70))
