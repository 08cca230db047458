"""Asynchronous generators that go on in compiled code: loops over them, what they wait for, how they are driven and end."""

import asyncio
import sys
import traceback
import types


@types.coroutine
def pause(value):
    return (yield value)


def drive(awaitable, limit=200):
    yielded = []
    try:
        for turn in range(limit):
            yielded.append(awaitable.send(turn if turn else None))
    except StopIteration as stop:
        return yielded, stop.value
    return yielded, "unfinished"


class Tree:
    def __init__(self, left, value, right):
        self.left, self.value, self.right = left, value, right

    async def __aiter__(self):
        if self.left:
            async for item in self.left:
                yield item
        yield self.value
        if self.right:
            async for item in self.right:
                yield item


def tree(low, high):
    if low >= high:
        return None
    middle = (low + high) // 2
    return Tree(tree(low, middle), middle, tree(middle + 1, high))


async def walk(root):
    found = []
    async for item in root:
        found.append(item)
    return found


async def ticks(n, pauses=0):
    for i in range(n):
        if pauses and i % pauses == 0:
            got = await pause(("tick", i))
            yield i, got
        else:
            yield i


async def doubled(source):
    async for item in source:
        yield item
        yield item


async def chained(n, pauses):
    total = []
    async for item in doubled(doubled(ticks(n, pauses))):
        total.append(item)
    else:
        total.append("all")
    return total


async def breaks(n):
    total = 0
    source = ticks(n)
    async for item in source:
        if item == n // 2:
            break
        total += item
    async for item in source:
        total += 100 * item
    async for item in source:
        total += 100000
    return total


async def comprehends(n):
    some = [item async for item in ticks(n) if item % 2]
    pairs = {item: [other async for other in ticks(item)] async for item in ticks(n)}
    return some, pairs, [item async for item in ticks(n, 2)]


for turn in range(60):
    result = [drive(walk(tree(0, 12))), drive(chained(5, 0)), drive(chained(5, 2)), drive(breaks(9)), drive(comprehends(5))]
print(result)


# Driven by hand: what is sent, thrown, closed, asked for twice, asked for too late.
async def echo(n):
    got, log = None, []
    try:
        for i in range(n):
            try:
                got = yield i, got
            except KeyError as error:
                got = repr(error)
    finally:
        await pause("closing")


def attempt(function, *args):
    try:
        return function(*args)
    except BaseException as error:
        return type(error).__name__, str(error), [it.lineno for it in traceback.extract_tb(error.__traceback__)][1:]


async def by_hand():
    log = []
    source = echo(4)
    log.append(await source.asend(None))
    log.append(await source.asend("one"))
    log.append(await source.athrow(KeyError("two")))
    log.append(await anext(source))
    try:
        await anext(source)
    except StopAsyncIteration as stop:
        log.append((repr(stop), [it.colno for it in traceback.extract_tb(stop.__traceback__)]))
    log.append(await anext(source, "default"))
    source = echo(3)
    log.append(await anext(source))
    await source.aclose()
    return log


def twice():
    log = []
    source = ticks(3, 1)
    first, second = source.__anext__(), source.__anext__()
    log.append(attempt(first.send, None))
    log.append((source.ag_running, source.ag_await is not None))
    log.append(attempt(second.send, None))
    log.append(attempt(first.send, "back"))
    log.append(attempt(first.send, None))
    log.append(attempt(source.asend("early").send, None))
    log.append(attempt(ticks(3).asend("early").send, None))
    log.append(attempt(ticks(0).__anext__().send, None))
    source = ticks(2)
    log.append([attempt(source.__anext__().send, None) for i in range(4)])
    step = source.__anext__()
    log.append(attempt(next, step))
    log.append(attempt(next, step))
    log.append(attempt(step.close))
    return log


for turn in range(60):
    result = drive(by_hand()), twice()
print(result)


# Errors inside, errors in the loop's body, what stops in the wrong way.
async def fails(n):
    for i in range(n):
        yield i
    raise ValueError(n)


async def stops(n):
    yield n
    raise StopAsyncIteration("by hand")


class Wrong:
    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration


async def over(source):
    seen = []
    try:
        async for item in source:
            seen.append(item)
            if item == 7:
                raise KeyError(item)
    except (ValueError, KeyError, RuntimeError) as error:
        places = [(it.name, it.lineno, it.colno) for it in traceback.extract_tb(error.__traceback__)]
        return seen, repr(error), repr(error.__cause__), repr(error.__context__), places
    return seen, sys.exception()


for turn in range(60):
    result = [drive(over(it)) for it in (fails(2), fails(9), stops(1), ticks(3), Wrong(), doubled(fails(1)))]
print(result)


async def handles(n):
    seen = []
    try:
        raise OSError(n)
    except OSError:
        async for item in doubled(ticks(n, 2)):
            seen.append((item, repr(sys.exception())))
    return seen, sys.exception()


# Whose frames are seen.
async def looks(n):
    for i in range(n):
        frame, names = sys._getframe(), []
        while frame.f_code.co_name != "<module>":
            names.append(frame.f_code.co_name)
            frame = frame.f_back
        yield names


class Noisy:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def __del__(self):
        self.log.append((self.name, sys._getframe(1).f_code.co_name))


async def holds(log):
    first = Noisy("first", log)
    yield Noisy("yielded", log)
    log.append("between")
    del first
    second = Noisy("second", log)
    yield 2


async def drops(log):
    async for item in holds(log):
        log.append("body")
        del item
    log.append("behind")


for turn in range(60):
    log = []
    result = drive(handles(3)), drive(walk(doubled(looks(2)))), drive(drops(log)), log
print(result)


# With an event loop, which is told when one begins and when one is dropped.
async def sleepy(n):
    try:
        for i in range(n):
            await asyncio.sleep(0)
            yield i
    finally:
        await asyncio.sleep(0)
        done.append(n)


async def consume(n):
    total = 0
    async for item in sleepy(n):
        total += item
        if item == 5:
            break
    return total


async def together():
    results = await asyncio.gather(*[consume(i) for i in range(9)], walk(tree(0, 9)))
    task = asyncio.create_task(consume(4))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        results.append("cancelled")
    return results


for turn in range(20):
    done = []
    result = asyncio.run(together())
print(result, sorted(done))


# Traced in the middle.
def tracer(frame, event, arg):
    if frame.f_code.co_name in ("ticks", "traces"):
        events.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
        return tracer


async def traces(n):
    total = 0
    async for item in ticks(n):
        total += item
        if n > 3 and item == 1:
            sys.settrace(tracer)
    return total


events = []
for turn in range(60):
    result = drive(traces(3))
result = drive(traces(4))
sys.settrace(None)
print(result, events)
