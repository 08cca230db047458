"""Long chains of small functions: types change at the bottom, exceptions cross all levels."""


def one(x):
    return x + 1


def two(x):
    return one(x) * 2


def three(x):
    return two(x) - one(x)


def four(x, y):
    return three(x) + three(y)


def five(x, *, y):
    return four(y, x) + four(x, x)


def loop(values):
    total = 0
    for value in values:
        total += five(value, y=total % 7 if isinstance(total, int) else 1)
    return total


def through(levels, function, argument):
    if levels == 0:
        return function(argument)
    return through(levels - 1, function, argument)


print(loop(range(200)), loop([0.5] * 20), loop([2**62, 3, -2**63]))
print(loop([1, 2, 2.5, True, 2**70, 3]))
print(through(50, one, 1), through(50, three, 0.25), through(200, len, "abc"))
caught = []
for argument in (1, "x", None, 2.0):
    for levels in (0, 1, 30):
        try:
            caught.append(through(levels, one, argument))
        except TypeError as error:
            tb, count = error.__traceback__, 0
            while tb is not None:
                tb, count = tb.tb_next, count + 1
            caught.append((str(error), count))
print(caught)


def swap(function, depth):
    global one
    if depth == 3:
        one = lambda x: x + 100
    return function(depth)


print([swap(three, depth) for depth in range(6)])
through(3, five, 1)
