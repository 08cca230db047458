"""One instruction, objects of many classes: attributes, slots, class values and methods are told apart by class."""

import math
import sys


class Base:
    limit = 10

    def __init__(self, x):
        self.x = x

    def weigh(self, by):
        return self.x * by

    def name(self):
        return "base"


class First(Base):
    limit = 11

    def name(self):
        return "first"


class Second(Base):
    def weigh(self, by):
        return self.x + by


class Other:
    limit = "other"

    def __init__(self, x):
        self.before = 1
        self.x = x

    def weigh(self, by):
        if by == 7:
            raise ValueError(by)
        return [self.x, by]

    @staticmethod
    def name():
        return "other"


class Slotted:
    __slots__ = ("x", "y")
    limit = None

    def __init__(self, x):
        self.x = x

    def weigh(self, by):
        return self.x - by

    @classmethod
    def name(cls):
        return cls.__name__


class Counted:
    made = 0

    def __init__(self, x):
        self._x = x

    @property
    def x(self):
        Counted.made += 1
        return self._x

    limit = 2.5

    def __getattr__(self, name):
        if name == "name":
            return lambda: "from getattr"
        raise AttributeError(name)

    def weigh(self, by):
        return -by


class Loud:
    limit = 3

    def __init__(self, x):
        self.x = x

    def weigh(self, by):
        return by

    def name(self):
        return "loud"

    def __repr__(self):
        return f"Loud({self.x})"

    def __del__(self):
        LOG.append(("died", self.x))


LOG = []
KINDS = [Base, First, Second, Other, Slotted, Counted, Loud]


def read(objects):
    total = 0
    for it in objects:
        total += it.x
    return total


def read_limits(objects):
    return [it.limit for it in objects]


def call(objects, by):
    out = []
    for it in objects:
        try:
            out.append(it.weigh(by))
        except ValueError as error:
            out.append(("error", str(error), error.__traceback__.tb_next.tb_lineno))
    return out


def names(objects):
    out = ""
    for it in objects:
        out += it.name() + " "
    return out


def temporaries(n):
    for i in range(n):
        kind = KINDS[i % len(KINDS)]
        kind(i).x
        LOG.append(("read", i))
        kind(i).weigh(1)
        LOG.append(("called", i))


def of_modules(n):
    total = 0
    for i in range(n):
        it = math if i % 3 else sys
        total += it.pi if i % 3 else it.maxsize % 7
    return total


class Watched(Base):
    def __setattr__(self, name, value):
        LOG.append(("set", name, value))
        object.__setattr__(self, name, value)


def store(objects, value):
    for it in objects:
        it.x = value
        it.y = it.x
        value += 1.5
    return value


def store_loud(objects):
    for it in objects:
        it.held = Loud("held")
        LOG.append("stored")


def stores(n):
    for count in range(1, 6):
        kinds = [Base, First, Slotted, Other, Watched][:count]
        objects = [kinds[i % count](i) for i in range(20)]
        for i in range(n):
            store(objects, i % 3)
        show("stored", [(type(it).__name__, it.x, it.y) for it in objects])
        open_objects = [it for it in objects if not isinstance(it, Slotted)]
        for i in range(n // 10):
            store_loud(open_objects)
    show("log", LOG)
    LOG.clear()


def step(objects, by):
    return (read(objects), call(objects, by), names(objects), read_limits(objects))


def show(tag, value):
    text = repr(value)
    print(tag, len(text), text[:70], text[-70:], sum(map(ord, text)))


def rounds(n, kinds):
    objects = [kinds[i % len(kinds)](i) for i in range(40)]
    for i in range(n):
        result = step(objects, i % 9)
    show(len(kinds), result)
    return objects


def main():
    for count in range(1, len(KINDS) + 1):
        objects = rounds(300, KINDS[:count])
    # A class changes its mind.
    Second.weigh = lambda self, by: ("changed", by)
    show("method", step(objects, 3))
    First.limit = 99
    show("limit", step(objects, 4))
    # An object hides what its class has.
    objects[0].weigh = lambda by: ("hidden", by)
    objects[1].limit = "hidden"
    show("hidden", step(objects, 5))
    # An object goes over to another class.
    objects[2].__class__ = First
    show("class", step(objects, 6))
    # An object's dictionary is made, and loses the attribute.
    vars(objects[3])["x"] = 1000
    show("dict", step(objects, 7))
    del objects[4].x
    try:
        read(objects)
    except AttributeError as error:
        print(error)
    objects[4].x = 5
    objects[4].y = 6
    show("again", step(objects, 8))
    for _ in range(40):
        temporaries(60)
    show("log", LOG)
    print(Counted.made)
    for _ in range(40):
        total = of_modules(100)
    print(total)
    LOG.clear()
    stores(200)


if __name__ == "__main__":
    main()
