"""Measures how fast the hot paths of four programs could be, against the interpreter.

    python3.13 benches/ceiling/run.py [--rounds N] [--only PROGRAM] [PATH OF pyperformance]

Compiles the C files beside this one with `cc` against this interpreter's headers, each several times with
another dial turned (see ceiling.h), into a temporary folder. Each program then runs unmodified, with one of its
functions replaced by the C function, in rounds that go through the interpreter and all variants in turn; results
are compared with the interpreter's. Printed are the medians of the CPU times and how many times faster than the
interpreter each variant is.

The programs are those of the package `pyperformance`, found at the path given, in MARTLET_PYPERFORMANCE, or
installed. The tokenizer needs the package `html5lib`; without it, it is left out.
"""

import argparse
import copy
import importlib
import importlib.util
import io
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))

# What each variant changes about the best code: the dials of ceiling.h and of the programs.
COMMON = {
    "best": [],
    "a real frame for each call": ["FRAMES=1"],
    "calls through cells, not inlined": ["CALLS=1"],
    "the same, with real frames": ["CALLS=1", "FRAMES=1"],
    "bound methods and argument tuples": ["CALLS=2", "FRAMES=1"],
    "no guards at all": ["GUARDS=0"],
    "guards at every access": ["GUARDS=2"],
    "a reference for each load": ["COUNTS=1"],
}
WORST = ["FRAMES=1", "CALLS=2", "GUARDS=2", "COUNTS=1", "PLACES=0", "NUMBERS=0"]


def load_program(name, folder):
    """Import the program `name` of pyperformance, which asks of pyperf only its clock, which stands still here."""
    stand_in = types.ModuleType("pyperf")
    stand_in.perf_counter = float
    stand_in.python_implementation = lambda: "cpython"
    sys.modules["pyperf"] = stand_in
    path = os.path.join(folder, f"pyperformance/data-files/benchmarks/bm_{name}/run_benchmark.py")
    spec = importlib.util.spec_from_file_location(f"program_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Program:
    """A program: how to run it once, where its hot function is, and what its C file can be asked.

    `owner` and `name` say which function the C function of the same name replaces. `workloads` are functions that run
    the program once, by the name of their row; `result` gives what has to be equal.
    """

    def __init__(self, source, owner, name, workloads, result, variants, subject=None):
        self.source = source
        self.owner = owner
        self.name = name
        self.workloads = workloads
        self.result = result
        self.variants = variants
        self.subject = subject if subject is not None else owner


def richards(folder):
    program = load_program("richards", folder)
    variants = COMMON | {
        "attributes by name": ["PLACES=0"],
        "a new box for each number": ["NUMBERS=1"],
        "numbers through PyNumber_*": ["NUMBERS=0"],
        "all of it at its worst": WORST,
    }
    run = program.Richards().run
    result = lambda: run(1) and (program.taskWorkArea.holdCount, program.taskWorkArea.qpktCount)
    return Program("richards", program, "schedule", {"richards": lambda: run(1)}, result, variants)


def deepcopy(folder):
    program = load_program("deepcopy", folder)
    variants = COMMON | {
        "dict keys boxed, C functions called": ["LOOKUPS=1"],
        "dict.get through a method object": ["LOOKUPS=0"],
        "tuples, bound methods, items made": ["ESCAPES=0"],
        "KeyError raised and caught": ["QUIET_MISSES=0"],
        "the instance's __dict__ made": ["QUIET_DICTS=0"],
        "attributes by name": ["PLACES=0"],
        "all of it at its worst": WORST + ["LOOKUPS=0", "ESCAPES=0", "QUIET_MISSES=0", "QUIET_DICTS=0"],
    }
    workloads = {
        "deepcopy": lambda: program.benchmark(20),
        "deepcopy_memo": lambda: program.benchmark_memo(50),
        "deepcopy_reduce": lambda: program.benchmark_reduce(200),
    }
    data = {"a": [1, (2, [3]), "x"], "b": (1, 2), "c": program.A("x", [1], True)}
    data["d"] = data["a"]

    def result():
        copied = copy.deepcopy(data)
        shared = copied["d"] is copied["a"] is not data["a"] and copied["b"] is data["b"]
        return copied, shared, list(vars(copied["c"]))

    return Program("deepcopy", copy, "deepcopy", workloads, result, variants)


def pure_pickle():
    """The module `pickle` as it is without its accelerator, beside the one that is imported already."""
    kept = {name: sys.modules.pop(name, None) for name in ("pickle", "_pickle")}
    sys.modules["_pickle"] = None
    module = importlib.import_module("pickle")
    for name, old in kept.items():
        del sys.modules[name]
        if old is not None:
            sys.modules[name] = old
    return module


def pickler(folder):
    program = load_program("pickle", folder)
    pickle = pure_pickle()
    options = types.SimpleNamespace(protocol=pickle.HIGHEST_PROTOCOL)
    variants = COMMON | {
        "dict keys boxed, C functions called": ["LOOKUPS=1"],
        "dict.get through a method object": ["LOOKUPS=0"],
        "C methods through bound methods": ["BUILTINS=0"],
        "iterators and slices made": ["ESCAPES=0"],
        "attributes by name": ["PLACES=0"],
        "all of it at its worst": WORST + ["LOOKUPS=0", "BUILTINS=0", "ESCAPES=0"],
        "beyond: struct.pack known": ["INTRINSICS=1"],
        "beyond: io.BytesIO known, too": ["INTRINSICS=2"],
    }
    workloads = {
        "pickle_pure_python": lambda: program.bench_pickle(1, pickle, options),
        "pickle_list, pure": lambda: program.bench_pickle_list(2, pickle, options),
        "pickle_dict, pure": lambda: program.bench_pickle_dict(1, pickle, options),
    }
    numbers = [0, 255, 256, -1, 1 << 40, 1.5, *range(900)]
    others = [None, True, False, "\u20ac", "", b"x", (), (1,), (1, 2, 3, 4), [[]], {"a": {}}]
    values = [program.DICT, program.TUPLE, program.DICT_GROUP, program.LIST, program.MICRO_DICT, numbers, others]
    return Program("pickler", pickle, "dumps", workloads, lambda: [pickle.dumps(v, 5) for v in values], variants)


def tokenizer(folder):
    html5lib = importlib.import_module("html5lib._tokenizer")
    path = os.path.join(folder, "pyperformance/data-files/benchmarks/bm_html5lib/data/w3_tr_html5.html")
    with open(path, "rb") as file:
        document = file.read()

    def tokens(tokenizer, keep):
        for token in tokenizer:
            if keep is not None:
                keep.append(token)

    def result():
        kept = []
        here.tokens(new(), kept)
        return kept

    here = types.SimpleNamespace(tokens=tokens)
    new = lambda: html5lib.HTMLTokenizer(io.BytesIO(document))
    variants = COMMON | {
        "sets and dicts through C functions": ["LOOKUPS=1"],
        "C methods through bound methods": ["BUILTINS=0"],
        "keys, parts and slices made": ["ESCAPES=0"],
        "attributes by name": ["PLACES=0"],
        "a new box for each number": ["NUMBERS=1"],
        "all of it at its worst": WORST + ["LOOKUPS=1", "BUILTINS=0", "ESCAPES=0"],
        "beyond: patterns compiled": ["PATTERNS=1"],
    }
    example = new()
    list(example)
    workloads = {"html5lib's tokenizer": lambda: here.tokens(new(), None)}
    return Program("tokenizer", here, "tokens", workloads, result, variants, example)


PROGRAMS = {"richards": richards, "deepcopy": deepcopy, "pickler": pickler, "tokenizer": tokenizer}


def build(source, variant, dials, folder, number):
    """Compile one variant and import it."""
    module = f"{source}_{number}"
    path = os.path.join(folder, module + ".so")
    include = sysconfig.get_path("include")
    command = ["cc", "-O3", "-g", "-fno-plt", "-fno-strict-overflow", "-shared", "-fPIC"]
    command += ["-Wall", "-Wextra", "-Wno-unused-parameter"]
    command += [f"-I{include}", f"-I{include}/internal", f"-I{include}/internal/mimalloc"]
    command += [f"-DMODULE={module}"] + [f"-D{dial}" for dial in dials]
    subprocess.run(command + [os.path.join(HERE, source + ".c"), "-o", path], check=True)
    spec = importlib.util.spec_from_file_location(module, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def cpu_seconds(function, at_least):
    """CPU seconds of one call of `function`, from as many calls as take `at_least` seconds."""
    calls = 0
    start = time.thread_time()
    while True:
        function()
        calls += 1
        passed = time.thread_time() - start
        if passed >= at_least:
            return passed / calls


def measure(program, folder, rounds, only):
    original = getattr(program.owner, program.name)
    for workload in program.workloads.values():
        for _ in range(3):
            workload()
    expected = program.result()
    functions = {"interpreter": original}
    for number, (variant, dials) in enumerate(program.variants.items()):
        if only and variant not in only:
            continue
        module = build(program.source, variant, dials, folder, number)
        module.setup(program.subject)
        functions[variant] = getattr(module, program.name)
    times = {}
    for round_ in range(rounds):
        for variant, function in functions.items():
            setattr(program.owner, program.name, function)
            if round_ == 0 and program.result() != expected:
                sys.exit(f"{program.source}, {variant}: another result than the interpreter's")
            for row, workload in program.workloads.items():
                workload()
                times.setdefault((row, variant), []).append(cpu_seconds(workload, 0.05))
    setattr(program.owner, program.name, original)
    for row in program.workloads:
        plain = statistics.median(times[row, "interpreter"])
        print(f"\n{row}: {plain * 1e3:.3f} ms in the interpreter")
        for variant in functions:
            seconds = statistics.median(times[row, variant])
            print(f"  {variant:40} {seconds * 1e3:10.4f} ms {plain / seconds:8.2f}x", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pyperformance", nargs="?", default=os.environ.get("MARTLET_PYPERFORMANCE"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", action="append", choices=list(PROGRAMS))
    parser.add_argument("--variant", action="append", help="measure only this variant; may be given several times")
    options = parser.parse_args()
    folder = options.pyperformance
    if folder is None:
        spec = importlib.util.find_spec("pyperformance")
        if spec is None:
            parser.error("pyperformance is not installed, and no path was given")
        folder = os.path.dirname(os.path.dirname(spec.origin))
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.only or PROGRAMS:
            if name == "tokenizer" and importlib.util.find_spec("html5lib") is None:
                print("\nhtml5lib is not installed: its tokenizer is left out")
                continue
            measure(PROGRAMS[name](folder), temporary, options.rounds, options.variant)


if __name__ == "__main__":
    main()
