"""Callees look at their callers' frames: names, lines, arguments and locals."""

import inspect
import sys


def who():
    frame = sys._getframe(1)
    return frame.f_code.co_name, frame.f_lineno


def caller_locals():
    return dict(sorted(sys._getframe(1).f_locals.items()))


def work(n):
    seen = []
    total = 0
    for i in range(n):
        total += i * 2
        if i == n // 2:
            seen.append(who())
            seen.append(caller_locals())
    seen.append(
        who()
    )
    return total, seen


def stack():
    return [entry.function for entry in inspect.stack()]


def outer(n):
    return inner(n)


def inner(n):
    return stack()


def own_locals(a, b=2):
    c = a * b
    d = 1.5
    before = locals()
    c = 99
    return before, sorted(vars()), dir()


for _ in range(40):
    work(10)
print(work(10))
print(outer(1))
print(own_locals(3))


def escaped(n):
    x = n + 1
    return sys._getframe()


frame = escaped(5)
print(frame.f_code.co_name, frame.f_locals["x"], frame.f_back.f_code.co_name, frame.f_lineno)


def depth(n):
    if n == 0:
        count = 0
        frame = sys._getframe()
        while frame is not None:
            count += 1
            frame = frame.f_back
        return count
    return depth(n - 1)


print(depth(0), depth(5), depth(20))


def evaluates(n):
    total = 0
    for i in range(n):
        total += eval("i * n")
    exec("total = 5")
    return total


print(evaluates(10))
