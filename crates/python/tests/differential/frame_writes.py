"""A callee writes its caller's local variables through f_locals, in mid-loop."""

import sys


def poke(name, value):
    sys._getframe(1).f_locals[name] = value


def ints(n):
    total = 0
    for i in range(n):
        total += i
        if i == 10:
            poke("total", 1000)
        if i == 20:
            poke("total", 0.5)
        if i == 30:
            poke("total", 2**80)
    return total


def floats(n):
    x = 0.0
    for i in range(n):
        x += 1.5
        if i == 7:
            poke("x", -3)
    return x


def creates(n):
    for i in range(n):
        if i == 3:
            poke("late", "hello")
    if n < 0:
        late = None
    return late


def keeps_proxy(n):
    proxy = sys._getframe().f_locals
    total = 0
    for i in range(n):
        total += i
        if i == 5:
            proxy["total"] += 1000
    return total, proxy["total"], proxy["i"]


def extra(n):
    poke("not_a_local", n)
    return sorted(locals())


print(ints(50), floats(20), creates(5))
print(keeps_proxy(10))
print(extra(1))
for _ in range(50):
    ints(9)
print(ints(25))
try:
    poke.__globals__["creates"](2)
except UnboundLocalError as error:
    print(error)
