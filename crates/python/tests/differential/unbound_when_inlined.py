"""Small functions that find a local of theirs unbound, called where they are likely inlined."""

import sys
import traceback


def prepared(function, *args):
    """Called often enough to be worth compiling, and compiled now where there is a compiler."""
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)


def bound_if(a):
    if a:
        x = 1
    return x


def bound_by_either(a, b):
    if a:
        x = (a, b)
    elif b:
        x = b
    return x, a


def bound_number(a, k):
    if a > 2:
        y = k * 2
    return y + 1


def never(a):
    if a > 1000:
        z = a
    return z


def told(function, *args):
    try:
        return function(*args)
    except UnboundLocalError as error:
        frames = traceback.extract_tb(error.__traceback__)
        return str(error), [(frame.name, frame.line) for frame in frames]


def call_bound_if(a):
    return [bound_if(a)]


def call_either(a, b):
    r = bound_by_either(a, b)
    return r, r[0]


def call_number(a, k):
    return bound_number(a, k) * 3


def call_never(a):
    return never(a)


def summed(n):
    total = 0
    for i in range(n):
        try:
            total += bound_if(i % 5)
        except UnboundLocalError:
            total += 1000
    return total


prepared(call_bound_if, True)
print(told(call_bound_if, 1), told(call_bound_if, 0), told(call_bound_if, None))
prepared(call_either, 1, 2)
print(told(call_either, 1, 0), told(call_either, 0, 2), told(call_either, 0, 0))
prepared(call_number, 3, 4)
print(told(call_number, 3, 1.5), told(call_number, 1, 4), told(call_number, 9, 2**70))
print(told(call_never, 5))
prepared(lambda: told(call_never, 5))
print(told(call_never, 5), told(call_never, 1001))
print([told(call_bound_if, i % 3) for i in range(40)].count([1]))
print(summed(3000))
