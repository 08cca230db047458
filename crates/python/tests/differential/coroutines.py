"""Coroutines and async generators driven by hand and by asyncio, over compiled functions."""

import asyncio


def work(n):
    total = 0
    for i in range(n):
        total += i
    return total


async def step(n):
    await asyncio.sleep(0)
    return work(n)


async def count(n):
    for i in range(n):
        yield i
        await asyncio.sleep(0)


async def collect(n):
    out = []
    async for item in count(n):
        out.append(item + await step(item))
    return out


async def main():
    results = await asyncio.gather(*(collect(n) for n in range(6)))
    print(results)
    task = asyncio.create_task(collect(1000))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled")
    return work(100)


class Ready:
    def __await__(self):
        value = yield "waiting"
        return value * 2


async def by_hand(n):
    total = 0
    for _ in range(n):
        total += await Ready()
    return total


print(asyncio.run(main()))
coroutine = by_hand(3)
print(coroutine.send(None), coroutine.send(5), coroutine.send(0.5))
try:
    coroutine.send(2**62)
except StopIteration as stop:
    print(stop.value)
abandoned = by_hand(1)
abandoned.send(None)
abandoned.close()
