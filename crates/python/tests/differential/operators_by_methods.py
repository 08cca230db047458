"""Operators that are methods of Python classes, inlined or called directly, on numbers that mix: the program runs long
enough to get hot, so that what the first versions note is what the later ones are made for."""

import traceback

ROUNDS = 4000


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        if isinstance(other, Vector):
            return Vector(self.x + other.x, self.y + other.y)
        return NotImplemented

    def __sub__(self, other):
        return self + other * -1

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self * (1.0 / other)

    def __repr__(self):
        return f"<{self.x!r}, {self.y!r}>"


class Shifted(Vector):
    def __radd__(self, other):
        return "shifted"


class Other:
    def __radd__(self, other):
        return ("other", other.x)

    def __rsub__(self, other):
        return NotImplemented


class InPlace(Vector):
    def __iadd__(self, other):
        self.x += other.x
        self.y += other.y
        return self


def sums(vectors, rounds):
    total = Vector(0, 0)
    for _ in range(rounds):
        for v in vectors:
            total = total + v * 0.5 - v / 4.0
            total = 0.999 * total
    return total


def sum_of_two(a, b):
    return a + b


def difference(a, b):
    return a - b


def grown(a, b, rounds):
    for _ in range(rounds):
        a += b
    return a


def hot():
    vectors = [Vector(1, 2.5), Vector(0.25, -3), Vector(7, 8), Vector(-1.5, 2)]
    for _ in range(20):
        result = sums(vectors, ROUNDS)
    print(result)
    for _ in range(ROUNDS * 50):
        sum_of_two(vectors[0], vectors[1])
        difference(vectors[2], vectors[3])
    print(sum_of_two(vectors[0], vectors[2]), difference(vectors[2], vectors[3]))
    print(grown(Vector(0, 0), Vector(1, 0.5), ROUNDS * 100))
    shared = InPlace(0, 0)
    same = grown(shared, Vector(1, 2), ROUNDS * 100)
    print(same, same is shared)


def refused():
    """What is not for a method goes to the other operand's, and then is an error, with all frames."""
    v = Vector(1, 2)
    print(sum_of_two(v, Other()), sum_of_two(v, Shifted(3, 4)), sum_of_two(1, 2), sum_of_two("a", "b"))
    for wrong in (5, 2.5, None, "text", [1], Other):
        try:
            print(sum_of_two(v, wrong))
        except TypeError as error:
            print(type(wrong).__name__, error)
            print([(it.name, it.line) for it in traceback.extract_tb(error.__traceback__)])
    for function, wrong in ((difference, Other()), (difference, "text"), (sum_of_two, Other())):
        try:
            print(function(v, wrong))
        except TypeError as error:
            print(error)
    try:
        grown(v, 3, 1)
    except TypeError as error:
        print(error)


def changed():
    v, w = Vector(1, 2), Vector(3, 4)
    add = Vector.__add__
    Vector.__add__ = lambda self, other: "another"
    print(sum_of_two(v, w), difference(v, w))
    Vector.__add__ = add
    print(sum_of_two(v, w), difference(v, w))
    Vector.__iadd__ = lambda self, other: "in place"
    print(grown(v, w, 1))
    del Vector.__iadd__
    del Vector.__add__
    try:
        sum_of_two(v, w)
    except TypeError as error:
        print(error)
    Vector.__add__ = add


class OfInt(int):
    def __add__(self, other):
        return NotImplemented


class OfFloat(float):
    def __add__(self, other):
        return NotImplemented


class Either:
    def __add__(self, other):
        return NotImplemented

    __or__ = __add__


class Meta(type):
    def __radd__(cls, other):
        return "of the metaclass"


class Plain(metaclass=Meta):
    pass


def either(a, b):
    return a | b


def of_numbers():
    """Subclasses of numbers, beside which the number's own operator comes; and methods of metaclasses, which do not."""
    for value, others in ((OfInt(1), (3, 0.5)), (OfFloat(2.0), (3.0, 0.5))):
        for _ in range(ROUNDS * 10):
            result = [sum_of_two(value, other) for other in others]
        print(result)
    for function in (sum_of_two, either):
        for _ in range(ROUNDS // 4):
            try:
                function(Either(), Plain())
            except TypeError as caught:
                error = caught
        print(error)


class Mixed:
    def __init__(self, value):
        self.value = value

    def scaled(self, factor):
        return self.value * factor + self.value // 2 - self.value % 3

    def is_less(self, other):
        return self.value < other.value


def mixing(things, rounds):
    total = 0
    less = 0
    for _ in range(rounds):
        for i in range(len(things) - 1):
            total += things[i].scaled(1 + i % 2 * 0.5)
            less += things[i].is_less(things[i + 1])
    return total, less


def numbers():
    things = [Mixed(it) for it in (1, 2.5, 3, -4.5, 7, 0.0, -0.0, 10**6, 12)]
    for _ in range(30):
        result = mixing(things, ROUNDS // 4)
    print(result)
    print(mixing([Mixed(10**30), Mixed(2), Mixed(True), Mixed(1.5)], 3))
    for wrong in ("text", None):
        try:
            print(mixing([Mixed(1), Mixed(wrong), Mixed(2)], 1))
        except TypeError as error:
            print(error)


def reversed_parts(items, rounds):
    """Slices with a step, and slices stored to, of lists."""
    flips = 0
    for _ in range(rounds):
        for k in range(len(items)):
            items[: k + 1] = items[k::-1]
            flips += items[0]
        items[1:3] = items[::2]
        items[2:] = items[2:8]
    return flips


def stored_and_kept(items, y):
    items[0:2] = kept = [y, 8]
    return kept


def stored_in_turn(items, parts):
    for items[0:2] in parts:
        pass
    return items


def slices():
    items = [1, 2, 3]
    parts = ([5, 6], [7, 8])
    for i in range(ROUNDS * 10):
        kept = stored_and_kept(items, i)
        stored_in_turn(items, parts)
    print(kept, items, parts)
    items = list(range(10))
    for _ in range(10):
        flips = reversed_parts(items, ROUNDS)
    print(flips, items)
    print(reversed_parts([3, 1], 1), reversed_parts([5], 2), reversed_parts([0.5] * 4, 2))

    class Loud:
        def __init__(self, n):
            self.n = n

        def __radd__(self, other):
            return other + self.n

        def __del__(self):
            print("dies", self.n)

    loud = [Loud(n) for n in range(4)]
    print(reversed_parts(loud, 1), [it.n for it in loud])
    loud[0:2] = [Loud(8), Loud(9)]
    print([it.n for it in loud])
    del loud
    for step in (0, None, 2, -2):
        try:
            print([0, 1, 2, 3, 4][3:0:step], [0, 1, 2, 3, 4][::step])
        except ValueError as error:
            print(error)


hot()
refused()
changed()
of_numbers()
numbers()
slices()
