"""Runs one program from cold to its steady state and reports as a line of JSON.

    python measure.py public FOLDER BENCHMARK LOOPS [ARGUMENT ...]
    python measure.py own FILE

A public program is the `run_benchmark.py` in FOLDER, of the package `pyperformance`. It runs as it
is, as `__main__` and with the arguments that the package gives it; what stands in for `pyperf` is
below. An iteration is LOOPS calls of what the program registers under the name BENCHMARK. A program
of our own is a FILE with a function `run`, whose call is an iteration and whose result is reported.

What a public program imports is found in the folder named by MEASURE_NEEDS, as pip has filled it.

Reported are CPU seconds of this process with all its threads, those that compile included: `start`
before the first iteration, `times` of every iteration. They go on until WARM seconds have passed in
iterations, and then for STEADY seconds and LEAST iterations: those are the steady state, which
starts at the index `steady_from`. Memory is in KiB: `peak` is the process's largest resident
size, `late_peak` that within the steady state, when hardly anything is compiled any more. Of the latter
`compiler_files` are resident pages of LLVM and of what it brings along, and `thread_heaps` what
threads other than the first have allocated with malloc, as compilers do; these two are looked at
when all is done.
"""

import argparse
import importlib.util
import json
import os
import re
import runpy
import site
import sys
import time
import types

WARM = 5.0
STEADY = 1.0
LEAST = 3

COMPILER_FILES = re.compile(r"/(libmartlet_compiler|libLLVM|libz3|libxml2|libicu|libedit)[^/]*$")
THREAD_HEAP = 64 << 20
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)")


def measure(iterate):
    """Call `iterate` from cold until its steady state has been seen."""
    clock = time.process_time
    start = clock()
    times, steady_from, now = [], None, start
    while True:
        if steady_from is None and now - start >= WARM:
            early_peak = peak(forget=True)
            steady_from, steady_start = len(times), now
        if steady_from is not None:
            enough = len(times) - steady_from >= LEAST
            if enough and now - steady_start >= STEADY:
                break
        before = clock()
        iterate()
        now = clock()
        times.append(now - before)
    late_peak = peak()
    return {
        "start": start,
        "times": times,
        "steady_from": steady_from,
        "peak": max(early_peak, late_peak),
        "late_peak": late_peak,
        **compiler_memory(),
    }


def peak(forget=False):
    """The largest resident size until now; `forget` lets the next one start from the present."""
    with open("/proc/self/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    if forget:
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
    return kib


def mappings():
    """The process's mappings: first and last address, rights, file, resident KiB."""
    found = []
    with open("/proc/self/smaps") as smaps:
        for line in smaps:
            if match := MAPPING.match(line):
                first, last, rights, file = match.groups()
                found.append([int(first, 16), int(last, 16), rights, file, 0])
            elif line.startswith("Rss:"):
                found[-1][4] = int(line.split()[1])
    return found


def compiler_memory():
    """How much of what is resident belongs to a compiler."""
    found = mappings()
    files = sum(rss for *_, file, rss in found if COMPILER_FILES.search(file))
    # A heap of glibc for a thread starts at a multiple of its size; what it does not use yet
    # cannot be accessed.
    heaps = 0
    for (first, _, rights, file, rss), (_, last, rest, *_) in zip(found, found[1:]):
        if first % THREAD_HEAP == 0 and last - first == THREAD_HEAP and not file:
            if (rights, rest) == ("rw-p", "---p"):
                heaps += rss
    return {"compiler_files": files, "thread_heaps": heaps}


class Measured(Exception):
    """The program has shown what it was run for; the rest of it need not run."""


class Runner:
    """What the programs use of `pyperf.Runner`: registering measures the benchmark, once."""

    benchmark = None
    loops = 1
    report = None
    seen = []

    def __init__(self, *args, **kwargs):
        self.argparser = argparse.ArgumentParser()
        self.metadata = {}
        self.args = None

    def parse_args(self, args=None):
        self.args = self.argparser.parse_args(args)
        return self.args

    def _measure(self, name, iterate):
        self.seen.append(name)
        if name == self.benchmark:
            Runner.report = measure(iterate)
            raise Measured

    def bench_func(self, name, function, *args, inner_loops=None):
        def iterate(loops=range(self.loops)):
            for _ in loops:
                function(*args)

        self._measure(name, iterate)

    def bench_time_func(self, name, function, *args, inner_loops=None):
        self._measure(name, lambda: function(self.loops, *args))

    def bench_async_func(self, name, function, *args, loop_factory=None, inner_loops=None):
        import asyncio

        async def main(loops=range(self.loops)):
            for _ in loops:
                await function(*args)

        def iterate():
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(main())

        self._measure(name, iterate)


def pyperf():
    """The module that stands in for pyperf."""
    module = types.ModuleType("pyperf")
    module.Runner = Runner
    module.perf_counter = time.perf_counter
    module.python_implementation = lambda: sys.implementation.name
    return module


def public(folder, benchmark, loops, *arguments):
    path = os.path.join(folder, "run_benchmark.py")
    sys.modules["pyperf"] = pyperf()
    Runner.benchmark, Runner.loops = benchmark, int(loops)
    sys.path.insert(0, folder)
    sys.argv[1:] = arguments
    try:
        runpy.run_path(path, run_name="__main__")
    except Measured:
        return Runner.report
    raise SystemExit(f"{path} has no benchmark {benchmark}, but {Runner.seen}")


def own(path):
    spec = importlib.util.spec_from_file_location("program", path)
    program = importlib.util.module_from_spec(spec)
    sys.modules["program"] = program
    spec.loader.exec_module(program)
    wanted = None

    def iterate():
        nonlocal wanted
        result = program.run()
        if wanted is None:
            wanted = result
        elif result != wanted:
            raise SystemExit(f"{path}: first {wanted!r}, then {result!r}")

    report = measure(iterate)
    return report | {"result": repr(wanted)}


def main():
    kind, *arguments = sys.argv[1:]
    if needs := os.environ.get("MEASURE_NEEDS"):
        sys.path.insert(0, needs)
        site.addsitedir(needs)
    report = {"public": public, "own": own}[kind](*arguments)
    print("\n" + json.dumps(report))


if __name__ == "__main__":
    main()
