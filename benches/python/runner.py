"""Runs one program of the table and reports its CPU times as a line of JSON.

    python runner.py NAME ITERATIONS

NAME is a file beside this one with a function `run`, or a function of `variants` as
`variants.NAME`, or `module_loop`, whose module code is the program, or one of the public programs of the package `pyperformance`, whose files are found in
the folder named by MARTLET_PYPERFORMANCE. Of those the functions are called directly, with the
arguments that the package itself uses; nothing of a program is changed.

Reported are CPU seconds of this process with all its threads: `whole` since its start to the end
of the iterations, `first` of the first iteration, `steady` the median of further iterations, which
begin when the process has worked for WARM seconds.
"""

import importlib
import json
import os
import statistics
import sys
import time
import types


def public(name):
    """Import the program NAME of pyperformance, which asks of pyperf only its clock."""
    stand_in = types.ModuleType("pyperf")
    stand_in.perf_counter = time.perf_counter
    sys.modules["pyperf"] = stand_in
    folder = os.path.join(
        os.environ["MARTLET_PYPERFORMANCE"],
        "pyperformance/data-files/benchmarks",
        "bm_" + name,
    )
    sys.path.insert(0, folder)
    return importlib.import_module("run_benchmark")


def nbody():
    program = public("nbody")
    return lambda: program.bench_nbody(1, program.DEFAULT_REFERENCE, program.DEFAULT_ITERATIONS)


def fannkuch():
    program = public("fannkuch")
    return lambda: program.fannkuch(program.DEFAULT_ARG)


def spectral_norm():
    program = public("spectral_norm")
    return lambda: program.bench_spectral_norm(1)


def float_points():
    program = public("float")
    return lambda: program.benchmark(program.POINTS)


def nqueens():
    program = public("nqueens")
    return lambda: program.bench_n_queens(8)


def scimark(name, loops):
    def prepare():
        program = public("scimark")
        function, *arguments = program.BENCHMARKS[name]
        return lambda: function(loops, *arguments)

    return prepare


def module_loop():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "module_loop.py")
    with open(path) as file:
        code = compile(file.read(), path, "exec")
    return lambda: exec(code, {"__name__": "module_loop", "__file__": path})


PUBLIC = {
    "nbody": nbody,
    "fannkuch": fannkuch,
    "spectral_norm": spectral_norm,
    "float": float_points,
    "nqueens": nqueens,
    "scimark_sor": scimark("sor", 1),
    "scimark_sparse_mat_mult": scimark("sparse_mat_mult", 10),
    "scimark_monte_carlo": scimark("monte_carlo", 1),
    "scimark_lu": scimark("lu", 1),
    "scimark_fft": scimark("fft", 1),
    "module_loop": module_loop,
}


# Seconds of work after which nothing is expected to change any more, and of measuring after that.
WARM = 3.5
STEADY = 0.5


def timed(run):
    start = time.process_time()
    run()
    return time.process_time() - start


def main():
    name, iterations = sys.argv[1], int(sys.argv[2])
    if name in PUBLIC:
        run = PUBLIC[name]()
    elif "." in name:
        module, function = name.split(".")
        run = getattr(importlib.import_module(module), function)
    else:
        run = importlib.import_module(name).run
    times = [timed(run) for _ in range(iterations)]
    whole = time.process_time()
    while time.process_time() < WARM:
        run()
    steady = []
    while len(steady) < 10 or sum(steady) < STEADY:
        steady.append(timed(run))
    report = {"first": times[0], "steady": statistics.median(steady), "whole": whole}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
