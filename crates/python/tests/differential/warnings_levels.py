"""Warnings name the line of the caller that `stacklevel` asks for."""

import sys
import warnings

warnings.simplefilter("always")
warnings.showwarning = lambda message, category, filename, lineno, *rest: print(
    category.__name__, str(message), lineno, filename == __file__
)


def old(x, level):
    warnings.warn("old is old", DeprecationWarning, stacklevel=level)
    return x + 1


def middle(x, level):
    return old(x, level)


def outer(n):
    total = 0
    for i in range(n):
        total += middle(i, 1 + i % 3)
    return total


print(outer(4))
print(outer(3), sys._getframe().f_lineno)


def once(n):
    for i in range(n):
        if i == n - 1:
            warnings.warn("from the loop")
    return n


once(20)
