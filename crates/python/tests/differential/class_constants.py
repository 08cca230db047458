"""Values of classes that machine code cannot name: read through objects and through the class, while they change."""


class Weighed:
    __slots__ = ("name", "__weakref__")

    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("gone:", self.name)


class Plain:
    table = [3, 1, 2]
    name = "plain"
    limit = 10
    ratio = 0.5
    both = (1, "two")
    known = {"a": 1}

    def total(self, n):
        sum = 0
        for i in range(n):
            sum += self.table[i % 3] * self.limit + len(self.name) + self.both[0] + self.known["a"]
        return sum, self.ratio * n


class Slotted:
    __slots__ = ("own",)
    table = [7, 8]
    name = "slotted"

    def __init__(self):
        self.own = 1

    def total(self, n):
        sum = 0
        for i in range(n):
            sum += self.table[i & 1] + len(self.name) + self.own
        return sum


class Derived(Plain):
    limit = 20


class Settable:
    step = 1
    held = None

    def count(self, n):
        at = 0
        for i in range(n):
            at += self.step
            if i == n // 2:
                self.change(i)
        return at

    def change(self, i):
        pass


class OfItself(Settable):
    def change(self, i):
        self.step = 100


class OfItsClass(Settable):
    def change(self, i):
        type(self).step = 1000


class Deleted(Settable):
    def change(self, i):
        del Settable.step


class Describes:
    def __init__(self, value):
        self.value = value


class WithDescriptor:
    value = Describes(5)

    def read(self):
        return type(self.value).__name__


def of_class(n):
    sum = 0
    for i in range(n):
        sum += Plain.table[i % 3] + Plain.limit + len(Plain.name)
        if i == n - 10:
            Plain.limit = 11
    return sum


def with_dicts(n):
    objects = []
    for i in range(4):
        it = Derived()
        it.__dict__["other%d" % i] = i
        objects.append(it)
    sum = 0
    for i in range(n):
        it = objects[i & 3]
        sum += it.limit + it.table[0]
        if i == n // 2:
            objects[2].__dict__["limit"] = 1000
    return sum


def held_by_the_class(n):
    Settable.held = Weighed("first")
    it = Settable()
    seen = 0
    for i in range(n):
        held = it.held
        seen += len(held.name)
        if i == n - 5:
            Settable.held = Weighed("second")
            print("replaced at", i, held.name)
    Settable.held = None
    print("dropped")
    return seen


def main(n):
    for _ in range(3):
        print(Plain().total(n), Derived().total(n), Slotted().total(n))
        print(with_dicts(n))
    print(of_class(n), Plain.limit)
    for it in (Settable(), OfItself(), OfItself(), OfItsClass(), OfItsClass()):
        print(type(it).__name__, it.count(n), Settable.step, OfItsClass.step)
    for _ in range(3):
        print(held_by_the_class(n))
    reads = WithDescriptor()
    print([reads.read() for _ in range(n)].count("Describes"))
    Describes.__get__ = lambda self, obj, owner: self.value
    try:
        print(reads.read())
    except AttributeError as error:
        print("no", error)
    del Describes.__get__
    try:
        Deleted().count(n)
    except AttributeError as error:
        print(error)
    Plain.table = (1, 2, 3)
    print(Plain().total(n))
    Plain.table = property(lambda self: [4, 4, 4])
    print(Plain().total(n))
    del Plain.name
    try:
        Plain().total(n)
    except AttributeError as error:
        print(error)


main(3000)
