"""Weak references and their callbacks: when they fire, and what they see."""

import weakref


class Thing:
    def __init__(self, name):
        self.name = name


log = []


def watch(thing):
    name = thing.name
    return weakref.ref(thing, lambda ref: log.append((name, ref() is None)))


def churn(n):
    refs = []
    keep = None
    for i in range(n):
        thing = Thing(i)
        refs.append(watch(thing))
        if i == 2:
            keep = thing
        log.append(("made", i))
    alive = 0
    for ref in refs:
        if ref() is not None:
            alive += 1
    return alive, keep.name


print(churn(6))
print(log)


def after_return():
    thing = Thing("local")
    return watch(thing)


log.clear()
print(after_return()(), log)


def function_dies(n):
    out = []
    for i in range(n):
        def inner(x):
            return x + i

        ref = weakref.ref(inner)
        out.append((inner(1), ref() is inner))
        del inner
        out.append(ref() is None)
    return out


print(function_dies(4))
