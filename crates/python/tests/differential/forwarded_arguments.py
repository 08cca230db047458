"""Arguments that C functions forward from their own to Python functions: who owns them, and when they die."""

import contextvars
import functools
import io
import operator
import sys


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("  del", self.name)


def drop(x, y=0):
    print("  in", x.name, y)
    x = None
    print("  dropped")
    return y


def keep(x):
    print("  kept", x.name)
    return x


class Thing:
    def method(self, x):
        print("  method", x.name)
        x = None
        print("  method dropped")

    def __call__(self, x):
        x = None
        print("  call dropped")

    @classmethod
    def of(cls, x):
        x = None
        print("  class method dropped")

    @staticmethod
    def plain(x):
        x = None
        print("  static method dropped")


def run_all(tag):
    print("operator.call")
    operator.call(drop, Noisy(tag + "a"), 3)
    print("after")
    operator.call(drop, Noisy(tag + "b"), y=4)
    print("context")
    contextvars.copy_context().run(drop, Noisy(tag + "c"), 1)
    print("partial")
    functools.partial(drop, y=5)(Noisy(tag + "d"))
    functools.partial(drop, Noisy(tag + "d2"))(6)
    print("direct")
    drop(Noisy(tag + "e"), 2)
    drop(Noisy(tag + "e2"), y=2)
    print("method")
    thing = Thing()
    thing.method(Noisy(tag + "g"))
    bound = thing.method
    bound(Noisy(tag + "h"))
    print("operator.methodcaller")
    operator.methodcaller("method", Noisy(tag + "i"))(thing)
    print("call slot")
    thing(Noisy(tag + "j"))
    Thing.of(Noisy(tag + "k"))
    Thing.plain(Noisy(tag + "l"))
    print("method wrapper")
    drop.__call__(Noisy(tag + "m"), 3)
    Thing.method(thing, Noisy(tag + "n"))
    print("map")
    print(list(map(drop, [Noisy(tag + "p")], [2])))
    print("reduce")
    functools.reduce(lambda a, b: b, [Noisy(tag + "q"), Noisy(tag + "r")])
    print("sorted")
    sorted([Noisy(tag + "s"), Noisy(tag + "t")], key=lambda x: x.name)
    print("keep")
    keep(Noisy(tag + "u"))
    x = operator.call(keep, Noisy(tag + "v"))
    print("held", x.name)


run_all("1")
shown = sys.stdout
sys.stdout = io.StringIO()
for k in range(60):
    run_all("w")
sys.stdout = shown
martlet = sys.modules.get("martlet")
if martlet is not None:
    for function in (run_all, drop, keep, Thing.method, Thing.__call__, Thing.plain):
        martlet.compile(function)
run_all("2")
exec(compile("run_all('3')", "<driver>", "exec"))
