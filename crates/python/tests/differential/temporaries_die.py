"""What a finaliser sees, and changes, when a temporary dies in the middle of an expression."""

import sys


def prepared(function, *args):
    """Called often enough to be worth compiling, and compiled now where there is a compiler."""
    global quiet
    quiet = True
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    quiet = False
    result = function(*args)
    quiet = True
    return result


quiet = True
step = 1


class Spy:
    """Its death reports the frame below and rebinds a global."""

    def __del__(self):
        global step
        if quiet:
            return
        frame = sys._getframe(1)
        names = {name: value for name, value in frame.f_locals.items() if isinstance(value, (int, float))}
        print("  died in", frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, names)
        step += 1

    def __init__(self):
        self.weight = 20

    def __call__(self):
        return self

    def nothing(self):
        return 1


def spies(n):
    return [Spy() for _ in range(n)]


def pair():
    return Spy(), 7


def statement(n):
    total = 0
    for i in range(n):
        total += i
        Spy()
        total += step
    return total


def loop_end(n):
    total = 0
    for k in range(n):
        total += k
        for spy in spies(2):
            total += 10
            spy = None
        total += step
    return total


def enumerated(n):
    total = 0
    for k in range(n):
        for i, spy in enumerate(spies(2)):
            total += i
            del spy
        total += step
    return total


def is_none(n):
    total = 0
    for i in range(n):
        total += i
        if Spy() is None:
            total += 1000
        total += step
        if Spy() is not None:
            total += 100
        total += step
    return total


def truth(n):
    total = 0
    for i in range(n):
        total += i
        if spies(1):
            total += 100
        total += step
        if not spies(2):
            total += 1000
        total += step
    return total


def length(n):
    total = 0
    for i in range(n):
        total += i
        total += len(spies(2))
        total += step
    return total


def item(n):
    total = 0
    for i in range(n):
        total += i
        total += pair()[1]
        total += step
        x = spies(2)[0]
        total += step
        del x
        total += step
    return total


def leaf(a, b):
    c = b + 1
    return c


def inlined(n):
    total = 0
    for i in range(n):
        total += i
        total += leaf(Spy(), i)
        total += step
    return total


def leaf_that_stores(a, b):
    a = b + 2
    return a


def inlined_store(n):
    total = 0
    for i in range(n):
        total += i
        total += leaf_that_stores(Spy(), i)
        total += step
    return total


def identity(n):
    total = 0
    for i in range(n):
        total += i
        if Spy() is Spy():
            total += 1000
        total += step
    return total


def of_attribute(n):
    total = 0
    for i in range(n):
        total += i
        total += Spy().weight
        total += step
    return total


def tuple_statement(n):
    total = 0
    for i in range(n):
        total += i
        (Spy(), Spy())
        total += step
    return total


def compared(n):
    total = 0
    for i in range(n):
        total += i
        total += Spy().nothing()
        total += step
    return total


def swapped(n):
    total = 0
    for i in range(n):
        total += i
        a, b = pair()
        total += b
        a = 0
        total += step
    return total


def and_or(n):
    total = 0
    for i in range(n):
        total += i
        x = spies(0) or 3
        y = spies(1) and 4
        total += x + y + step
    return total


for function in (statement, loop_end, enumerated, is_none, truth, length, item, inlined, inlined_store,
                 identity, of_attribute, tuple_statement, compared, swapped, and_or):
    step = 1
    print(function.__name__)
    print(prepared(function, 3))
    step = 1
    quiet = False
    print(function(3))
    quiet = True
