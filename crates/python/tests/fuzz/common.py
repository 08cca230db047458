"""What every random program begins with: how its functions are driven, and how what happens is shown."""

import random
import textwrap

# The program's own text: what it prints must not depend on addresses or time.
PREAMBLE = '''\
import gc
import sys
import traceback

BUDGET = 400
steps = 0


class Enough(BaseException):
    """Ends what would run for too long."""


def tick():
    global steps
    steps += 1
    if steps > BUDGET:
        raise Enough


def show(value, depth=0):
    """A text of a value that is the same in every process."""
    kind = type(value)
    if depth > 4:
        return "..."
    if value is None or kind in (bool, float, str, bytes, range, slice):
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() < 300 else f"int of {value.bit_length()} bits, {value % 1000003}"
    if kind in (list, tuple):
        return kind.__name__ + "(" + ", ".join([show(item, depth + 1) for item in value[:30]]) + ")"
    if kind in (set, frozenset):
        return kind.__name__ + "(" + ", ".join(sorted([show(item, depth + 1) for item in value])) + ")"
    if kind is dict:
        return "{" + ", ".join([show(k, depth + 1) + ": " + show(v, depth + 1) for k, v in list(value.items())[:30]]) + "}"
    if isinstance(value, BaseException):
        return kind.__name__ + show(value.args, depth + 1)
    return "a " + kind.__name__


def unraisable(what):
    print("  unraisable", show(what.exc_value))


sys.unraisablehook = unraisable


def resume(thing, way):
    """Runs a generator or coroutine to its end, or for some steps, in one of several ways."""
    kind = type(thing).__name__
    if kind == "async_generator":
        for number in range(6):
            if way == 1 and number == 2:
                step = thing.athrow(ValueError("thrown"))
            elif way == 2 and number == 3:
                step = thing.aclose()
            else:
                step = thing.asend(None if number == 0 else number)
            try:
                resume(step, 0)
            except StopAsyncIteration:
                print("  no more")
                return
        return
    for number in range(8):
        try:
            if way == 1 and number == 2:
                item = thing.throw(ValueError("thrown"))
            elif way == 2 and number == 3:
                print("  close", show(thing.close()))
                return
            elif way == 3 and number == 4:
                return
            else:
                item = thing.send(None if number == 0 else number)
            print("  item", show(item))
        except StopIteration as stop:
            print("  value", show(stop.value))
            return


def drive(name, way, function, *args):
    """Calls a function, runs what it returns if that can be resumed, and prints what comes of it."""
    global steps
    steps = 0
    try:
        result = function(*args)
        if type(result).__name__ in ("generator", "coroutine", "async_generator"):
            print(name, "is resumed")
            resume(result, way)
        print(name, "->", show(result))
    except BaseException:
        print(name, "raises")
        traceback.print_exc(file=sys.stdout)
        sys.exc_info()


'''


def indented(lines, depth=1):
    """The lines, further to the right."""
    return textwrap.indent("\n".join(lines), "    " * depth).split("\n")


def chooser(seed):
    """The only source of randomness of a program."""
    return random.Random(seed)
