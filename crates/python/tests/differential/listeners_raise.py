"""A listener that comes while a loop runs and raises when it is told that an exception is handled: where that goes, and
which frames its traceback has."""

import sys
import traceback

monitoring = sys.monitoring
TOOL = 2
told = []


def listen(code, offset, exception):
    told.append((code.co_name, type(exception).__name__))
    if isinstance(exception, KeyError):
        stop()
        raise ZeroDivisionError("from the listener")


def start():
    monitoring.use_tool_id(TOOL, "raises")
    monitoring.register_callback(TOOL, monitoring.events.EXCEPTION_HANDLED, listen)
    monitoring.set_events(TOOL, monitoring.events.EXCEPTION_HANDLED)


def stop():
    monitoring.set_events(TOOL, 0)
    monitoring.free_tool_id(TOOL)


def fails(i, n):
    if i == n - 2:
        start()
        raise KeyError(i)
    return i


def loop(n):
    total = 0
    for i in range(n):
        try:
            total += fails(i, n)
        except KeyError:
            total -= 1
    return total


def loop_within(n):
    total = 0
    try:
        for i in range(n):
            try:
                total += fails(i, n)
            except KeyError:
                total -= 1
    except ZeroDivisionError as error:
        return total, i, error.args, lines(error)
    return total


def loop_of_handlers(n):
    total = 0
    for i in range(n):
        try:
            try:
                total += fails(i, n)
            except KeyError:
                total -= 1
            finally:
                total += 2
        except ZeroDivisionError as error:
            total += len(lines(error))
    return total


def leaves_behind(n):
    """What is raised behind a loop in a `try` is not handled there."""
    try:
        for i in range(n):
            i += 1
    except ValueError:
        return "handled"
    raise ValueError(i)


def lines(error):
    return [(it.name, it.lineno) for it in traceback.extract_tb(error.__traceback__)]


def show(function, n):
    told.clear()
    try:
        print(function.__name__, function(n))
    except Exception as error:
        print(function.__name__, repr(error), repr(error.__context__), lines(error))
        if error.__context__ is not None:
            print("  ", lines(error.__context__))
    print("  ", told)


for n in (4, 50, 20_000):
    for function in (loop, loop_within, loop_of_handlers, leaves_behind):
        show(function, n)
