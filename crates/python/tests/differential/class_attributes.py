"""Attributes, class methods and static methods of classes, and what metaclasses have to say about them."""

import enum


class Level:
    LOW = None
    HIGH = None
    names = {}

    def __init__(self, rank, name):
        self.rank = rank
        self.name = name

    @classmethod
    def weaker(cls, one, other):
        return one.rank < other.rank

    @classmethod
    def weakest(cls, one, other):
        return one if cls.weaker(one, other) else other

    @staticmethod
    def label(level, *rest):
        return level.name + str(len(rest))

    @classmethod
    def make(cls, rank):
        return cls(rank, cls.__name__)


Level.LOW = Level(1, "low")
Level.HIGH = Level(2, "high")


class Strict(Level):
    @classmethod
    def weaker(cls, one, other):
        return one.rank <= other.rank


class Meta(type):
    counted = 0

    @property
    def LOW(cls):
        Meta.counted += 1
        return Level.LOW


class WithMeta(metaclass=Meta):
    HIGH = Level.HIGH

    @classmethod
    def weaker(cls, one, other):
        return (cls.__name__, one.rank > other.rank)


class Colour(enum.Enum):
    RED = 1
    GREEN = 2

    @classmethod
    def first(cls):
        return cls.RED


def chosen(n, cls):
    count = 0
    for i in range(n):
        level = Level.LOW if i % 3 else Level.HIGH
        count += level.rank
        if cls.weakest(level, Level.HIGH) is level:
            count += 10
        if Level.label(level, i) == "low1":
            count += 100
        if Colour.first() is Colour.RED and Colour.GREEN is not Colour.RED:
            count += 1000
    return count


def made(n, cls):
    last = None
    for i in range(n):
        last = cls.make(i)
    return type(last).__name__, last.rank, last.name


def by_meta(n):
    seen = set()
    for _ in range(n):
        seen.add((WithMeta.LOW.rank, WithMeta.HIGH.rank, WithMeta.weaker(Level.LOW, Level.HIGH)))
    return seen, Meta.counted


def main():
    print(chosen(3000, Level), chosen(3000, Strict), chosen(3000, Level))
    print(made(2000, Level), made(2000, Strict))
    print(by_meta(2000))

    # What a class has changes, in the class, in its base, in the metaclass, in the value's class.
    Level.LOW = Level(7, "low")
    print(chosen(300, Level), chosen(300, Strict))
    Level.weaker = classmethod(lambda cls, one, other: True)
    print(chosen(300, Level), chosen(300, Strict))
    del Strict.weaker
    print(chosen(300, Strict))
    Level.label = classmethod(lambda cls, level, *rest: "low1")
    print(chosen(300, Level))
    Level.label = lambda level, *rest: "low" + str(level.rank)
    print(chosen(300, Level))
    Meta.HIGH = property(lambda cls: Level(99, "meta"))
    print(by_meta(300))
    Meta.weaker = lambda cls, one, other: "not hidden"
    print(by_meta(300))
    Meta.__getattribute__ = lambda cls, name: Level(5, name) if name == "LOW" else type.__getattribute__(cls, name)
    print(by_meta(300))
    Level.__get__ = lambda self, instance, owner: Level.names.setdefault(owner.__name__, self)
    print(chosen(300, Level), sorted(Level.names))
    del Level.__get__
    wrapped = Level.__dict__["make"]
    print(made(300, Level))
    wrapped.__init__(lambda cls, rank: cls(-rank, "other"))
    print(made(300, Level), made(300, Strict))
    del Level.LOW
    try:
        print(chosen(300, Level))
    except AttributeError as error:
        print(error)


main()
