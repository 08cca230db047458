"""atexit functions, finalisers of globals, and the exit status."""

import atexit
import sys


def add(a, b):
    return a + b


def farewell(name, n):
    total = 0
    for i in range(n):
        total = add(total, i)
    print("farewell", name, total)


class Last:
    def __del__(self):
        print("last", add(1, 2))


atexit.register(farewell, "first registered", 10)
atexit.register(farewell, "last registered", 100)
keep = Last()
farewell("now", 50)


def leave(code):
    for i in range(1000):
        if i == 999:
            sys.exit(code)


try:
    leave("text")
except SystemExit as error:
    print(repr(error))
leave(3)
