"""`with` in hot functions: what managers return, raise and swallow, missing methods, exits from the block, refcounts."""

import sys
from contextlib import contextmanager, suppress


class Manager:
    def __init__(self, log, swallows=False):
        self.log = log
        self.swallows = swallows

    def __enter__(self):
        self.log.append(("enter", sys.getrefcount(self)))
        return len(self.log)

    def __exit__(self, kind, value, traceback):
        self.log.append(("exit", kind and kind.__name__, str(value)))
        return self.swallows


class NoExit:
    def __enter__(self):
        print("never called")


class Refuses:
    def __enter__(self):
        raise ValueError("not now")

    def __exit__(self, *args):
        print("never called")


class ExitRaises:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        raise KeyError("on the way out")


class Static:
    @staticmethod
    def __enter__():
        return "entered"

    @classmethod
    def __exit__(cls, *args):
        return cls.__name__ == "Static"


@contextmanager
def generated(log):
    log.append("before")
    try:
        yield log
    finally:
        log.append("after")


def simple(log, n):
    total = 0
    for i in range(n):
        with Manager(log) as size:
            total += size % 7
    return total


def left_early(log, n):
    for i in range(n):
        with Manager(log):
            if i % 3 == 1:
                continue
            if i == n - 1:
                return i
    return None


def swallowed(log, n):
    caught = 0
    for i in range(n):
        with Manager(log, swallows=i % 2 == 0), Manager(log):
            caught += 1
            if i % 6 == 4 or i == n - 1:
                raise RuntimeError(i)
    return caught


def nested(log, n):
    with generated(log) as one:
        with suppress(ZeroDivisionError):
            one.append(1 // (n % 4))
        with Static() as entered:
            one.append(entered)
            return one[n % len(one)]


def attempt(function, *args):
    try:
        return function(*args)
    except Exception as error:
        return type(error).__name__, str(error), error.__traceback__.tb_next.tb_lineno


def enter(manager):
    with manager as entered:
        return type(entered).__name__


for _ in range(5):
    log = []
    print(simple(log, 300), len(log), log[:2], log[-2:])
    log = []
    print(left_early(log, 200), len(log), log[-1])
    log = []
    print(attempt(swallowed, log, 60), len(log), log[-3:])
for n in range(300):
    log = []
    result = nested(log, n)
    if n % 60 == 0:
        print(result, log)
for manager in (NoExit(), Refuses(), ExitRaises(), Static(), 5, suppress()):
    for _ in range(40):
        result = attempt(enter, manager)
    print(result)
manager = Manager([])
before = sys.getrefcount(manager)
for _ in range(100):
    enter(manager)
print(sys.getrefcount(manager) - before, manager.log[-2])
