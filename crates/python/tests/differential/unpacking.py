"""Unpacking of sequences and iterators, with stars, nested, and with wrong lengths."""


def pair(value):
    a, b = value
    return b, a


def starred(value):
    first, *middle, last = value
    return first, middle, last


def nested(value):
    (a, b), [c, *d] = value
    return a, b, c, d


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def numbers(n):
    yield from range(n)


print(pair((1, 2)), pair([3, 4]), pair("xy"), pair({5: 0, 6: 0}), pair(numbers(2)))
print(starred([1, 2]), starred("abcd"), starred(numbers(5)))
print(nested(((1, 2), (3, 4, 5))))
print([fibonacci(n) for n in (0, 1, 10, 90, 100)])
for function, bad in ((pair, (1,)), (pair, [1, 2, 3]), (pair, numbers(9)), (pair, 5),
                      (starred, [1]), (nested, ((1,), (2,)))):
    try:
        function(bad)
    except (TypeError, ValueError) as error:
        print(type(error).__name__, error)


def rotate(n):
    a, b, c = 1, 2, 3
    for _ in range(n):
        a, b, c = b, c, a
    return a, b, c


print(rotate(100))


def constants(n, step):
    total = []
    for i in range(n):
        x, y, (z, name), last = 0, 0.0, (1, "a"), None
        same = x is z - 1, name is "ab"[:1], last is None
        while x < 3:
            x += step
            y -= x
        x, name = 5000, 5000
        total.append((x is name, y, z, same))
    return total[0], total[-1], len(set(total))


print(constants(300, 1), constants(300, 0.75), constants(300, True))
pair([1, 2, 3])
