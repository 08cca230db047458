"""Signals that arrive in compiled loops: a handler that acts, and KeyboardInterrupt."""

import os
import signal

hits = []
stop = False


def on_signal(number, frame):
    global stop
    hits.append((number, frame.f_code.co_name))
    stop = True


signal.signal(signal.SIGUSR1, on_signal)


def raise_at(i, number):
    if i == 1000:
        os.kill(os.getpid(), number)


def until_stopped(n):
    i = 0
    while not stop and i < n:
        i += 1
        raise_at(i, signal.SIGUSR1)
    return i < n


for _ in range(3):
    stop = False
    print(until_stopped(10**6), hits)


def interrupted(n):
    total = 0
    try:
        for i in range(n):
            raise_at(i, signal.SIGINT)
            total += i
    except KeyboardInterrupt:
        return "interrupted", total < n * n
    return "not interrupted"


signal.signal(signal.SIGINT, signal.default_int_handler)
for _ in range(3):
    print(interrupted(10**6))


def ticks(n):
    """A loop with no call in it: only the poll at its back edge can let the handler run."""
    i = 0
    while not stop:
        i += 1
        if i > n:
            return False
    return True


signal.signal(signal.SIGALRM, on_signal)
stop = False
signal.setitimer(signal.ITIMER_REAL, 0.05)
print(ticks(10**9), hits[-1])


class Stop(Exception):
    pass


def raising(number, frame):
    raise Stop(number)


signal.signal(signal.SIGUSR1, raising)
try:
    until_stopped(5)
    stop = False
    until_stopped(10**6)
except Stop as error:
    print(repr(error))
