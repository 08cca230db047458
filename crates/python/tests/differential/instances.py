"""Objects made in loops, while their classes change: __init__ that raises, returns a value, is replaced or looked at."""

import gc
import sys
import traceback
import weakref


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def moved(self, dx, dy):
        return Point(self.x + dx, self.y + dy)


class Slots:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


class Named(Point):
    def __init__(self, x, y, name="none"):
        super().__init__(x, y)
        self.name = name


class Fussy:
    def __init__(self, n):
        self.before = n
        if n % 7 == 3:
            raise ValueError(n)
        self.after = n

    def __del__(self):
        log.append((self.before, hasattr(self, "after")))


class Deep:
    def __init__(self, n):
        self.inner = Deep(n - 1) if n else None
        self.n = n


log = []


def walk(rounds, at=None, do=None):
    point = Point(0, 0.5)
    for i in range(rounds):
        if i == at:
            do()
        point = point.moved(i % 3, 0.25)
    return point.x, point.y, list(vars(point))


def fussy(rounds):
    failed = 0
    for i in range(rounds):
        try:
            Fussy(i)
        except ValueError as error:
            failed += error.args[0]
    return failed


def mixed(rounds):
    total = 0
    for i in range(rounds):
        total += Slots(i).a + Named(i, 1).x + Named(1, i, "n").y + Deep(i % 5).n
    return total


def attempt(what, *args):
    try:
        print(what(*args))
    except Exception as error:
        print(type(error).__name__, error)
        print([(entry.name, entry.line) for entry in traceback.extract_tb(error.__traceback__)])


def returns_value():
    def __init__(self, x, y):
        self.x = x
        self.y = y
        return x if x == 5 else None

    Point.__init__ = __init__


def raises():
    def __init__(self, x, y):
        self.x = x / (x - 6)
        self.y = y

    Point.__init__ = __init__


def other_code():
    Point.__init__.__code__ = (lambda self, a, b: vars(self).update(y=b, x=-a)).__code__


def own_new():
    def __new__(cls, *args):
        return object.__new__(cls)

    Point.__new__ = __new__


def own_setattr():
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value + 1)

    Point.__setattr__ = __setattr__


def new_global():
    global Point
    Point = Named


original = Point.__init__
code = original.__code__
original_class = Point
print(walk(3000))
print(fussy(700), len(log), log[:9], sum(n for n, _ in log))
attempt(mixed, 2000)
sys.setrecursionlimit(200)
try:
    Deep(500)
except RecursionError as error:
    print(error)
print(Deep(40).inner.inner.n)


class Watched:
    def __init__(self, n):
        frame = sys._getframe()
        self.seen = frame.f_code.co_name, frame.f_back.f_code.co_name, sorted(frame.f_locals)


def watched(rounds):
    for i in range(rounds):
        last = Watched(i)
    return last.seen


print(watched(500))


class Cycle:
    def __init__(self):
        self.me = self


def cycles(rounds):
    gone = []
    for i in range(rounds):
        made = Cycle()
        if i % 100 == 0:
            weakref.finalize(made, gone.append, i)
    del made
    gc.collect()
    return gone


print(cycles(3000))
for change in (returns_value, raises, other_code, own_setattr, new_global, own_new):
    attempt(walk, 2000, 1500, change)
    attempt(walk, 20)
    original_class.__init__ = original
    original.__code__ = code
    for name in ("__new__", "__setattr__"):
        if name in vars(original_class):
            delattr(original_class, name)
