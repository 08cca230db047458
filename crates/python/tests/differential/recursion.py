"""Recursion to its limit: the same depth, the same error, and calm afterwards."""

import sys

sys.setrecursionlimit(400)
deepest = 0


def down(n):
    global deepest
    deepest = n
    return down(n + 1)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


for _ in range(3):
    try:
        down(0)
    except RecursionError as error:
        print(deepest, error)
print(even(100), odd(101), even(77))
print(ackermann(2, 9))
try:
    even(5000)
except RecursionError as error:
    tb, count = error.__traceback__, 0
    while tb is not None:
        tb, count = tb.tb_next, count + 1
    print(count)
sys.setrecursionlimit(20000)


def sum_to(n):
    if n == 0:
        return 0
    return n + sum_to(n - 1)


print(sum_to(15000))
sys.setrecursionlimit(60)
down(0)
