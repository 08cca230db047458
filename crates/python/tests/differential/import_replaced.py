"""A program that replaces `__import__` sees the imports that it makes, and no others."""
import builtins
import time

seen = []
import_ = builtins.__import__


def remembering(name, *args, **kwargs):
    seen.append(name)
    return import_(name, *args, **kwargs)


def work(n):
    total = 0
    for i in range(n):
        total += i % 7
    return total


builtins.__import__ = remembering
until = time.monotonic() + 0.3
while time.monotonic() < until:
    result = work(2000)
import math

print(result, seen, math.floor(2.5))
