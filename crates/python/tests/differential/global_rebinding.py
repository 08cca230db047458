"""Globals and builtins rebound in mid-loop by a function that the loop calls."""

import builtins

scale = 2
calls = 0


def triple(x):
    return 3 * x


def helper(x):
    return x + 1


def rebind_at(i):
    global scale, helper
    if i == 40:
        scale = 0.5
    if i == 60:
        helper = triple
    if i == 70:
        scale = "x"
    if i == 71:
        scale = 1


def loop(n):
    out = []
    for i in range(n):
        rebind_at(i)
        out.append(helper(i) * scale if i != 70 else scale)
    return out


print(loop(100))


def lengths(items, n):
    total = 0
    for i in range(n):
        if i == 5:
            shadow_len()
        if i == 8:
            unshadow_len()
        if i == 11:
            replace_builtin()
        if i == 14:
            restore_builtin()
        total = total * 10 + len(items)
    return total


def shadow_len():
    global len
    len = lambda items: 7


def unshadow_len():
    global len
    del len


original = builtins.len


def replace_builtin():
    builtins.len = lambda items: 9


def restore_builtin():
    builtins.len = original


print(lengths([1, 2], 20))
for _ in range(30):
    lengths("abc", 3)


def vanishing(n):
    total = 0
    for i in range(n):
        if i == n - 1:
            del globals()["scale"]
        total += scale
    return total


print(scale)
vanishing(20)
