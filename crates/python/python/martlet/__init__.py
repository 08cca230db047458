"""Martlet: unchanged Python programs, compiled while they run.

`python -m martlet script.py` runs a program under it. From within a program:

    import martlet
    martlet.enable()          # whatever gets hot is compiled, in the background
    martlet.compile(f)        # this one, now; True if it worked
    @martlet.jit              # this one, asked for at its first call
    martlet.stats()           # what was done, as a dict
    martlet.inspect(f).hir()  # how it was understood; also .ir(), .asm(), .versions(), .reason()
    martlet.inspect(f).report()  # what is slow, by line; .write("f.html") makes a page of it
    martlet.disable()         # back to the interpreter
"""

import atexit
import os
import sys

# What stands below was built against the headers of this one.
if sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 13) or sys.abiflags:
    raise ImportError(
        "martlet works with the usual build of CPython 3.13 only; this is "
        + sys.implementation.name + " " + sys.version.split()[0]
        + (" with ABI flags " + sys.abiflags if sys.abiflags else "")
    )

from martlet import _martlet
from martlet._martlet import Inspection, is_enabled

__all__ = [
    "Inspection", "compile", "disable", "enable", "inspect", "is_enabled", "jit", "stats", "wait",
]

_hooked = False


def _hook():
    """Registers what must happen at a fork and at the end, once."""
    global _hooked
    if not _hooked:
        _hooked = True
        os.register_at_fork(
            before=_martlet.before_fork,
            after_in_parent=_martlet.after_fork_in_parent,
            after_in_child=_martlet.after_fork_in_child,
        )
        atexit.register(_martlet.finish)


def enable():
    """Compile what gets hot, from now on. With MARTLET_OFF=1 in the environment this does nothing."""
    _hook()
    _martlet.enable()


def disable():
    """Back to the interpreter: every compiled version is dropped as soon as nobody is inside of it."""
    _martlet.disable()


def compile(function):
    """Compile a function now. True if its calls enter machine code from here on, else see `inspect(f).reason()`."""
    _hook()
    return _martlet.compile(function)


def jit(function):
    """A decorator: the function is compiled in the background when it is called for the first time."""
    _hook()
    return _martlet.jit(function)


def wait(seconds=10.0):
    """Wait until nothing is being compiled, at most so long. True if nothing is left."""
    return _martlet.wait(seconds)


def stats():
    """What was done so far: counts, reasons, bytes, nanoseconds."""
    import json

    return json.loads(_martlet.stats_json())


def inspect(function):
    """A function under the glass: hir(), ir(), asm(), bytecode(), versions(), compiled(), reason(), report()."""
    return Inspection(function)
