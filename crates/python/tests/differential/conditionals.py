"""Truth of everything, and/or/not as values, conditional expressions, match and walrus."""


class Truthy:
    def __init__(self, answer):
        self.answer = answer

    def __bool__(self):
        print("asked", self.answer)
        return self.answer


def logic(a, b):
    return a and b, a or b, not a, b if a else a


def count_true(values):
    hits = 0
    for value in values:
        if value:
            hits += 1
        if not value:
            hits += 100
    return hits


VALUES = [0, 1, -1, 0.0, -0.0, 0.5, "", "x", [], [0], (), (0,), {}, {1: 1}, None, True, False,
          range(0), range(2), 2**70, ..., object]
print(count_true(VALUES))
for a, b in ((0, 1), (1, 0), ("", []), ([1], {}), (None, 0.0), (float("nan"), 2)):
    print(logic(a, b))
print(logic(Truthy(False), 1)[2:1], logic(Truthy(True), 2)[1:2] == ())


def kind(value):
    match value:
        case 0:
            return "zero"
        case int(x) if x > 100:
            return "big"
        case int() | float():
            return "number"
        case [a, b]:
            return "pair", a, b
        case {"key": found}:
            return "mapping", found
        case _:
            return "other"


print([kind(value) for value in (0, 5, 500, 1.5, [1, 2], {"key": 9}, "text", False)])


def walrus(n):
    out = []
    while (n := n - 3) > 0:
        out.append(n)
    return out, [y for x in range(4) if (y := x * x) > 1]


print(walrus(10))
for bad in (Truthy(3),):
    count_true([bad])


class Node:
    """Says nothing of its truth, until it does."""

    def __init__(self, name):
        self.name = name


class Seen(Node):
    def __del__(self):
        seen.append(self.name)


class Sized(list):
    def __len__(self):
        return 3


def count(values, rounds):
    yes = no = 0
    for i in range(rounds):
        value = values[i % len(values)]
        if value:
            yes += 1
        if not value or (value and i % 3):
            no += 1
        while value:
            value = None
    return yes, no


def dying(rounds):
    for i in range(rounds):
        if Seen(i):
            if i % 500 == 0:
                seen.append("inside")
        if Seen(-i) and i % 500 == 0:
            seen.append("behind")
    return len(seen), seen[:4], seen[-4:]


seen = []
things = [Node("a"), None, {}, {1}, set(), "", "x", b"", (), [0], 0, 0.0, -0.0, 10**40, True, Node, len, Sized(), 1j]
for _ in range(3):
    print(count(things, 5000), count([Node("b"), None], 3000), count([Sized(), Sized([1])], 3000))
print(dying(2000))
Node.__bool__ = lambda self: seen.append("asked") or False
print(count([Node("c"), None], 3000), len(seen))
Node.__bool__ = lambda self: 1
try:
    count([None, Node("d")], 3000)
except TypeError as error:
    print(error)
del Node.__bool__
print(count([Node("e"), None], 3000))
