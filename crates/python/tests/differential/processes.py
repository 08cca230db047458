"""fork and multiprocessing: children run, and compile, on their own; no warnings."""

import multiprocessing
import os
import sys
import warnings

warnings.simplefilter("error")


def work(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


def wait_for(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fork_and_work(n):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        for _ in range(20):
            result = work(n)
        print("child", result, flush=True)
        os._exit(7)
    return wait_for(pid)


def new_function_in_child():
    def fresh(n):
        total = 0.0
        for i in range(n):
            total += i * 0.5
        return total

    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        for _ in range(50):
            result = fresh(200)
        print("fresh", result, flush=True)
        os._exit(0)
    return wait_for(pid), fresh(200)


if __name__ == "__main__":
    for _ in range(50):
        work(500)
    print(fork_and_work(1000), work(1000))
    print(new_function_in_child())
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            print(method, pool.map(work, [10, 100, 1000]))
