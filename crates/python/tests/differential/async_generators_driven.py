"""Asynchronous generators that go on in machine code: sent to, thrown into, closed, left alone, and misused.

It runs long enough to get hot.
"""

import asyncio
import gc
import sys
import time
import types
import weakref


@types.coroutine
def pause(value):
    return (yield value)


def drive(awaitable, answers=()):
    """Runs an awaitable to its end: what it yields on the way is answered in turn."""
    answers = iter(answers)
    iterator = awaitable.__await__()
    seen = []
    try:
        seen.append(iterator.send(None))
        while True:
            seen.append(iterator.send(next(answers, None)))
    except StopIteration as stop:
        return seen, stop.value


async def count(n):
    for i in range(n):
        yield i


async def waits(n):
    total = 0
    for i in range(n):
        total += await pause(i) or 0
        yield total


async def answered(n):
    try:
        for i in range(n):
            got = yield i
            if got is not None:
                print("    got", got)
            if got == "raise":
                raise KeyError(i)
            if got == "return":
                return
            if got == "stop":
                raise StopAsyncIteration("own")
            if got == "iteration":
                raise StopIteration("own")
    except ValueError as error:
        print("    caught", error)
        yield "caught"
    finally:
        print("    finally")


async def delegating(n):
    async for value in waits(n):
        async with Manager(value):
            yield value * 2
    yield [x async for x in count(3)], {x: x async for x in count(2) if x}


class Manager:
    def __init__(self, name):
        self.name = name

    async def __aenter__(self):
        await pause("enter")

    async def __aexit__(self, *error):
        await pause("exit")
        return False


async def total(make, n):
    result = 0
    async for value in make(n):
        if isinstance(value, int):
            result += value
    return result


def outcome(function, *args):
    try:
        return function(*args)
    except BaseException as error:
        trace, places = error.__traceback__.tb_next, []
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append((code.co_name, trace.tb_lineno - code.co_firstlineno))
            trace = trace.tb_next
        return type(error).__name__, str(error), places, repr(error.__context__), repr(error.__cause__)


def warm_up():
    end = time.perf_counter() + 0.4
    while time.perf_counter() < end:
        for make in count, waits, delegating:
            drive(total(make, 50))


def sent_to():
    for word in "raise", "return", "stop", "iteration", "nothing":
        generator = answered(4)
        print(word, [outcome(drive, step) for step in (generator.__anext__(), generator.asend(word),
                                                       generator.__anext__(), generator.asend(None))])


def thrown_into():
    for error in ValueError("thrown"), KeyError, GeneratorExit, StopAsyncIteration:
        generator = answered(4)
        print(outcome(drive, generator.__anext__()))
        print(outcome(drive, generator.athrow(error)))
        print(outcome(drive, generator.__anext__()))
    generator = waits(3)
    step = generator.__anext__()
    print(step.send(None), outcome(step.throw, LookupError("into the step")), outcome(step.send, None))


def closed():
    generator = answered(4)
    print(outcome(drive, generator.aclose()), outcome(drive, generator.__anext__()))
    generator = answered(4)
    drive(generator.__anext__())
    print(outcome(drive, generator.aclose()), outcome(drive, generator.__anext__()), outcome(drive, generator.aclose()))


def misused():
    generator = count(3)
    print(outcome(drive, generator.asend(1)))
    generator = waits(3)
    first, second = generator.__anext__(), generator.__anext__()
    print(first.send(None), generator.ag_running, outcome(second.send, None), outcome(second.send, None))
    print(outcome(first.send, 5), generator.ag_running, outcome(first.send, None), outcome(drive, first))
    print(type(generator).__name__, generator.ag_code.co_name, generator.ag_await, generator.ag_frame.f_locals["total"])
    step = generator.__anext__()
    step.close()
    print(outcome(step.send, None))

    async def itself():
        await mine.__anext__()
        yield 1

    mine = itself()
    print(outcome(drive, mine.__anext__()))


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("    dies", self.name)


async def holding(n):
    first = Noisy("first")
    for i in range(n):
        yield i
        first = Noisy(i)


def left_alone():
    generator = holding(5)
    drive(generator.__anext__()), drive(generator.__anext__())
    dead = weakref.ref(generator, lambda it: print("    gone"))
    del generator
    gc.collect()
    print(dead())


def hooked():
    old = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(lambda it: print("    first", it.__name__), lambda it: print("    finalised", it.__name__))
    try:
        generator = holding(5)
        drive(generator.__anext__())
        generator = count(3)
        drive(total(count, 3))
        drive(generator.__anext__())
        del generator
    finally:
        sys.set_asyncgen_hooks(*old)


def traced():
    seen = []

    def tracer(frame, event, arg):
        seen.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
        return tracer

    generator = waits(2)
    step = generator.__anext__()
    step.send(None)
    generator.ag_frame.f_trace = tracer
    sys.settrace(tracer)
    result = outcome(step.send, 4)
    sys.settrace(None)
    print(result, seen)


async def in_tasks():
    async def work(n):
        values = []
        async for value in spaced(n):
            values.append(value)
        return values

    async def spaced(n):
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    print(await asyncio.gather(work(3), work(5), work(1)))
    generator = spaced(100)
    async for value in generator:
        if value == 3:
            break
    await generator.aclose()
    task = asyncio.ensure_future(work(10**6))
    await asyncio.sleep(0.01)
    task.cancel()
    print(await asyncio.gather(task, return_exceptions=True))


for i in range(2):
    for make in count, waits, delegating:
        print(drive(total(make, 4), (1, 2, 3, 4)))
    sent_to()
    thrown_into()
    closed()
    misused()
    left_alone()
    hooked()
    traced()
    asyncio.run(in_tasks())
    warm_up()
