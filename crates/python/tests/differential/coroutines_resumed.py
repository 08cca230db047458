"""Coroutines that go on in compiled code: chains of awaits, tasks, errors and cancellation, what is awaited wrongly."""

import asyncio
import contextlib
import sys
import types
import warnings


class Ready:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        got = yield self.value
        return (self.value, got)


class Immediate:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        return iter(())


async def leaf(n):
    if n % 4 == 0:
        return n
    got = await Ready(n)
    return got


async def middle(n):
    total = []
    for i in range(n):
        total.append(await leaf(i))
    return total


async def top(n):
    first = await middle(n)
    second = await Immediate(n)
    return first, second


def drive(coroutine, answers=None):
    yielded = []
    try:
        got = None
        while True:
            yielded.append(coroutine.send(got))
            got = answers and len(yielded)
    except StopIteration as stop:
        return yielded, stop.value


for turn in range(60):
    result = drive(top(6)), drive(top(5), True)
print(result)


@types.coroutine
def old_style(n):
    x = yield n
    return x, n


async def awaits_old(n):
    return [await old_style(i) for i in range(n)]


for turn in range(40):
    old = drive(awaits_old(3), True)
print(old)


async def wrong(what):
    return await what


def attempt(coroutine):
    try:
        return drive(coroutine)
    except Exception as error:
        return type(error).__name__, str(error)


class Lies:
    def __await__(self):
        return 5


def a_generator():
    yield 1


async def done():
    return 1


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for turn in range(30):
        used = done()
        drive(used)
        pending = leaf(1)
        pending.send(None)
        holder = wrong(pending)
        errors = [attempt(wrong(it)) for it in (5, None, a_generator(), Lies(), used)] + [attempt(wrong(holder))]
        with contextlib.suppress(StopIteration):
            pending.send(None)
print(errors)


class Manager:
    def __init__(self, log):
        self.log = log

    async def __aenter__(self):
        await asyncio.sleep(0)
        self.log.append("in")
        return self

    async def __aexit__(self, kind, value, trace):
        await asyncio.sleep(0)
        self.log.append(("out", kind and kind.__name__))
        return kind is KeyError


async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


async def worker(name, n, log):
    total = 0
    async with Manager(log):
        async for tick in ticks(n):
            total += tick
        if name == "b":
            raise KeyError(name)
        log.append(name)
    return total


async def cancelled(log):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    finally:
        await asyncio.sleep(0)
        log.append("cleaned")


async def tree(depth):
    if depth == 0:
        await asyncio.sleep(0)
        return 1
    return sum(await asyncio.gather(*[tree(depth - 1) for _ in range(3)]))


async def main(log):
    results = await asyncio.gather(worker("a", 3, log), worker("b", 2, log), worker("c", 4, log))
    task = asyncio.create_task(cancelled(log))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    queue = asyncio.Queue(2)

    async def produce():
        for i in range(10):
            await queue.put(i)
        await queue.put(None)

    async def consume():
        items = []
        while (item := await queue.get()) is not None:
            items.append(item)
        return items

    _, items = await asyncio.gather(produce(), consume())
    async with asyncio.timeout(5):
        count = await tree(4)
    return results, items, count, [x async for x in ticks(3)], task.cancelled()


for turn in range(8):
    log = []
    answer = asyncio.run(main(log))
print(answer, log)


async def raises(n):
    if n == 0:
        raise LookupError("deep")
    await asyncio.sleep(0)
    await raises(n - 1)


async def handles():
    out = []
    for n in range(4):
        try:
            await raises(n)
        except LookupError as error:
            out.append((str(error), sys.exception() is error, frames(error)))
            await asyncio.sleep(0)
            out.append(sys.exception() is error)
    return out


def frames(error):
    trace, names = error.__traceback__, []
    while trace is not None:
        names.append((trace.tb_frame.f_code.co_name, trace.tb_lineno - raises.__code__.co_firstlineno))
        trace = trace.tb_next
    return names


for turn in range(20):
    out = asyncio.run(handles())
print(out)


def state(coroutine):
    return coroutine.cr_running, coroutine.cr_await is not None, coroutine.cr_frame and coroutine.cr_frame.f_lineno


async def waits():
    x = 1.5
    y = await Ready(x)
    return y


for turn in range(30):
    coroutine = waits()
    base = waits.__code__.co_firstlineno
    seen = [state(coroutine)[:2], coroutine.send(None), state(coroutine)[:2], coroutine.cr_frame.f_lineno - base, coroutine.cr_frame.f_locals]
    try:
        coroutine.throw(ValueError("in"))
    except ValueError as error:
        seen += [str(error), state(coroutine)]
print(seen)
never = waits()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    del never
print([str(it.message) for it in caught])
