"""Loops that get hot while they run, in functions and in the module itself, and whose exceptions are handled in them.

Handlers that begin to be used late, that stop to be used, and that lie around a loop.
"""

import sys
import threading


class Fails:
    def __init__(self):
        self.n = 0

    def __call__(self, every):
        self.n += 1
        if self.n % every == 0:
            raise ValueError(self.n)
        return self.n


def late(table, n):
    found = missing = 0
    for i in range(n):
        try:
            found += table[i % 1000]
        except KeyError as error:
            missing += error.args[0]
        if i == n // 3:
            del table[7]
        if i == n // 2:
            table[7] = 7.5
    return found, missing


def around(fails, n):
    rounds = []
    total = 0
    while len(rounds) < 5:
        try:
            for i in range(n):
                total += fails(n - 3) & 7
        except ValueError as error:
            rounds.append((error.args, i, error.__traceback__.tb_next.tb_lineno - Fails.__call__.__code__.co_firstlineno))
        else:
            rounds.append(None)
    return total, rounds


def reraised(fails, n):
    total = 0
    log = []
    for i in range(n):
        try:
            try:
                total += fails(5) % 3
            finally:
                total += 1
        except ValueError as error:
            if i % 20_000 == 19_999:
                log.append(error.__traceback__.tb_lineno - reraised.__code__.co_firstlineno)
            total += 2
    return total, log


def leaves_by_raising(fails, n):
    total = 0
    for i in range(n):
        try:
            total += fails(n - 10)
        except KeyError:
            total = -1
        except ValueError:
            total += 1
            raise
        finally:
            total += 1
            fails.last = total
    return total


def observed(table, n):
    """Another thread writes to the variables of this frame, through the frame in a traceback."""
    seen = set()
    tracebacks = []
    stop = threading.Event()

    def write():
        while not stop.is_set():
            if tracebacks:
                frame = tracebacks[0].tb_frame
                frame.f_locals["mark"] = "written"
                stop.set()
            stop.wait(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    mark = 0
    i = 0
    while not stop.is_set() or i % 100:
        i += 1
        try:
            table[i]
        except KeyError as error:
            seen.add(type(mark).__name__)
            if i > n and not tracebacks:
                tracebacks.append(error.__traceback__)
        seen.add(type(mark).__name__)
    writer.join()
    for i in range(200):
        try:
            table[i]
        except KeyError:
            seen.add(mark)
    return sorted(map(str, seen))


def generator_of_errors(n):
    for i in range(n):
        try:
            if i % 2:
                yield i // (i % 3)
            else:
                yield [][i]
        except (ZeroDivisionError, IndexError) as error:
            yield len(str(error))


table = {i: i for i in range(1000)}
print(late(dict(table), 1_500_000))
print(late(dict(table), 3_000))
print(around(Fails(), 60_000))
print(reraised(Fails(), 300_000))
fails = Fails()
for _ in range(2):
    try:
        leaves_by_raising(fails, 60_000)
    except ValueError as error:
        print(error.args, fails.last, error.__traceback__.tb_next.tb_lineno, error.__traceback__.tb_next.tb_next.tb_lineno)
print(observed({}, 2_000))
print(sum(generator_of_errors(10_000)))

count = total = 0
text = ""
for number in range(600_000):
    try:
        total += table[number % 1100]
    except KeyError as missing:
        count += 1
        if number % 100_000 == 1_050:
            text += str(missing)
print(count, total, text, "missing" in globals(), sys.exception())

count = 0
while count < 3:
    fails, number = Fails(), 0
    try:
        while True:
            number += fails(150_000) % 5
    except ValueError as error:
        count += 1
        print(number, error)
