"""Operands of which nothing is known are guessed: each operator with every kind of number, text, containers and
objects that have their own idea of it; first one kind for long, then another."""

ROUNDS = 400


class Own:
    def __init__(self, n):
        self.n = n

    def __repr__(self):
        return "Own"

    def __add__(self, other):
        return ("add", self.n)

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = __floordiv__ = __add__
    __truediv__ = __rtruediv__ = __rfloordiv__ = __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = __add__
    __rand__ = __ror__ = __rxor__ = __rlshift__ = __rrshift__ = __pow__ = __rpow__ = __add__


class Int(int):
    def __mod__(self, other):
        return "mod"

    def __mul__(self, other):
        return "mul"


class Float(float):
    def __mul__(self, other):
        return "float mul"


class Box:
    def __init__(self, value):
        self.value = value


def remainder(b): return b.value % 7
def remainder_of(b): return 7 % b.value
def floor(b): return b.value // 3
def divide(b): return b.value / 3
def divide_by(b): return 3 / b.value
def mask(b): return b.value & 12
def either(b): return b.value | 3
def differ(b): return b.value ^ 5
def left(b): return b.value << 2
def right(b): return b.value >> 1
def by(b): return 1 << b.value
def square(b): return b.value ** 2
def power(b): return 2 ** b.value
def root(b): return b.value ** 0.5
def double(b): return 2 * b.value
def half(b): return b.value * 0.5
def more(b): return b.value + 1.5
def less(b): return 1.5 - b.value
def one_more(b): return 1 + b.value
def one_less(b): return b.value - 1
def even(b): return b.value % 2 == 0
def both(a): return a.value % a.value
def both_divide(a): return a.value / a.value
def both_floor(a): return a.value // a.value
def both_and(a): return a.value & a.value
def both_shift(a): return a.value >> a.value
def both_power(a): return a.value ** a.value
def format_one(b): return "%s" % b.value
def inplace(b):
    x = b.value
    x %= 5
    x *= 3
    x += 0.5
    return x


FUNCTIONS = [remainder, remainder_of, floor, divide, divide_by, mask, either, differ, left, right, by, square, power,
             root, double, half, more, less, one_more, one_less, even, both, both_divide, both_floor, both_and,
             both_shift, both_power, format_one, inplace]
VALUES = [5, 2.5, True, -3, 0, 0.0, -0.0, 1 << 40, 1 << 70, -(1 << 70), float("inf"), float("nan"), 1j, "text%s", b"x%d",
          [1], (1,), {1, 2}, {1: 2}, None, Own(1), Int(9), Float(1.5)]


def tell(f, box):
    try:
        return repr(f(box))
    except Exception as error:
        return type(error).__name__ + ": " + str(error)


def loop(f, box, rounds):
    last = None
    for _ in range(rounds):
        last = tell(f, box)
    return last


def skip(f, value):
    return f in (by, power, both_power) and type(value) is int and value > 100


for f in FUNCTIONS:
    line = []
    for value in VALUES:
        if skip(f, value):
            continue
        line.append(loop(f, Box(value), 30))
    for value in (5, 2.5, 5, "s%s", 2.5):
        line.append(loop(f, Box(value), ROUNDS))
    print(f.__name__, line)


def mixed_loop(values, rounds):
    t = 0.0
    n = 0
    for i in range(rounds):
        v = values[i % len(values)]
        t = t + v * 2
        t = t - v / 3
        n += v // 2 % 5
        if v % 2 == 0:
            n += 1
    return t, n


print(mixed_loop([1, 2, 3], 3000), mixed_loop([1.5, 2.5], 3000), mixed_loop([1, 2.5, True], 3000))


def negative(values, rounds):
    t = 0
    n = len(values)
    for i in range(rounds):
        t += values[-1] + values[i % n - 1] + values[-(i % n)] + values[(i % n) - n]
    return t


def try_negative(values, i):
    try:
        return values[i]
    except IndexError as error:
        return str(error)


def try_set(values, i, v):
    try:
        values[i] = v
    except (IndexError, TypeError) as error:
        return str(error)
    return values[i]


print(negative([1, 2, 3], 3000), negative((4, 5, 6), 3000))
for values in ([1, 2, 3], (1, 2, 3), "abc", "a\u20acc", b"abc"):
    for _ in range(100):
        seen = [try_negative(values, i) for i in (-1, -3, -4, 3, 2, -(1 << 65), 1 << 65)]
        set_ = [try_set(values, i, 9) for i in (-1, -3, -4, 3)]
    print(seen, set_)


def texts(text, rounds):
    hits = [0] * 8
    n = len(text)
    for i in range(rounds):
        c = text[i % n]
        hits[0] += c == "a"
        hits[1] += c != "\u20ac"
        hits[2] += c in "abc"
        hits[3] += c not in "a\u20ac"
        hits[4] += text[i % n:i % n + 2] == "ab"
        hits[5] += c < "b"
        hits[6] += text[-1:] >= "c"
        hits[7] += len(text[:i % n]) + len(text[-2:]) + len(text[2:-1]) + len(text[5:2])
    return hits


for text in ("abcab", "\xe4bc", "a\u20acb", "\U0001f600ab", "x"):
    print(texts(text, 2000))


class Text(str):
    def __eq__(self, other):
        return "eq"

    def __contains__(self, other):
        return other == "yes"

    __hash__ = str.__hash__


def compares(a, b): return a == b, a != b, a < b if type(a) is type(b) else None
def contains(a, b): return b in a


def tell_two(f, a, b):
    try:
        return f(a, b)
    except TypeError as error:
        return str(error)


for a, b in (("a", "b"), ("a", "a"), ("a", 1), (Text("a"), "a"), ("a", Text("a")), ("", ""), ("abc", "abd"),
             ("abc", "a"), ("\u20ac", "a"), ("a\u20ac", "a\u20ac"), (b"a", b"a"), ("abc", None)):
    for _ in range(200):
        out = tell_two(compares, a, b), tell_two(contains, a, b)
    print(out)


def slices(values, rounds):
    t = 0
    for i in range(rounds):
        n = i % 6 - 3
        t += len(values[n:]) + len(values[:n]) + len(values[n:n + 2]) + len(values[:]) * 2 + len(values[1:-1])
    return t


class Bound:
    def __init__(self, n):
        self.n = n

    def __index__(self):
        return self.n


def slice_by(values, start, stop):
    return values[start:stop]


print(slices([1, 2, 3, 4], 2000), slices((1, 2, 3), 2000), slices("abcd", 2000), slices(b"abcd", 2000))
for bounds in ((1, 3), (None, 2), (-2, None), (1 << 70, None), (-(1 << 70), 1 << 70), (Bound(1), 2), (3, 1), (True, 2)):
    for values in ([1, 2, 3, 4], (1, 2, 3, 4), "abcd", "a\u20accd", range(4)):
        for _ in range(60):
            out = slice_by(values, *bounds)
        print(out)
shared = [[1], [2], [3]]
for _ in range(2000):
    part = shared[0:2]
    part[0].append(1) if _ % 500 == 0 else None
print(shared, part is not shared, part[0] is shared[0])


class Items:
    def __init__(self):
        self.log = []

    def __getitem__(self, key):
        if key == "raise":
            raise KeyError(key)
        return key, self.log[:1]

    def __setitem__(self, key, value):
        self.log.append((key, value))


def use_items(items, rounds):
    out = None
    for i in range(rounds):
        out = items[i]
        items[i] = out
        try:
            items["raise"]
        except KeyError as error:
            out = out, error.__traceback__.tb_next.tb_lineno - Items.__getitem__.__code__.co_firstlineno
    return out


print(use_items(Items(), 1000))
old = Items.__getitem__
Items.__getitem__ = lambda self, key: "new" if key != "raise" else old(self, key)
print(use_items(Items(), 1000))
Items.__getitem__ = lambda self, key, more=1: more if key != "raise" else old(self, key)
print(use_items(Items(), 1000))
