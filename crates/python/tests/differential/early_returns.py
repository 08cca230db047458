"""Functions that return early, called by others and by themselves, with arguments of changing types."""

import sys
import traceback


class Noisy:
    def __init__(self, name, true):
        self.name = name
        self.true = true

    def __repr__(self):
        return "Noisy " + self.name

    def __bool__(self):
        print("bool of", self.name, "in", sys._getframe(1).f_code.co_name)
        return self.true

    def __lt__(self, other):
        print("compared", self.name, "in", sys._getframe(1).f_code.co_name)
        return self.true

    def __sub__(self, other):
        return other

    def __del__(self):
        print("end of", self.name)


def descend(n, log):
    if n < 2:
        return n
    log.append(n)
    return descend(n - 1, log) + descend(n - 2, log)


def depth(n):
    if not n:
        return 0
    return 1 + depth(n - 1)


def first_or(value, other):
    if value is None:
        return other
    print("kept", end=" ")
    return value


def clamp(value, low, high):
    if value < low:
        return low
    if value > high:
        return high
    return round(value)


def caught(function, *args):
    try:
        print(function.__name__, function(*args))
    except Exception:
        print(traceback.format_exc())


def sums(rounds):
    total = 0
    for i in range(rounds):
        log = []
        total += descend(i % 9, log) + len(log)
        total += clamp(i, 3, 50) + clamp(i / 2, 3, 50)
    return total


def choose(values):
    kept = []
    for value in values:
        kept.append(first_or(value, "none"))
    return kept


for _ in range(3):
    print(sums(2000))
print(choose([None, 1, None, 2.5, "x"] * 3))
for n in (5, 2.5, True, 2**70):
    caught(descend, n if n != 2**70 else 3, [])
for bad in (None, "text", [], 1j):
    caught(descend, bad, [])
    caught(clamp, bad, 1, 2)
    caught(clamp, 1, bad, 2)
caught(descend, Noisy("a", True), [])
caught(descend, Noisy("b", False), [])
caught(depth, Noisy("c", False))
caught(depth, 500)
print(clamp(-(2**80), 0, 1), clamp(2**80, 0, 1))
caught(clamp, float("nan"), 0, 1)


def count_down():
    return depth(200)


print(sum(count_down() for _ in range(200)))
sys.setrecursionlimit(400)
try:
    depth(1000)
except RecursionError as error:
    print(error)


def depth(n):
    return "another", n


print(count_down())
