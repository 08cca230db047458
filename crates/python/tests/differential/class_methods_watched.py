"""A listener to calls that arrives while the arguments of a class method are evaluated is told of the bound method.

It runs long enough to get hot.
"""

import gc
import sys
import time

monitoring = sys.monitoring
TOOL = 3
log = []


def on_call(code, offset, callable, arg0):
    if callable not in (stop, monitoring.set_events):
        shown = "missing" if arg0 is monitoring.MISSING else repr(arg0)
        log.append((code.co_name, type(callable).__name__, getattr(callable, "__self__", None), shown))


def start(value):
    monitoring.use_tool_id(TOOL, "test")
    monitoring.register_callback(TOOL, monitoring.events.CALL, on_call)
    monitoring.set_events(TOOL, monitoring.events.CALL)
    return value


def stop():
    monitoring.set_events(TOOL, 0)
    monitoring.register_callback(TOOL, monitoring.events.CALL, None)
    monitoring.free_tool_id(TOOL)


class Base:
    @classmethod
    def name(cls, value, other=0):
        return f"{cls.__name__} {value} {other}"

    @classmethod
    def small(cls, value):
        return value + 1

    @classmethod
    def early(cls, value):
        if value > 5:
            return value
        return sum([value, 1])


class Derived(Base):
    pass


def ident(value):
    return value


def by_place(get, n):
    return Base.name(get(n))


def by_name(get, n):
    return Derived.name(value=get(n), other=2)


def inlined(get, n):
    return Base.small(get(n))


def head(get, n):
    return Derived.early(get(n))


def nested(get, n):
    return Base.name(Derived.name(get(n)))


FUNCTIONS = [by_place, by_name, inlined, head, nested]



def warm_up(function):
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        for i in range(300):
            function(ident, i)


for function in FUNCTIONS:
    warm_up(function)
    log.clear()
    result = function(start, 7)
    stop()
    print(function.__name__, result)
    for entry in log:
        print("   ", *entry)


# What a method that was not made keeps alive dies where the interpreter's does.
class Watched:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("dies", self.name)


def class_that_dies(get, n):
    class Local(Base):
        watched = Watched(n)

    def call(get, n):
        return Local.name(get(n))

    return call


call = class_that_dies(ident, "local")
warm_up(call)
del call
gc.collect()
print("done")
