"""Methods and attributes found through inline caches, while classes, objects and modules change under the loop."""

import math
import sys
import types


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def dot(self, other):
        return self.x * other.x + self.y * other.y

    def first(self):
        return self.x

    def twice(self):
        return self.dot(self) * 2


class Slotted:
    __slots__ = ("left", "right", "value", "never")

    def __init__(self, left, right, value):
        self.left = left
        self.right = right
        self.value = value

    def total(self):
        if self.left is None:
            return self.value
        return self.left.total() + self.right.total() + self.value

    def missing(self):
        return self.never


class Loud(Vector):
    def __getattr__(self, name):
        print("asked for", name)
        return 7


def tree(depth):
    if depth == 0:
        return Slotted(None, None, 1)
    return Slotted(tree(depth - 1), tree(depth - 1), depth)


def work(a, b, rounds, at=None, do=None):
    total = 0
    for i in range(rounds):
        if i == at:
            do(a, b)
        total += a.dot(b) + a.first() + b.twice()
    return total


def circumference(rounds, at=None, do=None):
    total = 0.0
    for i in range(rounds):
        if i == at:
            do()
        total += math.pi * math.sqrt(i)
    return round(total, 6)


def attempt(what, *args):
    try:
        print(what.__name__, what(*args))
    except Exception as error:
        line = error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else None
        print(what.__name__, type(error).__name__, error, line)


def hide_method(a, b):
    a.first = lambda: 1000


def new_method(a, b):
    Vector.first = lambda self: -self.x


def new_code(a, b):
    Vector.first.__code__ = (lambda self: self.y).__code__


def delete_attribute(a, b):
    del a.x


def make_property(a, b):
    Vector.x = property(lambda self: 5)


def drop_property(a, b):
    del Vector.x


def new_class(a, b):
    a.__class__ = Loud


def new_dict(a, b):
    a.__dict__ = {"x": 3, "y": 4, "z": 5}


def look_at_dict(a, b):
    vars(a)["x"] = 11


def many_attributes(a, b):
    for i in range(40):
        setattr(a, f"extra{i}", i)


def watch(a, b):
    print("watched", sys._getframe(1).f_lineno - sys._getframe(1).f_code.co_firstlineno)


CHANGES = [
    hide_method, new_method, new_code, look_at_dict, many_attributes, new_dict, watch, new_class,
    make_property, drop_property, delete_attribute,
]

print(work(Vector(1, 2), Vector(3, 4), 3000))
original = Vector.first
for change in CHANGES:
    a, b = Vector(1, 2.5), Vector(3, 4)
    attempt(work, a, b, 3000, 2000, change)
    attempt(work, a, b, 500)
    Vector.first = original
    attempt(work, Vector(True, 2**40), Loud(2**40, -1), 300)

t = tree(7)
print(sum(t.total() for _ in range(60)))
t.left.right.left = Slotted(None, None, None)
attempt(t.total)
t.left.right.left = None
attempt(t.total)
del t.right.value
attempt(t.total)
attempt(t.missing)


def patch():
    math.pi = 3


saved = math.pi, math.sqrt
print(circumference(3000), circumference(3000, 1000, patch))
math.sqrt = lambda x: x
print(circumference(3000))
math.pi, math.sqrt = saved


def shadow_module():
    global math
    math = types.SimpleNamespace(pi=1.0, sqrt=float)


print(circumference(3000, 1500, shadow_module), circumference(100))


class Countdown:
    deaths = 0

    def __init__(self, n):
        self.n = n
        self.other = None

    def last(self):
        return self.n

    def __del__(self):
        Countdown.deaths += 1


def temporaries(rounds):
    total = 0
    for i in range(rounds):
        total += Countdown(i).last() + Countdown(Countdown(i).n).n
    return total, Countdown.deaths


print(temporaries(2000))


class A:
    def name(self):
        return 1


class B(A):
    pass


class C(A):
    def name(self):
        return 100


def polymorphic(objects, rounds):
    total = 0
    for i in range(rounds):
        total += objects[i % len(objects)].name()
    return total


print(polymorphic([A(), B(), C()], 6000))
B.name = lambda self: 10000
print(polymorphic([A(), B(), C()], 6000))
A.name = C.name
del C.name
print(polymorphic([A(), B(), C()], 6000))
