"""sys.exception() and implicit context, seen from callees in and after handlers."""

import sys


def current():
    return repr(sys.exception())


def handler(n):
    seen = [current()]
    for i in range(n):
        try:
            if i % 2:
                raise ValueError(i)
            raise KeyError(i)
        except ValueError:
            seen.append(current())
            try:
                raise TypeError(i)
            except TypeError as inner:
                seen.append((current(), repr(inner.__context__)))
            seen.append(current())
        except KeyError:
            seen.append(current())
        seen.append(current())
    return seen


def add(a, b):
    return a + b


def in_handler(a, b):
    try:
        raise ValueError("first")
    except ValueError:
        return add(a, b)


print(handler(4))
for _ in range(60):
    in_handler(1, 2)
print(in_handler(1.5, 2), in_handler("a", "b"))
try:
    in_handler(1, "b")
except TypeError as error:
    print(error, "/", repr(error.__context__))
in_handler([], ())
