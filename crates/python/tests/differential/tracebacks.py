"""Uncaught and caught exceptions through several frames, with causes, contexts and notes."""

import sys
import traceback


def divide(a, b):
    return a / b


def mean(values):
    return divide(sum(values), len(values))


def report(groups):
    out = []
    for group in groups:
        out.append(mean(group))
    return out


class Problem(Exception):
    pass


def wrap(groups):
    try:
        return report(groups)
    except ZeroDivisionError as error:
        raise Problem("cannot report", len(groups)) from error


def replace(groups):
    try:
        return report(groups)
    except ZeroDivisionError:
        groups[99]


def note(groups):
    try:
        report(groups)
    except ZeroDivisionError as error:
        error.add_note("the second group is empty")
        raise


def attribute(x):
    return (x
            .real
            .nothing)


for _ in range(100):
    report([[1, 2], [3.5]])
for function in (report, wrap, replace, note):
    try:
        function([[1], []])
    except Exception:
        traceback.print_exc(file=sys.stdout)
try:
    attribute(5)
except AttributeError as error:
    traceback.print_exc(file=sys.stdout)
    print(error.name, error.obj)


def deep(n):
    if n == 0:
        raise Problem("bottom")
    deep(n - 1)


try:
    deep(10)
except Problem as error:
    lines = []
    tb = error.__traceback__
    while tb is not None:
        lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno, tb.tb_lasti))
        tb = tb.tb_next
    print(lines)
wrap([[1, 2], [3], []])
