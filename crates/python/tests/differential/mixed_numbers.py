"""Arithmetic whose operands change their kind all the time, long enough that guesses fail often and are given up."""

import math


class Int(int):
    def __mul__(self, other):
        return ("Int mul", int(self), other)

    __rmul__ = __add__ = __radd__ = __mul__


class Float(float):
    def __rmul__(self, other):
        return ("Float rmul", other)


def scale(factor, values):
    """A float times anything."""
    results = []
    for x in values:
        results.append(factor * x)
    return results


def squares(values):
    total = 0
    for x in values:
        total = total + x * x
    return total


def below(values, limit):
    count = 0
    for x in values:
        if x < limit:
            count += 1
    return count


def pairs(items):
    total = 0.0
    for i, x in items:
        total += i / 2 * x
    return total


def attempt(function, *args):
    try:
        return function(*args)
    except Exception as error:
        line = error.__traceback__.tb_next.tb_lineno
        return type(error).__name__, str(error), line


MIXTURES = [
    [1.5, 2.5, -0.0],
    [1, -2, 3],
    [True, False, True],
    [2**53 + 1, 2**62, -(2**63), 2**63 - 1],
    [2**63, 10**30, -(10**25)],
    [math.nan, math.inf, -math.inf],
    [0.5, 3, True, 10**20],
]
ODD = [
    [1j, 2j],
    ["ab", "c"],
    [Int(3), Int(4)],
    [Float(2.5), Float(0.5)],
    [1.5, None],
    [10**400, 1.5],
    [[1], [2]],
]

for round_number in range(120):
    shown = round_number in (0, 1, 60, 119)
    for values in MIXTURES:
        many = values * 20
        outcome = [
            attempt(scale, 0.1, many),
            attempt(scale, 3, many),
            attempt(squares, many),
            attempt(below, many, 2.5),
            attempt(below, many, 2**53 + 1),
            attempt(pairs, list(enumerate(many))),
        ]
        if shown:
            print(values, [repr(it)[:90] for it in outcome])
    if round_number % 10 == 0:
        for values in ODD:
            outcome = [
                attempt(scale, 0.1, values),
                attempt(squares, values),
                attempt(below, values, 2.5),
                attempt(pairs, list(enumerate(values, 1))),
            ]
            if shown:
                print(values, [repr(it)[:90] for it in outcome])


def late(values, factor):
    """Kinds of numbers that mix for long, and then something else."""
    total = 0
    for x in values:
        total += factor * x
        if x > factor:
            total -= x % 3
    return total


for round_number in range(400):
    numbers = [1] * 20 if round_number % 10 == 0 else [i / 7 for i in range(20)]
    late(numbers, round_number % 2 or 0.5)
print(late([1, 2.5] * 8, 3), late([0.5] * 4, 0.25))
for round_number in range(60):
    for values, factor in ([True, 2.5], 3), ([2**80, 1], 0.5), ([Float(2.0), 1], 2), ([1j], 2), (["a"], 2):
        outcome = attempt(late, values, factor)
        if round_number in (0, 30, 59):
            print(outcome)
    late([1] * 20, 0.5)
    late([1.25] * 20, 0.5)


def long_way(a, b):
    """Too long for numbers to be told apart outside of a loop."""
    c = a * b + a - b
    d = c / 3 if c else a + b
    e = d * d - c * a
    f = (a - b) * (a + b) + e
    big = f > e
    if a < b or d == c or e >= f:
        f = f + a * 0.5
    g = f - d * 2 + c * 3 - e / 7 + a * a * b
    return c, d, e, f, g, big, a <= b, g != f, c % 7, c // 5, -g


def with_bits(a, b):
    c = a + b
    d = c - a * b
    if isinstance(d, int):
        return d & 255, d | a, d ^ b, d << 3, d >> 2, d**2, c % 5 if b else a
    return d**2, c // 3, d % 1.5


def sums(values, start):
    total = start
    for x in values:
        total = total * 3 + x
        if total > 10**17:
            total -= 10**17
    return total


for round_number in range(500):
    shown = round_number in (0, 250, 499)
    x = round_number * 2**27
    for pair in (1.5, 2), (3, round_number), (round_number / 3, 0.25), (x, 7), (x, 0.1), (-x, x):
        outcome = [attempt(long_way, *pair), attempt(with_bits, *pair)]
        if shown:
            print(pair, outcome)
    outcome = sums([1, 2.5, x], 1), sums([x, x, 3], x), sums([0.5, 1], 2), sums(range(30), 2**40)
    if shown:
        print(outcome)
    if round_number % 50 == 40:
        for pair in (True, 2.0), (2**70, 3), (1j, 2), ("ab", 2), (1, 0.0), (2**59, 2**59), (2**53 + 1, 3):
            outcome = [attempt(long_way, *pair), attempt(with_bits, *pair)]
            if round_number in (40, 440):
                print(pair, outcome)


class Noisy:
    """Dies where the loop lets it go."""

    def __init__(self, name):
        self.name = name

    def __del__(self):
        died.append(self.name)

    def __rmul__(self, other):
        return other + len(died)


def loop(n, kinds):
    result = 0
    for i in range(n):
        x = kinds(i)
        result += 0.5 * x
    return result


died = []
for _ in range(40):
    loop(200, float)
    loop(200, int)
print(loop(5, lambda i: Noisy(i) if i % 2 else i), died)
for _ in range(10):
    died.clear()
    loop(300, lambda i: Noisy(i) if i % 3 else float(i))
print(loop(9, lambda i: Noisy(i) if i % 3 else float(i)), len(died), died[:5])
