"""Subscripts of all kinds, and containers that change while they are looped over."""

import sys


def prepared(function, *args):
    """Called often enough to be worth compiling, and compiled now where there is a compiler."""
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)


def attempt(function, *args):
    try:
        print(function.__name__, repr(function(*args)))
    except Exception as error:
        trace = error.__traceback__.tb_next
        print(function.__name__, type(error).__name__, error, trace.tb_lineno - function.__code__.co_firstlineno)


def item(container, index):
    return container[index]


def last(container):
    return container[-1], container[-2]


def put(container, index, value):
    container[index] = value
    return container


def slices(s, a, b):
    return s[a:b], s[:b], s[a:], s[:], s[::-1], s[a:b:2]


def remove(container, index):
    del container[index]
    return container


lists = [1, 2.5, "x", None]
for container, good in (([10, 20, 30], 1), ((10, 20, 30), 2), ("häß€", 1), (b"abc", 0), (range(10), 3), ({1: 2, True: 3, 2.0: 4}, 1)):
    f = type(item)(item.__code__.replace(co_name="item"), globals(), "item")
    prepared(f, container, good)
    for index in (0, 1, 2, 3, -1, -3, -4, 2**63, -(2**63), 2**70, True, 1.0, "a", None, slice(1, None)):
        attempt(f, container, index)
prepared(last, [1, 2, 3])
for container in ([1, 2], [1], [], (1, 2), "ab", b"ab", {-1: 0, -2: 1}, range(3)):
    attempt(last, container)
prepared(put, [1, 2, 3], 1, 5)
for index, value in ((0, "a"), (-1, 2.5), (3, 0), (-4, 0), (True, 1), (2**64, 1), ("k", 1), (slice(0, 2), [7])):
    attempt(put, [1, 2, 3], index, value)
attempt(put, (1, 2), 0, 1)
attempt(put, {}, 0, 1)
attempt(put, bytearray(b"abc"), 0, 300)
prepared(slices, [1, 2, 3, 4], 1, 3)
for s in ([1, 2, 3, 4], (1, 2, 3), "wörld", b"bytes", range(5), 5):
    for a, b in ((1, 3), (-2, None), (None, -1), (3, 1), (2**70, -(2**70)), ("x", 1)):
        attempt(slices, s, a, b)
for k in (0, -1, 5):
    attempt(remove, [1, 2], k)
    attempt(remove, {0: 1}, k)


def growing(items):
    out = []
    for x in items:
        out.append(x)
        if x < 4:
            items.append(x + 2)
    return out, items


def shrinking(items):
    out = []
    for x in items:
        out.append(x)
        items.pop()
    return out, items


def cleared(items):
    out = []
    for i, x in enumerate(items):
        out.append((i, x))
        if i == 1:
            items.clear()
            items.append(9)
    items.append(10)
    return out, items


def replaced(items):
    total = 0
    for x in items:
        total += x
        items[-1] = "end" if total > 5 else 1
    return total


def by_callee(items, change):
    total = 0
    for x in items:
        total += x
        change(items, x)
    return total


def shift(items, x):
    if x < 3:
        items.insert(0, x)
    if len(items) > 8:
        items[:] = [100]


def table_grows(table):
    for key in table:
        table[key + 10] = 1
    return table


def table_keys(table):
    out = []
    for key in table:
        out.append(key)
        table[key] = len(out)
        if key == 2:
            del table[1]
    return out


def set_grows(items):
    for x in items:
        items.add(x + 10)


def tuple_unpack(rows):
    total = 0
    for a, (b, c) in rows:
        total += a * b - c
    return total


for function, args in ((growing, lambda: ([1, 2, 3],)), (shrinking, lambda: ([1, 2, 3, 4, 5],)), (cleared, lambda: ([1, 2, 3],)),
                       (by_callee, lambda: ([3, 4, 1, 2], shift))):
    for _ in range(60):
        function(*args())
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    attempt(function, *args())
attempt(by_callee, [1, 2.5, 3], shift)
attempt(by_callee, [1, 2, "x"], shift)
attempt(replaced, [1, 2, 3])
attempt(growing, [])
attempt(growing, [1, "x"])
attempt(table_grows, {1: 2})
attempt(table_keys, {1: 1, 2: 2, 3: 3})
attempt(table_keys, {2: 1, 1: 2, 3: 3})
attempt(set_grows, {1})
prepared(tuple_unpack, [(1, (2, 3))])
for rows in ([(1, (2, 3)), (1.5, [2, 3])], [(1, (2,))], [(1, 2)], [(1, (2, 3, 4))], [(1, "ab")], [[2**40, (2**40, 0)]], [("a", (2, "b"))]):
    attempt(tuple_unpack, rows)
