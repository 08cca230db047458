"""Objects that are made where no Python code runs: tracemalloc charges them to the line that makes them, not to that of
the last call, and to no frame that has not begun."""

import gc
import os
import tracemalloc


def lines_of(thing):
    trace = tracemalloc.get_object_traceback(thing)
    if trace is None:
        return None
    return [frame.lineno for frame in trace if os.path.basename(frame.filename) == "allocations_traced.py"]


def displays(x):
    len("a call")
    items = [x, x]
    pair = (x, items)
    table = {x: items}
    some = {x, 1}
    return items, pair, table, some


def after_clearing(x):
    gc.collect()
    items = []
    items = None
    items = [x]
    return items


def cells(x):
    def inner():
        return x

    return inner


def cells_late(x):
    len("a call")
    if x:

        def inner():
            return x

    return inner


def texts(x):
    len("a call")
    joined = f"{x}-{x}-{x}"
    part = joined[1:]
    return joined, part


def in_loops(n):
    kept = []
    for i in range(n):
        len("a call")
        made = [i]
        kept.append(made)
        pair = (
            made,
            i,
        )
        kept.append(pair)
    return kept


def small(x):
    return [
        x,
        x,
    ]


def through_small(x):
    len("a call")
    made = small(x)
    return made


class Thing:
    def __init__(self, x):
        self.x = x


def instances(x):
    len("a call")
    made = Thing(x)
    return made


def generator(n):
    for i in range(n):
        len("a call")
        made = [i]
        yield made


tracemalloc.start(8)
for _ in range(6):
    print([lines_of(it) for it in displays(1000)])
    print(lines_of(after_clearing(1000)))
    function = cells(1000)
    print(lines_of(function), lines_of(function.__closure__[0]))
    function = cells_late(1000)
    print(lines_of(function), lines_of(function.__closure__[0]))
    print([lines_of(it) for it in texts(1000)])
    print([lines_of(it) for it in in_loops(3)])
    print(lines_of(through_small(1000)))
    print(lines_of(instances(1000)))
    print([lines_of(it) for it in generator(3)])
tracemalloc.stop()
