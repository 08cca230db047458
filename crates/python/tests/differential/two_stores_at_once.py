"""Two variables are assigned by one bytecode, and what they held dies noisily or changes the frame."""

import sys


def prepared(function, *args):
    """Called often enough to be worth compiling, and compiled now where there is a compiler."""
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    log.clear()
    return function(*args)


log = []


class Noisy:
    """Says what the frame below holds when it dies, and changes it if asked to."""

    def __init__(self, name, **changes):
        self.name = name
        self.changes = changes

    def __del__(self):
        frame = sys._getframe(1)
        held = {name: frame.f_locals.get(name) for name in "abcd"}
        shown = {k: v if isinstance(v, (int, float)) else type(v).__name__ for k, v in held.items()}
        log.append((self.name, shown))
        for name, value in self.changes.items():
            frame.f_locals[name] = value


def object_then_float(x, box, change):
    c = x * 1.5
    d = c * 2.0
    a = Noisy("a", c=change)
    b = Noisy("b")
    c = c + 1.0
    d = d + c
    a, b = box, d * 2.0
    return a, b, c, d


def float_then_object(x, box, change):
    c = x * 1.5
    d = c * 2.0
    a = Noisy("a", d=change)
    b = Noisy("b", c=change)
    c = c + 1.0
    d = d + c
    a, b = d * 2.0, box
    return a, b, c, d


def two_floats(x, box, change):
    c = x * 1.5
    d = c + 2.0
    a = Noisy("a", c=change)
    b = Noisy("b", d=change)
    c = c + 1.0
    d = d + c
    a, b = d * 2.0, c * 2.0
    return a, b, c, d


def same_object(x, box, change):
    c = x * 1.5
    d = c + 2.0
    a = b = Noisy("both", c=change)
    c = c + 1.0
    d = d + c
    a, b = d * 2.0, c * 2.0
    return a, b, c, d


def same_local(x, box, change):
    c = x * 1.5
    b = d = c + 2.0
    a = Noisy("a", c=change)
    a, a = Noisy("a again"), d * 2.0
    return a, b, c, d


def same_local_reversed(x, box, change):
    c = x * 1.5
    b = d = c + 2.0
    a = Noisy("a", c=change)
    c = c + 1.0
    d = d + c
    a, a = d * 2.0, box
    return a, b, c, d


def stored_and_loaded(x, box, change):
    c = x * 1.5
    d = c + 2.0
    b = x
    a = Noisy("a", b=change)
    c = c + 1.0
    d = d + c
    a = c * 3.0
    return b, a, c, d


def in_a_loop(n, x, change):
    c = d = a = b = x * 1.0
    kept = []
    for i in range(n):
        if i % 4 == 3:
            a = Noisy("a", c=change)
            b = Noisy("b")
        if i % 2:
            a, b = [i], c * 2.0
        else:
            a, b = c + 1.0, d + 1.0
        c = c * 1.5
        kept.append((a, b, c, d))
    return kept


def swapped(n, x, change):
    c = d = 0
    a = x * 1.0
    b = Noisy("b", c=change)
    kept = []
    for i in range(n):
        a, b = b, a
        kept.append(isinstance(a, float))
        if i == 5:
            a, b = c * 2.0, x * 2.0
            kept.append(b)
    return kept, a, c, d


for function in (
    object_then_float,
    float_then_object,
    two_floats,
    same_object,
    same_local,
    same_local_reversed,
    stored_and_loaded,
):
    for change in (None, 99.25, 7, "text"):
        print(function.__name__, change, prepared(function, 0.5, [1], change))
        print(*log, sep="\n")
for change in (99.25, 7):
    print(prepared(in_a_loop, 12, 0.5, change))
    print(*log, sep="\n")
    print(prepared(swapped, 9, 0.5, change))
    print(*log, sep="\n")
