"""A tuple that several places hold is one object, also where making it can be put off."""

import sys


def prepared(function, *args):
    """Called often enough to be worth compiling, and compiled now where there is a compiler."""
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    return function(*args)


def copied(a, b):
    x = (a, b)
    y = x
    return x, y


def twice(a, b):
    t = (a, b)
    return (t, t)


def thrice(a, b):
    t = (a, b)
    u = (t, a)
    return t, u, t


def either(a, b):
    t = (a, b)
    if a:
        u = t
    else:
        u = (b, a)
    return t, u


def once(a, b):
    t = (a, b)
    return t


def apart(a, b):
    t = (a, b)
    p, q = t
    return q, p


def call_copied(a, b):
    r = copied(a, b)
    return r


def call_twice(a, b):
    r = twice(a, b)
    return r


def call_thrice(a, b):
    t, (u, _), v = thrice(a, b)
    return t is u, u is v, t


def call_either(a, b):
    t, u = either(a, b)
    return t is u, t == u


def sum_of_two(n):
    total = 0
    for i in range(n):
        p, q = once(i, i + 1)
        q, r = apart(p, q)
        total += p * q + r
    return total


def unpacked_and_kept(a, b):
    t = once(a, b)
    u = t
    p, q = t
    return p, q, t is u


def pairs_are_themselves(items):
    return [p is p for p in enumerate(items)]


def pairs_of_pairs(items):
    return [(p, p) for p in enumerate(items)]


def pairs_kept(items):
    kept = []
    for p in enumerate(items):
        kept.append(p)
        kept.append(p)
    return kept


r = prepared(call_copied, 1, "q")
print(r, r[0] is r[1])
r = prepared(call_twice, 2.5, "z")
print(r, r[0] is r[1])
print(prepared(call_thrice, 7, None), prepared(call_thrice, 7.5, [1]))
print(prepared(call_either, 1, 2), call_either(0, 2), call_either(0, 0))
print(prepared(sum_of_two, 50))
print(prepared(unpacked_and_kept, 1, 1.5))
print(prepared(pairs_are_themselves, ["a", "b", 3]))
print([a is b for a, b in prepared(pairs_of_pairs, [1, 2, 3])])
kept = prepared(pairs_kept, "abc")
print([kept[i] is kept[i + 1] for i in range(0, len(kept), 2)], [kept[i] is kept[i + 1] for i in range(1, 5, 2)])
