"""Small classes made and used in loops: `__init__` in place, properties, methods that make objects, what goes wrong in them."""

import sys


class Vector:
    def __init__(self, x, y=0):
        self.x = x
        self.y = y

    def __repr__(self):
        return f"V({self.x}, {self.y})"

    def plus(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    @property
    def size(self):
        return self.x * self.x + self.y * self.y

    @property
    def swapped(self):
        return Vector(self.y, y=self.x)


class Loud:
    def __init__(self, tag):
        self.tag = tag

    def __del__(self):
        LOG.append(self.tag)


class Checked:
    def __init__(self, value):
        if value > 90:
            raise ValueError(value)
        self.value = value


class Wrong:
    def __init__(self, value):
        self.value = value
        if value > 95:
            return value


class Holder:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left = left
        self.right = right


class Framed:
    def __init__(self, n):
        self.depth = sys._getframe().f_code.co_name if n % 50 == 0 else None


LOG = []


def add_up(n):
    total = Vector(0)
    for i in range(n):
        total = total.plus(Vector(i, i % 7))
        total = total.plus(Vector(0.5, 1)) if i % 10 == 9 else total
    return total, total.size, total.swapped


def loud(n):
    for i in range(n):
        Loud(i)
        kept = Loud(-i)
        LOG.append("made")
    return kept.tag


def checked(n, kind):
    out = []
    for i in range(n):
        try:
            out.append(kind(i).value)
        except (ValueError, TypeError) as error:
            lines = []
            at = error.__traceback__
            while at is not None:
                lines.append((at.tb_frame.f_code.co_name, at.tb_lineno))
                at = at.tb_next
            out.append((str(error), lines))
    return out[-8:]


def holders(n):
    head = None
    for i in range(n):
        head = Holder(head, Loud(("held", i)))
        if i % 5 == 4:
            head = None
            LOG.append("dropped")
    return head


def framed(n):
    return [Framed(i).depth for i in range(n)].count("__init__")


def sizes(vectors):
    total = 0
    for it in vectors:
        total += it.size
    return total


class Odd(Vector):
    @property
    def size(self):
        return "odd" if self.x < 0 else -1


def main():
    for _ in range(20):
        result = add_up(100)
    print(result)
    for _ in range(10):
        loud(40)
    print(len(LOG), LOG[:12], LOG[-12:])
    for _ in range(6):
        result = checked(100, Checked), checked(100, Wrong)
    print(result)
    LOG.clear()
    for _ in range(10):
        holders(40)
    print(len(LOG), LOG[:12], LOG[-12:])
    for _ in range(10):
        print(framed(100), end=" ")
    print()
    vectors = [Vector(i, 1) for i in range(50)]
    for _ in range(20):
        total = sizes(vectors)
    vectors.insert(25, Odd(3))
    for _ in range(20):
        total += sizes(vectors)
    vectors.append(Odd(-3))
    try:
        sizes(vectors)
    except TypeError as error:
        print(total, error)
    original = Vector.__init__

    def other(self, x, y=0):
        original(self, -x, y)
        self.extra = True

    Vector.__init__ = other
    print(add_up(30), vars(Vector(1)))
    Vector.__init__ = original
    print(add_up(30), vars(Vector(1)))
    Vector.size = 5
    print(Vector(1).size, sizes([Vector(1)] * 3))


if __name__ == "__main__":
    main()
