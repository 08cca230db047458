"""Hand-written bodies: machine code for the tests of what lies behind the compiler.

A body is C, compiled to an object file and installed as the version of a function. Exits are written as
crates/snapshot/src/exits.rs documents them.
"""

import functools
import os
import shutil
import subprocess
import sysconfig
import tempfile

# Nothing else is compiled meanwhile: read when martlet is first enabled.
os.environ["MARTLET_ONLY"] = "nothing"

from martlet import _martlet

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

PRELUDE = """
#include "martlet.h"
extern O martlet_slots[] __asm__("martlet.slots");
extern O exit_with_homes(TS ts, F frame, struct martlet_unit *unit, uint32_t index, const int64_t *home, ...)
    __asm__("martlet_exit");
#define martlet_exit(ts, frame, unit, index, ...) exit_with_homes(ts, frame, unit, index, NULL, ##__VA_ARGS__)
#define UNIT ((struct martlet_unit *)martlet_slots[0])
#define LOCAL(i) (frame->localsplus[i])
#define ENTER() (frame->return_offset = UNIT->mark)
#define AT(unit) (frame->instr_ptr = _PyCode_CODE((PyCodeObject *)frame->f_executable) + (unit))
"""

MEMORY = 0
NULL = 1 << 24


def owned(k):
    return 2 << 24 | k


def borrowed(k):
    return 3 << 24 | k


def boxed_int(k):
    return 4 << 24 | k


def boxed_float(k):
    return 5 << 24 | k


def boxed_bool(k):
    return 6 << 24 | k


def slot(k):
    return 7 << 24 | k


def virtual(k):
    return 8 << 24 | k


def small(k):
    return 9 << 24 | k


def raw(k):
    return 10 << 24 | k


TUPLE, RANGE_ITER, LIST_ITER, TUPLE_ITER, ENUMERATE, RANGE = range(6)


class Frame:
    def __init__(self, offset, stack=(), locals=(), return_to=0, code_slot=0, function=MEMORY):
        self.words = [code_slot, function, offset, return_to, len(locals), *locals, len(stack), *stack]


def exit_record(frames, doubles=(), virtuals=(), raised=False, drops=(), homes=()):
    """One record: `doubles` says for each value that is passed whether it is a double, `virtuals` are (kind, items),
    `homes` are words of the array of homes."""
    words = [int(raised), len(homes), *homes, len(doubles)]
    for start in range(0, len(doubles), 32):
        words.append(sum(1 << i for i, it in enumerate(doubles[start:start + 32]) if it))
    words.append(len(virtuals))
    for kind, items in virtuals:
        words += [kind, len(items), *items]
    words.append(len(frames))
    for frame in frames:
        words += frame.words
    return words + [len(drops), *drops]


def table(records):
    """The encoded exit table of a unit."""
    words = [len(records)] + [0] * len(records)
    for i, record in enumerate(records):
        words[i + 1] = len(words)
        words += record
    return words


@functools.cache
def c_compiler():
    for name in (os.environ.get("MARTLET_CLANG"), "clang-22", "clang", "cc", "gcc"):
        if name and shutil.which(name):
            return name
    raise RuntimeError("no C compiler for the tests' bodies")


@functools.cache
def compiled(source):
    """The object file made from C source."""
    include = sysconfig.get_paths()["include"]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "body.c")
        with open(path, "w") as file:
            file.write(PRELUDE + source)
        out = os.path.join(folder, "body.o")
        subprocess.run(
            [c_compiler(), "-c", "-O2", "-fPIC", "-fno-strict-aliasing", "-fno-stack-protector", "-w",
             "-fno-asynchronous-unwind-tables",
             "-I", os.path.join(ROOT, "clang-helpers"), "-I", include, "-I", include + "/internal",
             "-I", include + "/internal/mimalloc", path, "-o", out],
            check=True,
        )
        with open(out, "rb") as file:
            return file.read()


def install(function, body, exits=(), slots=(), **loop):
    """Installs `O body(TS ts, F frame)` with this text as its block."""
    source = "O martlet_body_of_test(TS ts, F frame) {\n" + body + "\n}\n"
    _martlet.install_made(
        function, compiled(source), "martlet_body_of_test", table(list(exits)),
        [f"exit{i}" for i in range(len(exits))], list(slots), **loop,
    )


def fresh(source, name="f", **globals):
    """A function of its own code object, called once: so it knows of the tools that earlier tests used."""
    exec(source, globals)
    function = globals[name]
    try:
        function(*[None] * function.__code__.co_argcount)
    except Exception:
        pass
    return function


def offset_of(function, opname, n=0, after=False):
    """The code-unit offset of the n-th instruction of that name, or of the one behind it."""
    import dis

    found = list(dis.get_instructions(function))
    at = [i for i, it in enumerate(found) if it.opname == opname][n]
    return found[at + 1 if after else at].offset // 2
