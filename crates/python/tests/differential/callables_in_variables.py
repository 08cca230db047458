"""Functions and bound methods that are called through variables, parameters and attributes, and that change meanwhile."""

import sys

log = []


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        log.append(self.name)

    def told(self, x=1):
        return x + len(self.name)

    def keeps(self, it):
        return it


def add(x, y=1):
    return x + y


def add_more(x, y=1, z=2):
    return x + y + z


def adder(n):
    def inner(x):
        return x + n

    return inner


def depth(x, recur=None):
    return 0 if x == 0 else 1 + recur(x - 1, recur)


def caller(f, n):
    total = 0
    for i in range(n):
        total += f(i)
    return total


def caller_named(f, n):
    total = 0
    for i in range(n):
        total += f(i, y=i & 3)
    return total


def caller_with(f, n, wrapped=len):
    """Calls something that calls back."""
    total = 0
    for i in range(n):
        total += f(wrapped, [i])
    return total


def apply(f, x):
    return f(x)


class Holder:
    def __init__(self, f):
        self.f = f

    def run(self, n):
        total = 0
        for i in range(n):
            total += self.f(i)
        return total


def changing(functions, n):
    total = 0
    f = functions[0]
    for i in range(n):
        total += f(i)
        if i % 500 == 499:
            f = functions[i // 500 % len(functions)]
    return total


def raising(f, n):
    caught = 0
    for i in range(n):
        try:
            f(i)
        except ValueError as error:
            caught += error.__traceback__.tb_next.tb_lineno - f.__code__.co_firstlineno
    return caught


def odd(x):
    if x % 7 == 0:
        raise ValueError(x)
    return x


def temporaries(n):
    """The method is the last to hold its object."""
    total = 0
    for i in range(n):
        told = Noisy("t").told
        total += told(i)
        told = None
        keeps = Noisy("k").keeps
        it = keeps(Noisy("i"))
        keeps = None
        if i % 1000 == 5:
            log.append(it.name)
    return total


def dying(n):
    """Each function dies behind its call, and its default with it."""
    total = 0
    for i in range(n):
        f = eval("lambda x, held=held: x + 1", {"held": Noisy("d")}) if i % 100 == 0 else add
        total += f(i)
    return total


def show(*results):
    print(*results, len(log), log[:4], log[-4:])
    log.clear()


N = 4000
for _ in range(3):
    noisy = Noisy("bound")
    show(caller(add, N), caller(adder(3), N), caller(adder(4), N), caller(noisy.told, N))
    show(caller(len and str.__len__ and float, N), caller(add_more, N))
    show(caller_named(add, N), caller_named(add_more, N))
    show(caller_with(apply, N), caller_with(map and apply, N, sum))
    show(Holder(add).run(N), Holder(noisy.told).run(N), Holder(adder(5)).run(N), Holder(abs).run(N))
    show(changing([add, noisy.told, adder(1), abs, int], N), changing([add], N))
    show(caller(lambda x: depth(x & 15, depth), N // 4))
    show(raising(odd, N))
    show(temporaries(N))
    show(dying(N))
    noisy = None
    show()

add.__defaults__ = (10,)
show(caller(add, N))
add.__defaults__ = (10, 20)
show(caller(lambda x: add(x), N))
add.__defaults__ = None
try:
    caller(add, N)
except TypeError as error:
    print(error)
add.__defaults__ = (1,)


def swapped(f, n):
    total = 0
    for i in range(n):
        total += f(i)
        if i == n // 2:
            f.__code__ = other.__code__
    return total


def other(x, y=1):
    return x * y + 1000


show(swapped(add, N), caller(add, N))


def looks(x):
    return len(sys._getframe(1).f_code.co_name) + x


show(caller(looks, N), Holder(looks).run(N))
