"""Calls of Python functions that fill in parameters by name and by default, from hot code and from cold, with callees
that are hot themselves and such as are not; calls that are errors; what becomes of the arguments."""

import sys

ROUNDS = 2000


def positional(a, b=2, c=3):
    return a, b, c


def named(a, *, b, c=3):
    return a, b, c


def mixed(a, /, b, c=3, *, d=4, e):
    total = 0
    for i in range(3):
        total += i
    return a, b, c, d, e, total


def cellular(a, b=2, *, c=3):
    def inner():
        return a, b, c

    a = (a,)
    return inner()


def hot(a, b=1, *, scale=2):
    total = 0
    for i in range(20):
        total += i * scale + b
    return total + a


def generator(a, b=2, *, c=3):
    yield a
    yield b, c


def collects(a, *rest, b=2, **others):
    return a, rest, b, sorted(others.items())


FUNCTIONS = [positional, named, mixed, cellular, hot, collects]
CALLS = [
    lambda f: f(1),
    lambda f: f(1, 5),
    lambda f: f(1, b=5),
    lambda f: f(1, c=6, b=5),
    lambda f: f(1, 5, e=7),
    lambda f: f(1, b=5, e=7, d=8),
    lambda f: f(1, 2, 3, 4, 5, 6),
    lambda f: f(a=1, b=2, e=3),
    lambda f: f(1, a=1),
    lambda f: f(1, b=1, **{"".join(["b", ""]): 2}),
    lambda f: f(1, **{"".join(["sc", "ale"]): 3}),
    lambda f: f(*(1,), **{}),
    lambda f: f(*(1, 2), **{"c": 3}),
    lambda f: f(),
]


def answer(call, f):
    try:
        return call(f)
    except TypeError as error:
        return str(error)


for f in FUNCTIONS:
    for number, call in enumerate(CALLS):
        first = answer(call, f)
        for _ in range(60):
            if answer(call, f) != first:
                raise AssertionError((f, number))
        print(f.__name__, number, first)


def drive(f, g, rounds):
    """The same sites call one function and then another."""
    total = 0
    for i in range(rounds):
        total += f(i)
        total += f(i, b=i)
        total += g(i, scale=3)
        total += f(i, 3, scale=i)
        total += g(b=1, a=2)
    return total


def cold(a, b=7, *, scale=1):
    return a + b * scale


print(drive(hot, cold, ROUNDS), drive(cold, hot, ROUNDS), drive(hot, hot, ROUNDS))


def changes(rounds):
    """Defaults change, lose their names, or are of another kind of dictionary in mid-loop."""
    def callee(a, b=1, *, c=2):
        return a, b, c

    class Key(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            asked.append(len(asked))
            return str(self) == str(other)

    asked = []
    log = []
    for i in range(rounds):
        if i == rounds // 6:
            callee.__defaults__ = (i, i)
        elif i == rounds // 3:
            callee.__kwdefaults__ = {Key("c"): i}
        elif i == rounds // 2:
            callee.__kwdefaults__ = None
        elif i == rounds * 2 // 3:
            callee.__defaults__ = None
            callee.__kwdefaults__ = {"c": "last", "x": 1}
        try:
            got = callee(i)
        except TypeError as error:
            got = str(error)
        try:
            other = callee(a=0, b=i)
        except TypeError as error:
            other = str(error)
        if i % (rounds // 12) == 0:
            log.append((got, other))
    return log, len(asked) > 0


print(changes(1200))


class Loud:
    def __init__(self, n):
        self.n = n

    def __del__(self):
        deaths.append((self.n, sys._getframe(1).f_code.co_name))


deaths = []


def drops(a, b=None, *, c=None):
    a = b = None
    deaths.append("between")
    c = None
    return len(deaths)


def deaths_of_arguments(rounds):
    for i in range(rounds):
        drops(Loud(i))
        drops(Loud(i), c=Loud(-i))
        drops(Loud(i), b=Loud(-i))
        try:
            drops(Loud(i), d=Loud(-i))
        except TypeError:
            deaths.append("refused")


deaths_of_arguments(300)
print(len(deaths), deaths[:20], deaths[-20:])


def references(rounds):
    one = object()
    default = object()

    def callee(a, b=default, *, c=default):
        return sys.getrefcount(a), sys.getrefcount(b)

    counts = set()
    for i in range(rounds):
        counts.add(callee(one))
        counts.add(callee(one, c=one))
        counts.add(callee(b=one, a=one))
    return counts, sys.getrefcount(one), sys.getrefcount(default)


print(*map(sorted, references(ROUNDS)[:1]), references(ROUNDS)[1:])


def generators(rounds):
    total = 0
    for i in range(rounds):
        for item in generator(i, c=i):
            total += item if isinstance(item, int) else item[1]
    return total


print(generators(ROUNDS))


def deep(n, step=1, *, least=0):
    if n <= least:
        return 0
    return 1 + deep(n - step, least=least)


print(deep(300))
try:
    deep(10**6)
except RecursionError as error:
    print(str(error)[:32])
