"""The death of a temporary rebinds the function that is inlined, or unbinds what is about to be used."""

import sys
import weakref


def value(x):
    return x + 1


def value_two(x):
    return x + 1000


armed = False


class Bomb:
    def __init__(self, at):
        self.at = at

    def __del__(self):
        global value
        if armed and self.at == 5:
            value = value_two


def prepared(function, *args):
    global armed, value
    original = value
    armed = False
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    armed = True
    result = function(*args)
    value = original
    return result


def by_statement(n):
    out = []
    total = 0
    for i in range(n):
        Bomb(i)
        total = value(i)
        out.append(total)
    return out


def by_truth(n):
    out = []
    for i in range(n):
        if [Bomb(i)]:
            out.append(value(i))
    return out


def by_len(n):
    out = []
    for i in range(n):
        k = len([Bomb(i)]) + value(i)
        out.append(k)
    return out


def by_item(n):
    out = []
    for i in range(n):
        k = [i, Bomb(i)][0] + value(i)
        out.append(k)
    return out


def by_is(n):
    out = []
    for i in range(n):
        if Bomb(i) is not None:
            out.append(value(i))
    return out


def by_loop(n):
    out = []
    for i in range(n):
        for x in [i, Bomb(i)]:
            pass
        x = None
        out.append(value(i))
        for y in [Bomb(i), i]:
            pass
        out.append(value(i))
    return out


def by_slot(n):
    out = []
    items = [None] * 10
    for i in range(n):
        items[i] = Bomb(i)
        items[i] = i
        out.append(value(i))
    return out


def by_weakref(n):
    out = []

    def gone(_):
        global value
        if armed:
            value = value_two

    for i in range(n):
        r = weakref.ref(Bomb(0), gone)
        out.append(value(i))
        [1, 2, r]
        out.append(value(i))
    return out


for function in (by_statement, by_truth, by_len, by_item, by_is, by_loop, by_slot, by_weakref):
    print(function.__name__, prepared(function, 10))
