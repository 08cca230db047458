"""Threads that run the same hot functions, switch often, and end with exceptions."""

import sys
import threading

sys.setswitchinterval(1e-5)


def work(n, step):
    total = 0
    for i in range(n):
        total += i * step
    return total


results = {}


def run(name, step):
    results[name] = work(20000, step) + work(3, 0.5)


threads = [threading.Thread(target=run, args=(i, i)) for i in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(results.items()))
done = threading.Event()
seen = []


def spin():
    n = 0
    while not done.is_set():
        n += 1
    seen.append(n >= 0)


spinner = threading.Thread(target=spin)
spinner.start()
print(work(50000, 1))
done.set()
spinner.join()
print(seen)
flag = 0


def wait_for_flag():
    turns = 0
    while not flag:
        turns += 1
    seen.append("flag seen")


waiter = threading.Thread(target=wait_for_flag)
waiter.start()
flag = 1
waiter.join()
print(seen)
caught = []
threading.excepthook = lambda info: caught.append((info.exc_type.__name__, str(info.exc_value)))


def failing(n):
    return work(n, "x" if n > 5 else 1) - work(n, None)


bad = threading.Thread(target=failing, args=(3,))
bad.start()
bad.join()
print(caught)
