"""Lists of floats and ints written in place while others hold their items."""


def scale(values, factor):
    for i in range(len(values)):
        values[i] = values[i] * factor
    return values


def shift(values):
    held = values[0]
    for i in range(len(values) - 1):
        values[i] = values[i + 1] + 0.5
    values[-1] = held
    return held


def swap_all(values):
    n = len(values)
    for i in range(n // 2):
        values[i], values[n - 1 - i] = values[n - 1 - i], values[i]
    return values


shared = 2.5
values = [shared, 1.25, shared, 4.0]
alias = values[0]
print(scale(values, 3.0), shared, alias)
print(shift(values), values, shared)
print(swap_all([1, 2.5, "x", None, 5]))
accumulated = []
for step in range(100):
    scale(values, 0.99)
    accumulated.append(values[1])
print(accumulated[0], accumulated[50], accumulated[-1], values)


def rows(n):
    grid = [[0.0] * n] * n
    for i in range(n):
        grid[i][i] += i + 0.5
    return grid


print(rows(3))
