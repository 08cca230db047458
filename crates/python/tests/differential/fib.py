"""Recursive calls with values of several types, redefined under way.

The first line runs long enough to get hot.
"""


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


print([fib(n) for n in range(33)], fib(7.0), fib(True))


class Small(int):
    def __sub__(self, other):
        return Small(int(self) - other)

    def __add__(self, other):
        return Small(int(self) + other)


print(fib(Small(9)), type(fib(Small(9))).__name__)
original = fib


def fib(n):
    return original(n) + 1000


print(original(6), fib(6))
fib = original
print(fib(15))
try:
    fib("x")
except TypeError as error:
    print(error)
fib(None)
