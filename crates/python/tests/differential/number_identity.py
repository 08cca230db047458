"""Numbers keep their identity on their way through locals, containers and calls: a NaN is found only by identity."""

import sys

nan = float("nan")
inf = float("inf")


def prepared(function, *args):
    """Called often enough to be worth compiling, and compiled now where there is a compiler."""
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    return function(*args)


def same(a, b):
    return a is b


def from_list(items):
    x = items[1]
    y = x * 2.0
    return x in items, items.index(x), y != y


def largest(items):
    best = items[0]
    for item in items:
        if item > best:
            best = item
    return best


def first_nan(items):
    found = 0.0
    for item in items:
        if item != item:
            found = item
    return found


def maybe_changed(x, change):
    if change:
        x = x + 1.0
    return x


def swapped(items, i, j):
    t = items[i]
    u = items[j]
    if t + u < 0.0:
        t = u
    items[i] = u
    items[j] = t
    return items


def pick(a, b):
    return a if a > b else b


def picked(a, b, box):
    z = pick(a, b)
    return z in box, box.count(z)


def unpacked(pairs):
    out = []
    for name, value in pairs:
        total = value + 1.0
        out.append(value)
        out.append(total)
    return out


def copies(a, b, flip):
    x = a * b
    if flip:
        z = x
    else:
        z = a
    box = [z]
    return x in box, z in box, box.count(x)


def fresh_each(n, a):
    box = []
    for i in range(n):
        x = a - a
        box.append(x)
    return [box.count(item) for item in box]


def equal_but_two(a):
    return [a - a, a - a, -a, -a]


def kept_key(table, keys):
    hits = 0
    for key in keys:
        weight = key * 1.0
        if key in table:
            hits += 1
    return hits, weight


def through_calls(a, n):
    ids = set()
    x = a
    for i in range(n):
        y = x + 1.0
        ids.add(id(x))
    return len(ids), y


def default_of(x, y=nan):
    z = y
    for i in range(3):
        if x > 0.0:
            z = y
        w = z + x
    return z


numbers = [1.5, nan, 2.5, inf]
print(prepared(from_list, numbers))
floats = [float(k) + 0.5 for k in range(10)]
big = prepared(largest, floats)
print(big is floats[-1], big in floats)
print(prepared(first_nan, numbers) is nan)
for x in (nan, 2.25, 1e300):
    print(prepared(maybe_changed, x, False) is x, prepared(maybe_changed, x, True) is x)
a, b = nan, float("nan")
box = prepared(swapped, [a, 1.25, b], 0, 2)
print([(box[i] is a, box[i] is b) for i in range(3)])
print(prepared(picked, nan, 1.0, [nan, nan]), prepared(picked, 1.0, nan, [nan, nan]))
print([item is nan for item in prepared(unpacked, [("a", nan), ("b", 1.5)])])
print(prepared(copies, nan, 2.0, True), prepared(copies, nan, 2.0, False))
print(prepared(fresh_each, 5, inf))
differences = prepared(equal_but_two, inf)
print([differences.count(item) for item in differences], differences[2] is differences[3])
print(prepared(kept_key, {nan: 1, 2.5: 2}, [nan, 2.5, float("nan")]))
print(prepared(through_calls, 1e10, 20))
print(prepared(default_of, 1.0) is nan)
x = 12345.5
print(same(x, x), prepared(same, x, x), prepared(same, x, x + 0.0))


def loop(n, start):
    x = start
    seen = []
    for i in range(n):
        if i % 3 == 0:
            x = x + 0.0
        seen.append(x)
    return [seen[k] is seen[k + 1] for k in range(n - 1)]


print(prepared(loop, 9, nan))


def nested(rows):
    out = []
    for row in rows:
        low = row[0]
        for item in row:
            if item < low:
                low = item
        out.append(low)
    return out


rows = [[3.5, 1.5, 2.5], [nan, 1.0, 0.5], [1.0, nan, 0.25]]
print([[low is item for item in row].index(True) for low, row in zip(prepared(nested, rows), rows)])
