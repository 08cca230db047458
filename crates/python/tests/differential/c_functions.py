"""Calls of C functions by each of their protocols: results, errors, who is released when, callees that are replaced."""

import io
import math
import operator
import struct
import sys
import traceback


def attempt(function, *args):
    try:
        return function(*args)
    except BaseException as error:
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        lines = [frame.line for frame in traceback.extract_tb(error.__traceback__)]
        return type(error).__name__, str(error), names[1:], lines[-1]


def no_arguments(text, extra):
    if extra:
        return text.upper(1)
    return text.upper()


def one_argument(joiner, parts):
    return joiner.join(parts)


def fast(text, prefix, how):
    if how == 1:
        return text.startswith()
    if how == 2:
        return text.startswith(prefix, 1, 2, 3)
    return text.startswith(prefix)


def fast_with_keywords(text, encoding, how):
    if how == 1:
        return text.encode(errors="ignore", encoding=encoding)
    if how == 2:
        return text.encode(nothing=1)
    return text.encode(encoding)


def variable(values, how):
    if how == 1:
        return print(*values, sep="-")
    return max(*values)


def of_module(value):
    return math.floor(value), math.sqrt(value), math.hypot(value, 1.0)


def packed(form, value):
    return struct.pack(form, value)


class Writer:
    def __init__(self):
        self.stream = io.BytesIO()
        self.write = self.stream.write

    def put(self, data):
        return self.write(data)


def builtins(value):
    return (
        len(value), hash(value) == hash(value), id(value) == id(value), repr(value), callable(value),
        isinstance(value, str), isinstance(value, (int, str)), isinstance(value, int), type(value),
        str(value), tuple(value), sorted(value), min(value), max(value), sum([1, 2]), abs(-2), divmod(7, 2),
    )


def characters(number, text):
    return chr(number), ord(text)


def extremes(a, b):
    return min(a, b), max(a, b), min(b, a), max(b, a)


class Text(str):
    def upper(self):
        return "mine"

    def join(self, parts):
        return "joined by me"


class Plain(str):
    pass


class Sized:
    def __init__(self, n):
        self.n = n

    def __len__(self):
        if self.n == "raise":
            raise KeyError("len")
        return self.n


def length(value):
    return len(value)


def is_one(value, classes):
    return isinstance(value, classes)


class Meta(type):
    def __instancecheck__(cls, value):
        if value == 13:
            raise LookupError("unlucky")
        return value == 7


class Checked(metaclass=Meta):
    pass


class Pretends:
    @property
    def __class__(self):
        return int


class Asked:
    def __getattribute__(self, name):
        if name == "__class__":
            return dict
        return object.__getattribute__(self, name)


class Below(Pretends):
    pass


def warm(function, *args, n=120):
    for _ in range(n):
        result = attempt(function, *args)
    return result


# Each protocol, its errors, and other classes where one was seen.
for call in (
    (no_arguments, "ab", False), (no_arguments, "ab", True), (no_arguments, Text("ab"), False),
    (no_arguments, Plain("ab"), False), (no_arguments, b"ab", False), (no_arguments, 3, False),
    (one_argument, ",", ["a", "b"]), (one_argument, ",", [1]), (one_argument, ",", 5), (one_argument, Text(), ["a"]),
    (one_argument, Plain("+"), ["a", "b"]), (one_argument, b",", [b"a"]),
    (fast, "abc", "a", 0), (fast, "abc", "a", 1), (fast, "abc", "a", 2), (fast, "abc", 1, 0), (fast, Plain("abc"), "b", 0),
    (fast_with_keywords, "abc", "utf-8", 0), (fast_with_keywords, "a\xe9", "ascii", 0),
    (fast_with_keywords, "a\xe9", "ascii", 1), (fast_with_keywords, "a", "ascii", 2), (fast_with_keywords, "a", 4, 0),
    (variable, (1, 2), 0), (variable, (1,), 0), (variable, ("x", 2), 0),
    (of_module, 2.25), (of_module, 9), (of_module, -1.0), (of_module, "x"), (of_module, float("nan")),
    (of_module, float("inf")), (of_module, True), (of_module, 10**400),
    (packed, "<I", 7), (packed, "<I", -1), (packed, "<", 7), (packed, b"<B", 200), (packed, None, 1),
    (Writer().put, b"ab"), (Writer().put, "ab"), (Writer().put, bytearray(b"cd")),
    (builtins, "hello"), (builtins, b"hello"), (builtins, (3, 1)), (builtins, [3, 1]), (builtins, ""),
    (builtins, range(3)), (builtins, Plain("ab")), (builtins, {"a": 1, "b": 2}),
    (characters, 97, "a"), (characters, 0x20AC, "\u20ac"), (characters, -1, "a"), (characters, 0x110000, "a"),
    (characters, 97, "ab"), (characters, 97, b"a"), (characters, 97, bytearray(b"z")), (characters, 10**30, "a"),
    (characters, "a", "a"), (characters, 97, 97), (characters, True, Plain("q")), (characters, 0x10FFFF, "\U0010ffff"),
    (extremes, 1, 2), (extremes, 2**70, 2), (extremes, 1.0, 1), (extremes, "a", "b"), (extremes, "a", 1), (extremes, True, 0),
    (length, "abc"), (length, {1}), (length, frozenset((1, 2))), (length, b"ab"), (length, bytearray(3)), (length, {}),
    (length, Sized(4)), (length, Sized(-1)), (length, Sized("raise")), (length, Sized(2**70)), (length, Sized("x")),
    (length, 5), (length, range(9)), (length, memoryview(b"abc")),
    (is_one, 1, int), (is_one, True, int), (is_one, 1.0, int), (is_one, "a", (int, (float, str))),
    (is_one, "a", int | str), (is_one, 7, Checked), (is_one, 8, Checked), (is_one, 13, Checked), (is_one, 1, (str, Checked)),
    (is_one, Pretends(), int), (is_one, Pretends(), str), (is_one, Below(), int), (is_one, Asked(), dict),
    (is_one, Asked(), str), (is_one, Asked(), Asked), (is_one, int, type), (is_one, Meta, type), (is_one, Checked, Meta),
    (is_one, 1, 1), (is_one, 1, ()), (is_one, 1, (str, 1)), (is_one, None, type(None)), (is_one, int, object),
):
    print(call[0].__name__, warm(*call))
    print(call[0].__name__, attempt(*call))


# A class that gets, loses and gets another `__class__` while the loop runs.
class Honest:
    pass


class Changing(Honest):
    pass


def watch(values, changes):
    found = []
    for i in range(len(values)):
        if i in changes:
            changes[i]()
        found.append(isinstance(values[i], int))
    return found


def pretend():
    Changing.__bases__ = (Pretends,)


def stop():
    Changing.__bases__ = (Honest,)


found = watch([Changing()] * 400, {200: pretend, 300: stop})
print(found.count(True), found.index(True))


# Who dies when.
class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("dies", self.name)

    def __len__(self):
        return 3

    def __iter__(self):
        return iter(["x", "y"])


def temporaries(quiet):
    if not quiet:
        print("len", len(Loud("a")))
        print("join", ",".join(Loud("b")))
        print("isinstance", isinstance(Loud("c"), int))
        print("type", type(Loud("d")).__name__)
        print("getattr", getattr(Loud("e"), "missing", 1), getattr(Loud("f"), "name"))
        print("id", id(Loud("g")) == 0)
        print("tuple", tuple(Loud("h")))
        print("str", str(Loud("i"))[:3])


for i in range(120):
    temporaries(i % 20 != 0)


# Callees that are replaced while the loop runs, by the loop itself.
def replaced(module, name, values, by, at):
    results = []
    for i in range(len(values)):
        if i == at:
            setattr(module, name, by)
        results.append(operator.neg(values[i]))
        results.append(math.sqrt(values[i]))
    return results


old = operator.neg, math.sqrt
values = [float(i) for i in range(300)]
results = replaced(operator, "neg", values, lambda value: "negated", 250)
print(results[498:504], sum(isinstance(it, str) for it in results))
operator.neg = old[0]
results = replaced(math, "sqrt", values, lambda value: "rooted", 250)
print(results[498:504], sum(isinstance(it, str) for it in results))
math.sqrt = old[1]


def replaced_by_argument(n):
    class Argument:
        def __float__(self):
            math.sqrt = len
            return 4.0

    results = []
    for i in range(n):
        results.append(attempt(math.sqrt, 2.0) if i != n // 2 else math.sqrt(Argument()))
        math.sqrt = old[1]
    return len(results), results[n // 2]


print(replaced_by_argument(300))


# Calls that call back, at the limit of recursion.
class Deep:
    def __init__(self):
        self.depth = 0

    def __repr__(self):
        self.depth += 1
        return repr(self)

    def __len__(self):
        self.depth += 1
        return len(self)

    def __hash__(self):
        self.depth += 1
        return hash(self)


def limits():
    for function in repr, len, hash:
        deep = Deep()
        try:
            function(deep)
        except RecursionError:
            print(function.__name__, deep.depth > 50)


for i in range(3):
    limits()


def sort_by(values, key):
    return sorted(values, key=key), max(values, key=key), values.index(2)


def unlucky(value):
    if value == 13:
        raise ValueError("13")
    return -value


print(warm(sort_by, [1, 2, 3], unlucky), warm(sort_by, [1, 13], unlucky))


def locals_seen(n):
    total = 0
    for i in range(n):
        total += len(list(map(lambda _: sys._getframe(1).f_locals["i"], (1, 2))))
    return total


print(locals_seen(300))
