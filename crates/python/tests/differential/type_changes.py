"""The types that a function meets change after it is hot, back and forth."""


def add(a, b):
    return a + b


def total(items, start):
    result = start
    for item in items:
        result = add(result, item)
    return result


class Money:
    def __init__(self, cents):
        self.cents = cents

    def __add__(self, other):
        return Money(self.cents + getattr(other, "cents", other))

    __radd__ = __add__

    def __repr__(self):
        return f"Money({self.cents})"


inputs = [
    (range(50), 0), ([0.5] * 9, 0), (["a", "b"], ""), ([[1], [2]], []), ([Money(5), 3], Money(0)),
    ([1, 2.5, 2**70], 0), ([True, True], 0), ([(1,), (2, 3)], ()), ([1j, 2], 0), (range(10), 2**63 - 5),
]
for _ in range(4):
    for items, start in inputs:
        print(total(items, start))


def loop(values):
    out = []
    x = 0
    for value in values:
        x = x + value
        out.append(x)
        if not isinstance(x, int):
            x = 0
    return out


print(loop([1, 2, 0.5, 3, 4, Money(7), 5, 2**64, 1]))


def ends(items):
    first = items[0]
    last = items[len(items) - 1]
    return first, last


for items in ([1, 2], (3, 4), "56", b"78", range(9, 11), [None, ...]):
    print(ends(items))
total([1, "a"], 0)
