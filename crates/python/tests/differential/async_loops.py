"""`async for` and `async with` in coroutines that are hot: items, ends, errors, wrong objects, what dies when."""

import sys
import traceback


class Once:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        return (yield self.value)


class Count:
    """An asynchronous iterator in Python."""

    def __init__(self, n, fails_at=None, waits=False):
        self.n, self.i, self.fails_at, self.waits = n, 0, fails_at, waits

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.i == self.fails_at:
            raise LookupError(self.i)
        if self.i == self.n:
            raise StopAsyncIteration
        self.i += 1
        if self.waits:
            await Once(self.i)
        return self.i


async def generate(n, fails_at=None):
    try:
        for i in range(n):
            if i == fails_at:
                raise LookupError(i)
            if i % 3 == 0:
                await Once(i)
            yield i
    finally:
        log.append("generator ends")


class Manager:
    def __init__(self, name, swallow=()):
        self.name, self.swallow = name, swallow

    def __repr__(self):
        return f"Manager {self.name}"

    async def __aenter__(self):
        await Once("enter " + self.name)
        return self

    async def __aexit__(self, kind, value, trace):
        await Once("exit " + self.name)
        log.append((self.name, kind and kind.__name__, sys.exception() is value))
        return kind in self.swallow


async def total(items):
    result = 0
    async for item in items:
        result += item
    else:
        result += 1000
    return result


async def first_above(items, limit):
    async for item in items:
        if item > limit:
            break
    else:
        return None
    return item


async def nested(n):
    out = []
    async for i in Count(n):
        async for j in generate(i):
            if j == 2:
                continue
            out.append((i, j))
    return out


async def comprehends(n):
    return [i async for i in Count(n, waits=True) if i % 2], {i: i * i async for i in generate(n)}


async def handles(n, fails_at):
    try:
        async for item in Count(n, fails_at):
            log.append(item)
    except LookupError as error:
        return "caught", error.args, [line.name for line in traceback.extract_tb(error.__traceback__)]
    finally:
        log.append("finally")
    return "ended"


async def managed(n, swallow):
    out = []
    async with Manager("a", swallow) as a, Manager("b") as b:
        out.append((a.name, b.name))
        async for item in generate(n + 1, n):
            out.append(item)
        out.append("not reached")
    return out


class NoIterator:
    pass


class NoNext:
    def __aiter__(self):
        return NoIterator()


class BadNext:
    def __aiter__(self):
        return self

    def __anext__(self):
        return 5


class Half:
    async def __aenter__(self):
        return self


async def enters(manager):
    async with manager as value:
        return value


class Dies:
    def __del__(self):
        log.append("iterator dies")

    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration


async def dies():
    async for item in Dies():
        pass
    log.append("behind the loop")


def drive(coroutine):
    waited = []
    try:
        while True:
            waited.append(coroutine.send(None))
    except StopIteration as stop:
        return stop.value, len(waited)
    except Exception as error:
        return type(error).__name__, str(error), repr(error.__cause__), len(waited)


for turn in range(60):
    log = []
    results = [
        drive(total(Count(20))),
        drive(total(Count(20, waits=True))),
        drive(total(generate(20))),
        drive(total(generate(20, 7))),
        drive(first_above(Count(9), 4)),
        drive(first_above(generate(3), 4)),
        drive(nested(4)),
        drive(comprehends(7)),
        drive(handles(5, 3)),
        drive(handles(5, None)),
        drive(managed(4, (LookupError,))),
        drive(managed(4, ())),
        drive(enters(Manager("c"))),
        drive(dies()),
    ]
    wrong = [drive(total(it)) for it in (NoIterator(), NoNext(), BadNext(), [1])]
    wrong += [drive(enters(it)) for it in (NoIterator(), Half(), None)]
for result in results + wrong:
    print(result)
print(log)

# Thrown into and closed while they wait.
for turn in range(40):
    log = []
    ends = []
    for throw in (KeyError("in"), GeneratorExit()):
        waiting = managed(9, (KeyError,))
        for _ in range(4):
            waiting.send(None)
        try:
            ends.append(waiting.throw(throw))
            ends.append(drive(waiting))
        except BaseException as error:
            ends.append(repr(error))
    waiting = total(generate(30))
    waiting.send(None)
    waiting.close()
print(ends, log)
