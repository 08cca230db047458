"""Compiled code calls Python functions that it does not know: what they own dies when they drop it, whatever way they
are called."""

import sys
import weakref

log = []


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        log.append(self.name)


def keeps(x, y):
    return x


def drops_first(x, y):
    x = None
    log.append("dropped")
    return y


def deletes(x, y):
    del x, y
    log.append("deleted")
    return 1


def raises(x, y):
    x = None
    raise ValueError("raises")


def with_default(x, y, z=3):
    return z


def keyword_only(x, y, *, k=4):
    y = None
    return k


def starred(*args):
    return len(args)


def generator(x, y):
    yield x
    yield y


def outer(x):
    def inner(y, z):
        return x, y is None, z is None

    return inner


def temporary():
    return lambda x, y: (x is None, y is None)


class Called:
    def __call__(self, x, y):
        x = None
        log.append("called")
        return y

    def method(self, x, y):
        x = None
        log.append("method")
        return self


def show(value):
    if isinstance(value, Noisy):
        return value.name
    if hasattr(value, "__next__"):
        return [show(it) for it in value]
    return value if isinstance(value, (int, tuple, str)) else type(value).__name__


def call(f, i):
    return f(Noisy(f"a{i}"), Noisy(f"b{i}"))


def call_named(f, i):
    return f(Noisy(f"a{i}"), y=Noisy(f"b{i}"))


def call_fresh(i):
    return temporary()(Noisy(f"a{i}"), Noisy(f"b{i}"))


def count_references(f, x, y):
    f(x, y)
    return sys.getrefcount(x), sys.getrefcount(y), sys.getrefcount(f)


def ping(f, n):
    return f(ping, n - 1) + 1 if n else 0


def pong(f, n):
    return f(pong, n - 1) + 1 if n else 0


def deep(f, g, n):
    return f(g, f, n + 1)


def deeper(f, g, n):
    return f(g, f, n + 1)


called = Called()
functions = [keeps, drops_first, deletes, raises, with_default, keyword_only, starred, generator, outer(7), called,
             called.method, Called().method]

for round in range(40):
    for f in functions:
        for way in call, call_named:
            log.clear()
            try:
                result = show(way(f, round))
            except (TypeError, ValueError) as error:
                result = repr(error)
                log.append(error.__traceback__.tb_next is not None)
                del error
            if round in (0, 1, 39):
                print(getattr(f, "__name__", "Called"), way.__name__, result, log)
    log.clear()
    fresh = call_fresh(round)
    references = [count_references(f, object(), object()) for f in functions[:4] if f is not raises]
    if round in (0, 39):
        print(fresh, log, references)

function = keeps
gone = weakref.ref(outer(1))
print(gone() is None, ping(pong, 50), pong(ping, 51))
for f, g in ((deep, deeper), (deeper, deep)):
    for _ in range(3):
        try:
            f(g, f, 0)
        except RecursionError as error:
            depth, tb = 0, error.__traceback__
            while tb is not None:
                depth, tb = depth + 1, tb.tb_next
            print("too deep", depth)


def replaced(x, y):
    return "old"


def call_replaced(f, i):
    return f(i, i), f(i, i)


for i in range(40):
    if i == 20:
        replaced.__code__ = (lambda x, y: "new").__code__
    if i == 30:
        replaced.__defaults__ = (1,)
        replaced.__code__ = (lambda x, y, z: z).__code__
    print(call_replaced(replaced, i), end=" ")
print()
