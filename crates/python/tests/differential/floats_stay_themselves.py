"""Floats that variables share, keep from an iteration to the next, or get back are the objects they were."""

import sys

nan = float("nan")
other = float("nan")


def prepared(function, *args):
    """Called often enough to be worth compiling, and compiled now where there is a compiler."""
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    return function(*args)


def groups(items):
    """Which items are the same object: for each, the index of the first one that is it."""
    return [items.index(item) for item in items]


def restored(x, items):
    y = x * 2.0
    z = [x for x in items]
    return x, y, z


def restored_and_seen(x, y, items):
    x = x * y
    kept = [x]
    kept += [x * y for x in items]
    kept.append(x)
    return kept


def assigned_sometimes(n, k):
    kept = []
    x = 0.5
    for i in range(n):
        if i % 3 == 0:
            x = k * i
        kept.append(x)
    return kept


def assigned_in_inner_loop(n, k):
    kept = []
    x = k * 2.0
    for i in range(n):
        for j in range(i % 3):
            x = k * j
        kept.append(x)
    return kept


def skipped(n, k):
    kept = []
    x = k * 2.0
    for i in range(n):
        if i % 2:
            kept.append(x)
            continue
        if i % 3:
            x = k * i
    return kept


def raised_before(n, k, table):
    kept = []
    x = k * 2.0
    for i in range(n):
        try:
            kept.append(x)
            table[i]
            x = k * i
        except KeyError:
            pass
    return kept


def while_walrus(n, k):
    kept = []
    i = 0
    while (x := k * i) < 5.0 or i < n:
        i += 1
        if i % 4 == 0:
            continue
        kept.append(x)
        if i % 3 == 0:
            kept.append(0.25)
    return kept


def assigned_each_time(n, k):
    kept = []
    for i in range(n):
        x = k * i
        if i % 2:
            x = k * 2.0
        kept.append(x)
    return kept


def copies(x, y, flip):
    a = b = x * y
    kept = [a]
    if flip:
        kept.append(1)
    else:
        kept.append(2)
    kept.append(b)
    return kept


def three_copies(x, y, flip):
    a = b = c = x * y
    kept = []
    for i in range(3):
        if flip:
            kept.append(a)
        kept.append(b)
    kept.append(c)
    return kept


def walrus(x, y, flip):
    kept = [(a := x * y)]
    if flip:
        kept.append(1)
    else:
        kept.append(2)
    kept.append(a)
    return kept


def swapped(x, y, n):
    x = x * 1.0
    y = y * 1.0
    kept = [x, y]
    for i in range(n):
        if i % 2:
            kept.append(i)
        x, y = y, x
        kept.append(x)
    kept.append(y)
    return kept


def replaced_while_loaded(x, y, n):
    x = x * y
    kept = []
    for i in range(n):
        kept.append(x)
        if i % 2:
            kept.append(i)
        kept += [x, (x := y * i), x]
    return kept


def deleted_while_loaded(x, y):
    x = x * y
    kept = [x]
    if y:
        kept.append(1)
    pair = (x, [x for x in kept], x)
    kept += [pair[0], pair[2]]
    return kept


for x in (nan, 2.5, 1e300):
    r = prepared(restored, x, [1])
    print(r[0] is x, restored(x, [1.5, nan])[0] is x)
    r = prepared(restored_and_seen, x, 2.0, [1.0, nan])
    print(r[0] is r[-1], len(r))
print(groups(prepared(assigned_sometimes, 9, nan)), assigned_sometimes(9, 2.0))
print(groups(prepared(assigned_in_inner_loop, 12, nan)))
print(groups(prepared(skipped, 20, nan)))
print(groups(prepared(raised_before, 12, nan, {1: 1, 2: 2, 6: 6, 7: 7})))
print(groups(prepared(while_walrus, 12, nan)))
print(groups(prepared(assigned_each_time, 9, nan)))
for flip in (True, False):
    print(groups(prepared(copies, nan, 2.0, flip)), groups(copies(1.5, 2.0, not flip)))
    print(groups(prepared(three_copies, nan, 2.0, flip)))
    print(groups(prepared(walrus, nan, 2.0, flip)))
kept = prepared(swapped, nan, other, 9)
print(groups(kept))
print(groups(prepared(replaced_while_loaded, nan, 2.0, 7)))
print(groups(prepared(deleted_while_loaded, nan, 2.0)))
