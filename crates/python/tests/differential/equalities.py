"""`==`, `!=` and `in` of objects that compare by identity, by value, by code of their own, and of those that change."""

import math


class Plain:
    pass


class Valued:
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return isinstance(other, Valued) and self.n == other.n


class Odd:
    def __eq__(self, other):
        return Truth("odd")

    def __ne__(self, other):
        return Truth("not odd")


class Truth:
    def __init__(self, name):
        self.name = name

    def __bool__(self):
        log.append(self.name)
        return len(log) % 3 != 0


class Loud:
    def __del__(self):
        log.append("died")


class Number(int):
    def __eq__(self, other):
        log.append("number")
        return int.__eq__(self, other)

    __hash__ = int.__hash__


log = []


def compare(a, b):
    count = 0
    if a == b:
        count += 1
    if a != b:
        count += 10
    if not a == b:
        count += 100
    return count


def results_of(a, b):
    same = a == b
    return same, a != b, a == b and 1, a != b or 2


def is_in(items, x):
    return (x in items) + 2 * (x not in items)


def has_default(x):
    if x == None:  # noqa: E711
        return 0
    return 1 if x != "a" else 2


def inlined(objects):
    count = 0
    for a in objects:
        for b in objects:
            count += compare(a, b)
    return count


def dying():
    if Loud() == Loud():
        log.append("equal")
    if Odd() != Loud():
        log.append("truth")


def main():
    nan = math.nan
    one, other = Plain(), Plain()
    operands = [one, other, None, True, 1, 0, "a", "b", "ab"[:1], b"a", nan, 1.0, (1,), [], Valued(1), Valued(1), Odd(),
                Number(1), 1 << 70, 10**25 // 10**24, Plain, int]
    for _ in range(30):
        results = [[compare(a, b) for a in operands] for b in operands]
    for row in results:
        print(row)
    print(len(log), log[-5:])
    log.clear()
    for _ in range(30):
        results = [results_of(a, b) for a in operands for b in operands]
    print([[it if isinstance(it, (bool, int)) else it.name for it in row] for row in results])
    print(len(log), log[-5:])
    log.clear()
    for _ in range(200):
        results = [is_in(items, x) for items in ([one, 1, "a", None], (nan, 1.0, 2), ["a", 3, Valued(1)], (), [Number(1)])
                   for x in operands]
    print(results, len(log))
    log.clear()
    print([has_default(x) for _ in range(100) for x in operands][-len(operands):], len(log))
    log.clear()
    for _ in range(300):
        dying()
    print(len(log), log[:9])
    log.clear()
    plain = [Plain() for _ in range(12)]
    print([inlined(plain) for _ in range(40)][-1])
    Plain.__eq__ = lambda self, other: True
    print(inlined(plain))
    del Plain.__eq__
    print(inlined(plain))
    plain[3].__class__ = Valued
    for it in plain:
        it.n = 4
    print(inlined(plain))
    try:
        del plain[3].n
        print(inlined(plain))
    except AttributeError as error:
        print(error)


main()
