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


class Row:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        died.append((self.name, [row.name for row in rows if row is not None][:4]))


def shuffle(rows, rounds):
    """Items that others refer to, or that die in their place."""
    for i in range(rounds):
        a, b = i % 7, i * 5 % 7
        rows[a], rows[b] = rows[b], rows[a]
        if i % 100 == 50:
            kept = rows[a]
            rows[a] = Row(i)
            if i % 200 == 50:
                kept = None
    return [row.name for row in rows]


died = []
rows = [Row(chr(97 + i)) for i in range(7)]
for _ in range(5):
    print(shuffle(rows, 4000), len(died), died[-3:])


class Table:
    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, at):
        return self.rows[at]

    def __setitem__(self, at, row):
        self.rows[at] = row


def swap(table, rounds):
    for i in range(rounds):
        table[i % 5], table[i % 3] = table[i % 3], table[i % 5]
        if i % 300 == 7:
            table[i % 5] = Row(i)


table = Table(rows)
for _ in range(5):
    swap(table, 4000)
    print([row.name for row in rows], len(died), died[-3:])
rows = []
table.rows.clear()
print(len(died), died[-2:])
