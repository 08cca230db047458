"""Calls of coroutines' functions that are awaited at once: what they give, where they are suspended, what is seen of them."""

import gc
import inspect
import sys
import traceback
import types
import weakref


@types.coroutine
def pause(value):
    return (yield value)


def drive(coroutine, limit=100):
    yielded = []
    try:
        for turn in range(limit):
            yielded.append(coroutine.send(turn if turn else None))
    except StopIteration as stop:
        return yielded, stop.value
    return yielded, "unfinished"


async def fibonacci(n):
    if n <= 1:
        return n
    return await fibonacci(n - 1) + await fibonacci(n - 2)


for turn in range(4):
    print(drive(fibonacci(14)))


# Suspended now and then, at any depth.
async def sometimes(n, step=3, *, unused=None):
    if n <= 0:
        return [await pause(("leaf", n))]
    inner = await sometimes2(n - 1)
    if n % step == 0:
        inner.append(await pause(n))
    return inner


async def sometimes2(n, step=2):
    if n <= 0:
        return []
    inner = await sometimes2(n - 1, step + 1)
    if n % step == 0:
        inner.append(await pause((n, step)))
    return inner


for turn in range(60):
    result = drive(sometimes(9)), drive(sometimes2(7))
print(result)


# Methods, bound ones kept, closures, defaults.
class Account:
    def __init__(self):
        self.total = 0

    async def add(self, n, factor=2):
        self.total += n * factor
        return self.total

    async def work(self, n):
        keep = self.add
        for i in range(n):
            await self.add(i)
            await keep(i, 1)
            await Account.add(self, 1)
        return self.total


def make(step):
    async def inner(n):
        return n + step

    async def outer(n):
        total = 0
        for i in range(n):
            total += await inner(i)
            step_of = lambda: step
            total += step_of()
        return total

    return outer


for turn in range(60):
    result = drive(Account().work(9)), drive(make(3)(11))
print(result)


# Errors: the traceback, the columns, handlers, what is handled.
async def fail(n):
    if n == 0:
        raise ValueError(n)
    return await fail(n - 1)


async def guarded(n):
    try:
        return await fail(n)
    except ValueError as error:
        again = await handled()
        places = [(f.name, f.lineno, f.colno, f.end_colno) for f in traceback.extract_tb(error.__traceback__)]
        return again, places
    finally:
        await pause("finally")


async def handled():
    before = sys.exception()
    try:
        raise KeyError("inner")
    except KeyError:
        await pause(repr(sys.exception()))
        inner = repr(sys.exception())
    return repr(before), inner, repr(sys.exception())


async def stops():
    raise StopIteration("no")


async def stopped():
    try:
        await stops()
    except RuntimeError as error:
        return repr(error), repr(error.__cause__)


async def wrong(n):
    try:
        if n % 3 == 0:
            await fail()
        elif n % 3 == 1:
            await fail(1, 2, 3)
        else:
            await len("abc")
    except TypeError as error:
        return str(error), error.__traceback__.tb_lineno - wrong.__code__.co_firstlineno


for turn in range(60):
    result = drive(guarded(3)), drive(stopped()), [drive(wrong(i)) for i in range(3)]
print(result)


# Who looks at the frames.
def names():
    frame, found = sys._getframe(1), []
    while frame is not None and frame.f_code.co_name != "<module>":
        found.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
        frame = frame.f_back
    return found


async def looks(n):
    if n == 0:
        seen.append(names())
        return await pause("looked")
    return await looks(n - 1)


async def keeps(n):
    frames.append(sys._getframe())
    there = n * 2
    if n == 0:
        await pause("kept")
        there = "late"
    else:
        await keeps(n - 1)
    return there


for turn in range(60):
    seen, frames = [], []
    drive(looks(2))
    coroutine = keeps(2)
    coroutine.send(None)
    suspended = [(f.f_locals["n"], f.f_locals["there"], f.f_lineno - f.f_code.co_firstlineno) for f in frames]
    backs = [f.f_back is None for f in frames]
    awaited, chain = coroutine, []
    while awaited is not None:
        chain.append((awaited.__name__, inspect.iscoroutine(awaited)))
        awaited = awaited.cr_await if inspect.iscoroutine(awaited) else None
    drive(coroutine)
    after = [f.f_locals.get("there") for f in frames]
    for frame in frames:
        frame.clear()
    cleared = [f.f_locals for f in frames]
print(seen, suspended, backs, chain, after, cleared)


# Threw into, closed, dropped where they wait.
async def patient(n, log):
    try:
        if n == 0:
            return await pause("waiting")
        return await patient(n - 1, log)
    except BaseException as error:
        log.append((n, type(error).__name__))
        raise
    finally:
        log.append(n)


for turn in range(60):
    log = []
    coroutine = patient(3, log)
    coroutine.send(None)
    try:
        coroutine.throw(OSError("thrown"))
    except OSError as error:
        log.append(len(traceback.extract_tb(error.__traceback__)))
    coroutine = patient(2, log)
    coroutine.send(None)
    coroutine.close()
    coroutine = patient(1, log)
    coroutine.send(None)
    del coroutine
    gc.collect(0)
print(log)


# When what they hold dies.
class Noisy:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def __del__(self):
        self.log.append((self.name, names()[1:]))


async def holds(name, log, wait):
    first, second = Noisy(name + "1", log), Noisy(name + "2", log)
    if wait:
        await pause(name)
    log.append("end of " + name)
    return second.name


async def takes(noisy, log):
    del noisy
    log.append("dropped")


async def holder(log):
    await holds("a", log, False)
    await takes(Noisy("argument", log), log)
    await holds("b", log, True)
    return "held"


for turn in range(60):
    log = []
    result = drive(holder(log))
print(result, log)


# Renamed while it runs; a weak reference to what was made late.
async def renamed(again):
    renamed.__name__ = "later"
    renamed.__qualname__ = "much.later"
    await pause("here")


async def renames():
    await renamed(1)


for turn in range(60):
    renamed.__name__ = renamed.__qualname__ = "sooner"
    coroutine = renames()
    coroutine.send(None)
    late = coroutine.cr_await
    reference = weakref.ref(late)
    result = late.__name__, late.__qualname__, reference() is late, late.cr_running, late.cr_suspended
    coroutine.close()
    del late
print(result, reference())


# Too deep.
async def deep(n):
    return await deep(n + 1)


for turn in range(3):
    try:
        drive(deep(0))
    except RecursionError as error:
        print(error, len(traceback.extract_tb(error.__traceback__)) > 100)


# Traced in the middle.
events = []


def tracer(frame, event, arg):
    if frame.f_code.co_name in ("traced", "tracing"):
        events.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
        return tracer


async def traced(n, on):
    if on:
        sys.settrace(tracer)
    await pause(n)
    return n


async def tracing(on):
    result = await traced(1, on)
    result += await traced(2, False)
    return result


for turn in range(60):
    result = drive(tracing(False))
result = drive(tracing(True))
sys.settrace(None)
print(result, events)


# In place of a coroutine's function another one; what is waited for by `async with`.
class Lock:
    async def __aenter__(self):
        return await self.take(1)

    async def take(self, n):
        return n

    async def __aexit__(self, *error):
        await self.take(2)
        return error[0] is KeyError


async def locks(n):
    total = 0
    for i in range(n):
        async with Lock() as got:
            total += got
            if i % 2:
                raise KeyError(i)
    return total


async def one():
    return 1


async def two():
    return await pause(2)


async def calls(n):
    global current
    total = []
    for i in range(n):
        current = (one, two)[i // 3 % 2]
        total.append(await current())
    return total


for turn in range(60):
    result = drive(locks(8)), drive(calls(10))
print(result)
