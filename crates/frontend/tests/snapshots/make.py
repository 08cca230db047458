"""Makes the requests that the tests translate: runs programs.py under CPython 3.13 until it is specialised, and writes
one JSON file a function beside this script. Usage: python3.13 make.py"""

import builtins
import json
import opcode
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).parent
LOCAL, CELL, FREE = 0x20, 0x40, 0x80


class Table:
    """Objects of a request."""

    def __init__(self):
        self.ids = {}
        self.rows = []
        self.codes = []

    def id(self, value):
        key = id(value)
        if key not in self.ids:
            self.ids[key] = len(self.rows)
            self.rows.append(None)
            self.rows[self.ids[key]] = self.row(value)
            self.keep = getattr(self, "keep", []) + [value]
        return self.ids[key]

    def row(self, value):
        kind = type(value)
        if value is None:
            return "None"
        if kind is bool:
            return {"Bool": value}
        if kind is int:
            return {"Int": value if -(2**63) <= value < 2**63 else None}
        if kind is float:
            return {"Float": value}
        if kind is str:
            return {"Str": value}
        if kind is tuple:
            return {"Tuple": [self.id(item) for item in value]}
        if kind is types.CodeType:
            return {"Code": self.codes.index(value) if value in self.codes else None}
        if kind is types.FunctionType:
            code = value.__code__
            return {"Function": {
                "qualname": value.__qualname__, "code": self.id(code), "arg_count": code.co_argcount,
                "frame_size": code.co_nlocals + code.co_stacksize + 10, "n_locals": n_locals(code),
                "simple": not code.co_flags & (0x04 | 0x08 | 0x20 | 0x80 | 0x200) and not code.co_kwonlyargcount,
                "direct": True}}
        if kind is type:
            return {"Type": {"name": value.__name__, "builtin": value.__module__ == "builtins"}}
        if kind is types.BuiltinFunctionType:
            return {"Builtin": {"module": value.__module__ or "", "name": value.__name__}}
        return {"Other": kind.__name__}


def n_locals(code):
    return len(code.co_varnames) + len([c for c in code.co_cellvars if c not in code.co_varnames]) + len(code.co_freevars)


def code_snapshot(table, code, globals_, seen):
    names = list(code.co_varnames)
    names += [c for c in code.co_cellvars if c not in names]
    names += list(code.co_freevars)
    sites = []
    raw = code._co_code_adaptive
    clean = code.co_code
    position = 0
    arg = 0
    while position < len(raw):
        name = opcode.opname[clean[position]]
        arg = arg << 8 | clean[position + 1]
        if name == "EXTENDED_ARG":
            position += 2
            continue
        if name == "LOAD_GLOBAL" and raw[position] != clean[position]:
            target = code.co_names[arg >> 1]
            value = globals_.get(target, getattr(builtins, target, None))
            builtin = target not in globals_
            sites.append([position // 2, {"Global": {"object": table.id(value), "builtin": builtin}}])
        arg = 0
        position += 2 + 2 * opcode._inline_cache_entries.get(name, 0)
    return {
        "name": code.co_name, "qualname": code.co_qualname, "filename": "programs.py",
        "first_line": code.co_firstlineno, "flags": code.co_flags, "arg_count": code.co_argcount,
        "pos_only_arg_count": code.co_posonlyargcount, "kw_only_arg_count": code.co_kwonlyargcount,
        "n_locals": n_locals(code), "stack_size": code.co_stacksize,
        "frame_size": n_locals(code) + code.co_stacksize + 10, "code": list(clean), "adaptive": list(raw),
        "exception_table": list(code.co_exceptiontable), "line_table": list(code.co_linetable),
        "consts": [table.id(const) for const in code.co_consts],
        "names": [[name, table.id(name)] for name in code.co_names], "local_names": names,
        "local_kinds": [LOCAL] * len(names), "seen_locals": seen, "seen_stack": [], "sites": sites}


def request(function, inline=(), seen=()):
    table = Table()
    table.codes = [function.__code__] + [callee.__code__ for callee in inline]
    codes = [code_snapshot(table, function.__code__, function.__globals__, list(seen))]
    codes += [code_snapshot(table, callee.__code__, callee.__globals__, []) for callee in inline]
    mode = {"generic_unknown": False, "exit_every": 0, "verify": True, "effort": "Quick", "dump": [], "max_units": 0}
    suspends = function.__code__.co_flags & (0x20 | 0x80 | 0x100)
    entry = "Resume" if suspends else "Start"
    return {"function": 1, "entry": entry, "mode": mode, "codes": codes, "objects": table.rows, "avoid": []}


def main():
    if sys.version_info[:2] != (3, 13):
        sys.exit("make.py wants CPython 3.13")
    namespace = {}
    exec(compile((HERE / "programs.py").read_text(), "programs.py", "exec"), namespace)
    for name, (function, inline) in namespace["REQUESTS"].items():
        made = request(function, inline)
        (HERE / f"{name}.json").write_text(json.dumps(made, separators=(",", ":")) + "\n")


main()
