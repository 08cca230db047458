"""One long call: the loop gets hot while it runs, with state that must survive the switch.

The first of them runs long enough to get hot.
"""


def long_call(n):
    a = 0
    b = 1.5
    text = "start"
    items = [1, 2, 3]
    late = None
    for i in range(n):
        for j in range(50):
            a += i ^ j
            b = b * 0.999 + j
        if i == n // 2:
            text = "half"
            items.append(a)
        if i == n - 2:
            late = (i, j)
    return a, b, text, items, late, i, j


def with_iterators(n):
    outer = iter(range(n))
    pairs = zip(range(n), reversed(range(n)))
    total = 0
    for x in outer:
        for p, q in pairs:
            total += p * q
            if total % 5 == 0:
                break
        if x % 100 == 0:
            total += next(outer, 0)
    return total


print(long_call(160_000))
print(with_iterators(3000))


def handler_inside(n):
    caught = 0
    for i in range(n):
        try:
            if i % 1000 == 999:
                raise ValueError(i)
            caught += 0
        except ValueError as error:
            caught += error.args[0]
    return caught


print(handler_inside(20000))


def overflows_late(n):
    x = 1
    for i in range(n):
        x = x + x // 3 + 1
        if i > n - 3:
            x = x * 2**40
        elif x > 10**15:
            x = 1
    return x


print(overflows_late(100000))
