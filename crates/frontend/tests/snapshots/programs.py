"""Functions whose translation is tested; make.py turns them into requests."""


def int_loop(n):
    s = 0
    for i in range(n):
        s += i * i
    return s


def while_loop(n):
    x = 0.5
    while n > 0:
        x = x * 1.5 - x
        n -= 1
    return x


def eval_a(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def part(i_u):
    i, u = i_u
    partial_sum = 0
    for j, u_j in enumerate(u):
        partial_sum += eval_a(i, j) * u_j
    return partial_sum


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def item_sum(xs):
    total = 0.0
    for i in range(len(xs)):
        total += xs[i]
        xs[i] = total * 0.5
    return total


def attributes(point, other):
    point.x = other.x + 1
    return point.scale(2, by=other)


def unpack(pairs):
    for (a, b), c in pairs:
        c[0] -= a * b
    return c


class Point:
    def __init__(self, x):
        self.x = x

    def scale(self, n, by=None):
        return self.x * n


def text(n):
    s = ""
    while n:
        s += str(n)
        n -= 1
    return s


def caught(table, keys):
    n = 0
    for key in keys:
        try:
            n += table[key]
        except KeyError:
            n += 1
        except TypeError:
            raise ValueError(key) from None
    return n


def resumed(items):
    total = 0
    for item in items:
        total += item * 2
        yield total
    yield from range(total)


for _ in range(20):
    int_loop(50)
    while_loop(20)
    part((1, [1.0, 2.0, 3.0]))
    fib(8)
    item_sum([1.0] * 5)
    attributes(Point(1), Point(2))
    unpack([((1.0, 2.0), [3.0]), ((4.0, 5.0), [6.0])])
    text(5)
    caught({1: 1}, [1, 2])
    list(resumed([1, 2]))

REQUESTS = {
    "int_loop": (int_loop, ()),
    "while_loop": (while_loop, ()),
    "part": (part, (eval_a,)),
    "fib": (fib, ()),
    "item_sum": (item_sum, ()),
    "attributes": (attributes, ()),
    "unpack": (unpack, ()),
    "text": (text, ()),
    "caught": (caught, ()),
    "resumed": (resumed, ()),
}
