"""The collector runs inside callees; cycles and compiled functions die when they should."""

import gc
import weakref

gc.disable()


class Node:
    def __init__(self, value):
        self.value = value
        self.me = self


def collect(i):
    if i % 10 == 9:
        return gc.collect()
    return 0


def churn(n):
    found = 0
    total = 0
    for i in range(n):
        node = Node(i)
        total += node.value
        found += collect(i) > 0
    return found, total


print(churn(50))


def tracked(n):
    refs = []
    for i in range(n):
        node = Node(i)
        refs.append(weakref.ref(node))
    node = None
    alive = sum(ref() is not None for ref in refs)
    gc.collect()
    return alive, sum(ref() is not None for ref in refs)


print(tracked(10))


def make(n):
    def inner(x):
        return inner if x < 0 else x + n

    return inner


def functions_die(count):
    refs = []
    total = 0
    for i in range(count):
        function = make(i)
        for k in range(30):
            total += function(k)
        refs.append(weakref.ref(function))
    function = None
    gc.collect()
    return total, sum(ref() is not None for ref in refs)


print(functions_die(5))
log = []


def callback(phase, info):
    log.append(phase)


gc.callbacks.append(callback)
gc.enable()
gc.set_threshold(50)


def allocate(n):
    keep = []
    for i in range(n):
        keep.append([i])
    return len(keep)


print(allocate(2000), len(log) > 0, set(log) == {"start", "stop"})
