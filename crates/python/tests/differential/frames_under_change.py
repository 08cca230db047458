"""Frames that are looked at and written to, tools that are switched on, and names that change, all from within."""

import builtins
import sys


def prepared(function, *args):
    for _ in range(60):
        function(*args)
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)
    return function(*args)


armed = False


def meddle(i):
    """Writes to the caller's locals."""
    if armed and i == 3:
        frame = sys._getframe(1)
        frame.f_locals["total"] = 1000
        frame.f_locals["ratio"] = "text"
        frame.f_locals["fresh"] = i


def meddled(n):
    total = 0
    ratio = 0.5
    for i in range(n):
        total += i
        meddle(i)
        if isinstance(ratio, float):
            ratio = ratio * 1.5
    return total, ratio


class Meddler:
    def __del__(self):
        meddle_from = sys._getframe(1)
        if armed:
            meddle_from.f_locals["total"] = -1
            meddle_from.f_locals["i"] = 50


def meddled_by_death(n):
    total = 0
    for i in range(n):
        total += i
        if i == 4:
            Meddler()
        total += i * 100
    return total, i


events = []


def trace(frame, event, arg):
    if frame.f_code.co_name in ("traced", "step", "traced_by_death"):
        events.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
    return trace


def step(i):
    if armed and i == 2:
        sys.settrace(trace)
        sys._getframe(1).f_trace = trace
    if i == 4:
        sys.settrace(None)
    return i


def traced(n):
    total = 0
    for i in range(n):
        total += step(i)
        total += 1
    return total


class Tracer:
    def __init__(self, i):
        self.i = i

    def __del__(self):
        if armed and self.i == 1:
            sys._getframe(1).f_trace = trace
            sys.settrace(trace)
        if self.i == 2:
            sys.settrace(None)


def traced_by_death(n):
    total = 0
    for i in range(n):
        total += i
        Tracer(i)
        total += step(0)
    return total


def rebinding(i):
    global scale
    if armed and i == 3:
        builtins.len = lambda x: 77
        scale = 2.5
        globals()["len_" + str(i)] = i
    if armed and i == 5:
        del builtins.len
        builtins.len = plain_len
        globals()["abs"] = lambda x: -5
        for k in range(300):
            globals()[f"made_{k}"] = k
    if armed and i == 7:
        del globals()["abs"]
        scale = 10**30


plain_len = len
scale = 2


def rebound(n):
    out = []
    items = [1, 2, 3]
    for i in range(n):
        rebinding(i)
        out.append((len(items), abs(-i), scale * i))
    return out


def vanishing(n):
    total = 0
    for i in range(n):
        total += helper(i)
        if armed and i == 3:
            del globals()["helper"]
    return total


def helper(i):
    return i + 1


def deleted(n, keep):
    x = n
    total = 0
    for i in range(n):
        y = x + i
        total += y
        if not keep and i == n - 1:
            del y
    del x
    return total, y


def unbound(n, flag):
    for i in range(n):
        if flag:
            value = i * 2
    return value, i


def chained(values):
    log = []

    def see(x):
        log.append(x)
        return x

    a, b, c = values
    return see(a) < see(b) <= see(c) != see(a), log


class Odd:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name

    def __lt__(self, other):
        print("lt", self.name, getattr(other, "name", other))
        return []

    def __gt__(self, other):
        print("gt", self.name, getattr(other, "name", other))
        return "yes"


def arguments(*args, x=1, **kwargs):
    total = x
    for a in args:
        total += a
    args = kwargs
    for name, value in kwargs.items():
        total += value
    return total, args


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


def too_deep(n):
    return too_deep(n + 1) + 1


def generated(n):
    total = 0
    for k in range(n):
        total += sum(i * k for i in range(k))
        total += max((x for x in (k, 3, 4.5)), default=None)
        values = (y + total for y in [k])
        total += next(values)
        total += next(values, 1000)
    return total


for function, args in ((meddled, (6,)), (meddled_by_death, (6,)), (traced, (7,)), (traced_by_death, (5,)), (rebound, (9,)),
                       (vanishing, (6,))):
    armed = False
    print(function.__name__, prepared(function, *args))
    armed = True
    try:
        print(function.__name__, function(*args))
    except Exception as error:
        print(type(error).__name__, error)
    sys.settrace(None)
    print(events)
    events.clear()
armed = False
print(prepared(deleted, 4, True))
print(prepared(unbound, 3, True))
for function, args in ((deleted, (4, False)), (deleted, (0, True)), (unbound, (3, False)), (unbound, (0, True))):
    try:
        print(function(*args))
    except UnboundLocalError as error:
        print(error, error.__traceback__.tb_next.tb_lineno - function.__code__.co_firstlineno)
prepared(chained, (1, 2, 3))
for values in ((1, 2, 3), (2, 1, 3), (1, 3, 2), (1.0, 2**70, float("nan")), ("a", "b", "c")):
    print(chained(values))
try:
    print(chained((Odd("a"), Odd("b"), Odd("c"))))
except TypeError as error:
    print(error)
print(prepared(arguments, 1, 2.5), arguments(1, y=2), arguments(x=True))
print(prepared(depth, 20), depth(900))
limit = sys.getrecursionlimit()
sys.setrecursionlimit(200)
try:
    too_deep(0)
except RecursionError as error:
    print(error)
    count = 0
    trace_back = error.__traceback__
    while trace_back is not None:
        count += 1
        trace_back = trace_back.tb_next
    print(count)
sys.setrecursionlimit(limit)
print(prepared(generated, 6))
