"""Loops in class bodies: names of the class, of functions around it, globals and builtins."""

import sys

glob = 10


class Namespace(dict):
    def __getitem__(self, key):
        if key in ("outer", "glob", "len"):
            asked[key] = asked.get(key, 0) + 1
        if key == "broken":
            raise RuntimeError(key)
        return super().__getitem__(key)


class Meta(type):
    @classmethod
    def __prepare__(cls, name, bases):
        return Namespace()


asked = {}


def make(n, meta):
    outer = 5

    class Body(metaclass=meta):
        total = 0
        for i in range(n):
            total += outer + glob + len("ab")
            if i == n // 2:
                locals()["outer"] = 100
            if i == n // 2 + 10:
                del locals()["outer"]
        both = outer, glob

    return Body


def unbound(n):
    class Body:
        count = 0
        for i in range(n):
            count += 1
            if i == n - 1:
                late

    late = 1
    return Body


def broken(n):
    broken = 1

    class Body(metaclass=Meta):
        for i in range(n):
            if i == n - 1:
                broken

    return Body


def generic(n):
    class Outer:
        size = 3

        class Inner[T: int]:
            sizes = []
            for i in range(n):
                if i % 1000 == 0:
                    sizes.append(i)

        def method[U](self, value: U) -> U:
            return value

    return Outer.Inner.sizes, Outer().method(4), Outer.Inner.__type_params__[0].__bound__


for n in 10, 3000:
    for meta in type, Meta:
        asked.clear()
        body = make(n, meta)
        print(n, meta.__name__, body.total, body.both, asked)
    for function in unbound, broken:
        try:
            function(n)
        except Exception as error:
            lines = error.__traceback__.tb_next.tb_next.tb_lineno - function.__code__.co_firstlineno
            print(type(error).__name__, error, lines)
    print(generic(n))
