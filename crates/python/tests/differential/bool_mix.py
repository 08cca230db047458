"""Bools in arithmetic and comparison, with the types of what comes out."""


def combine(a, b):
    return a + b, a - b, a * b, a & b, a | b, a ^ b, a < b, a == b


def count(flags):
    total = 0
    for flag in flags:
        total += flag
    return total


def show(values):
    return [(value, type(value).__name__) for value in values]


for a in (True, False, 1, 0, 2):
    for b in (True, False, 3):
        print(show(combine(a, b)))
print(count([True, False, True]), count([True, 2, 3.5]), type(count([True])).__name__)
print(count([]), count([False]), type(count([])).__name__)


def chained(n):
    out = 0
    for i in range(n):
        out += (i > 2) + (i < 7) * 10
    return out


for _ in range(200):
    result = chained(20)
print(result)
