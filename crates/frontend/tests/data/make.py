"""Writes the test data beside it: python3.13 make.py

opcodes.txt    every opcode byte: number, name, base opcode, code units of cache, then stack effects with ARGS
<name>.code    a code object after a few calls: one `field value` a line, bytes in hexadecimal
"""

import _opcode_metadata as metadata
import dis
import opcode
import pathlib

HERE = pathlib.Path(__file__).parent
ARGS = [0, 1, 2, 3, 4, 7, 255, 256, 258]


def write_opcodes():
    base = {form: of for of, forms in metadata._specializations.items() for form in forms}
    numbers = {**metadata.opmap, **metadata._specialized_opmap}
    lines = []
    for name, number in sorted(numbers.items(), key=lambda item: item[1]):
        if number > 255 or name in ("CACHE", "RESERVED", "ENTER_EXECUTOR"):
            continue
        of = base.get(name, name.removeprefix("INSTRUMENTED_"))
        if of not in metadata.opmap:  # INSTRUMENTED_LINE and INSTRUMENTED_INSTRUCTION hide what they replace.
            continue
        effects = []
        if name == of:
            for arg in ARGS:
                given = arg if number >= opcode.HAVE_ARGUMENT else None
                both = {dis.stack_effect(number, given, jump=jump) for jump in (False, True)}
                (effect,) = both
                effects.append(effect)
        caches = opcode._inline_cache_entries.get(of, 0)
        lines.append(" ".join(map(str, [number, name, of, caches, *effects])))
    (HERE / "opcodes.txt").write_text("\n".join(lines) + "\n")


def write_code(function, name):
    code = function.__code__
    fields = {
        "qualname": code.co_qualname,
        "first_line": 1,
        "arg_count": code.co_argcount,
        "n_locals": code.co_nlocals,
        "stack_size": code.co_stacksize,
        "code": code.co_code.hex(),
        "adaptive": code._co_code_adaptive.hex(),
        "exception_table": code.co_exceptiontable.hex(),
        "line_table": code.co_linetable.hex(),
        "names": " ".join(code.co_names),
        "local_names": " ".join(code.co_varnames + code.co_cellvars + code.co_freevars),
    }
    lines = [f"{key} {value}".rstrip() for key, value in fields.items()]
    (HERE / f"{name}.code").write_text("\n".join(lines) + "\n")


class Point:
    def __init__(self, x):
        self.x = x

    def twice(self):
        return self.x * 2


def loop(n):
    total = 0
    for i in range(n):
        if i % 3 == 0:
            total += i * 2
        elif i > 1000:
            total = n.bit_length() + abs(total)
    return total


def attributes(points):
    total = 0.0
    for k in range(len(points)):
        p = points[k]
        total += p.twice() + p.x
        p.x = 1.5
    return total


def protected(table, key):
    try:
        return table[key]
    except KeyError as error:
        print(error)
        raise
    finally:
        table.clear()


def make_long():
    body = "    while x:\n" + "        x = x + x\n" * 80
    namespace = {}
    exec("def long(x):\n" + body, namespace)
    return namespace["long"]


def main():
    write_opcodes()
    for _ in range(20):
        loop(100)
        attributes([Point(float(k)) for k in range(3)])
        protected({1: 2}, 1)
    write_code(loop, "loop")
    write_code(attributes, "attributes")
    write_code(protected, "protected")
    write_code(make_long(), "long")


main()
