"""Iterators of different kinds meet in one loop."""

import sys


def prepared(function, *args):
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    return function(*args)


def chosen(which, items, n):
    out = []
    for x in (items if which else range(n)):
        out.append(x)
    for x in range(n) if which else items:
        out.append(x)
    return out


def three(which, items):
    total = 0
    for k, x in enumerate(items) if which == 0 else [(1, 2)] if which == 1 else {5: 6}.items():
        total += k * 10 + x
    return total


def nested(rows, flag):
    out = []
    for row in rows:
        for x in row if flag else range(len(row)):
            for y in (row if x else range(2)):
                out.append((x, y))
    return out


def filtered(n, items):
    return [[x for x in (range(-n) if k % 2 else items)] for k in range(3)], [y for y in range(n, -n, -2)]


def tuple_or_list(which):
    total = 0
    for x in ((1, 2, 3) if which else [4, 5, 6]):
        total += x
    return total


def changes(items):
    out = []
    source = items
    for i in range(3):
        for x in source:
            out.append(x)
        source = range(i) if i % 2 else tuple(items)
    return out


for which in (0, 1, 2):
    print(prepared(chosen, which % 2, [1, 2, 3], 4), prepared(three, which, [3, 4, 5]))
    print(prepared(tuple_or_list, which % 2))
print(prepared(nested, [[0, 1], [1, 0, 2]], True), prepared(nested, [[0, 1], [1, 0, 2]], False))
print(prepared(filtered, 3, [7, 8]))
print(prepared(changes, [1, 2]))
