"""A signal that comes while a C function runs is handled at its call, within the `try` that the call stands in."""

import _thread
import os
import signal


def plain():
    where = "before"
    try:
        _thread.interrupt_main()
        where = "behind"
    except KeyboardInterrupt:
        return "inside", where
    return "outside", where


def with_arguments(pid, *number):
    where = "before"
    try:
        os.kill(pid, *number)
        where = "behind"
    except KeyboardInterrupt:
        return "inside", where
    return "outside", where


def in_a_python_function():
    _thread.interrupt_main()


def passed_on(hits):
    try:
        in_a_python_function()
        hits.append("behind")
    finally:
        hits.append("finally")


def in_a_loop(n):
    caught = 0
    for i in range(n):
        try:
            if i % 50 == 7:
                _thread.interrupt_main()
                caught += 1000
        except KeyboardInterrupt:
            caught += 1
    return caught


for i in range(40):
    results = [plain(), with_arguments(os.getpid(), signal.SIGINT)]
    hits = []
    try:
        passed_on(hits)
    except KeyboardInterrupt as error:
        hits.append(error.__traceback__.tb_next.tb_next.tb_frame.f_code.co_name)
print(results, hits)
print(in_a_loop(2000))
