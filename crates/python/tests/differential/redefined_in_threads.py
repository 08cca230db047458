"""Threads call functions that another thread replaces and drops, and a child goes on with what it finds."""
import os
import sys
import threading
import warnings

# What a child of several threads may do is limited, and the interpreter says so.
warnings.simplefilter("ignore", DeprecationWarning)
sys.setswitchinterval(1e-5)

SOURCE = """
def leaf(x):
    return x + {k}

def middle(n):
    total = 0
    for i in range(n):
        total += leaf(i)
    return total

class Point:
    def get(self):
        return {k}

def use(point, n):
    total = 0
    for _ in range(n):
        total += point.get()
    return total
"""


def define(k):
    names = {"k": k}
    exec(SOURCE.format(k=k), names)
    return names


def check(names):
    k = names["k"]
    assert names["middle"](40) == 780 + 40 * k
    assert names["use"](names["Point"](), 40) == 40 * k


current = define(0)
done = threading.Event()
failures = []


def call():
    try:
        while not done.is_set():
            check(current)
    except BaseException as error:
        failures.append(repr(error))


def in_child():
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            check(current)
            check(define(1000))
            status = len(failures)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


callers = [threading.Thread(target=call) for _ in range(3)]
for caller in callers:
    caller.start()
statuses = []
for k in range(1, 9):
    current = define(k)
    for _ in range(20):
        check(current)
    if k % 4 == 0:
        statuses.append(in_child())
done.set()
for caller in callers:
    caller.join()
check(current)
print(failures, statuses)
