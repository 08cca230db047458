"""Floats: special values, zero divisors, rounding, mixed operands, powers."""

import math


def operate(a, b):
    return a + b, a - b, a * b, a < b, a <= b, a == b, a != b, a > b, a >= b


def divide(a, b):
    return a / b


def floor(a, b):
    return a // b, a % b


SPECIAL = [0.0, -0.0, 1.5, -2.25, math.inf, -math.inf, math.nan, 1e308, 5e-324, 3, -7, True, 2**70]
for a in SPECIAL:
    for b in SPECIAL:
        line = [operate(a, b)]
        for function in (divide, floor):
            try:
                line.append(function(a, b))
            except ZeroDivisionError as error:
                line.append(str(error))
        print(a, b, line)


def integrate(n):
    total = 0.0
    step = 1.0 / n
    for i in range(n):
        x = (i + 0.5) * step
        total += 4.0 / (1.0 + x * x)
    return total * step


def overflow(n):
    x = 1.5
    for _ in range(n):
        x *= x
    return x


def power(a, b):
    return a**b


print(integrate(20000))
print(overflow(12))
for a, b in ((2.0, 3), (2, 0.5), (-8.0, 1 / 3), (0.0, 0), (2.0, -2)):
    print(power(a, b))
for a, b in ((0.0, -1), (10.0, 400)):
    try:
        power(a, b)
    except ArithmeticError as error:
        print(type(error).__name__, error)


def signs_without(x, rounds):
    total = 0.0
    for _ in range(rounds):
        total += math.copysign(1.0, abs(x * 1.0))
    return total


for value in (-1.5, 0.0, -0.0, -math.inf, math.nan, -math.nan):
    print(value, signs_without(value, 1000))
