"""A thread forks, and in the child it just returns: the child ends with its last Python thread."""

import os
import threading
import warnings

warnings.simplefilter("ignore")


def work(n):
    total = 0
    for i in range(n):
        total += i
    return total


def worker():
    pid = os.fork()
    for _ in range(200):
        result = work(200)
    if pid != 0:
        print(result, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return
    inner = threading.Thread(target=work, args=(1000,))
    inner.start()
    inner.join()


if __name__ == "__main__":
    for _ in range(50):
        work(200)
    forking = threading.Thread(target=worker)
    forking.start()
    forking.join()
