"""What it costs to have the compiler inside of the process or beside it, for `cargo xtask bench beside`.

    python beside.py latency          seconds of `martlet.compile`: of the first, and of each function
    python beside.py memory WORKERS   KiB of so many forked workers that compile the same, or, with 0, of this process alone
    python beside.py fork             seconds of a fork whose child ends at once, and when this program was done

What is compiled are the functions of compile_cost.py, each time anew and after the interpreter has specialised them. The
result is a line of JSON.
"""

import json
import marshal
import os
import sys
import time

import martlet

# How often each is compiled.
COPIES = {"small": 10, "medium": 6, "large": 3}
FORKS = 60


def copies():
    """The functions as the interpreter has them after some calls."""
    path = os.path.join(os.path.dirname(__file__), "compile_cost.py")
    with open(path) as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    made = []
    for name, n in COPIES.items():
        for _ in range(n):
            space = {"__name__": "compile_cost"}
            # The code objects of functions are constants of the module's: each copy has its own.
            exec(marshal.loads(marshal.dumps(code)), space)
            sys.argv[1:] = [name]
            space["main"]()
            made.append((name, space[name]))
    return made


def compile_all(functions):
    for _, function in functions:
        martlet.compile(function)


def latency():
    (_, opening), *functions = copies()
    clock = time.perf_counter
    start = clock()
    martlet.compile(opening)
    result = {"first": clock() - start} | {name: [] for name in COPIES}
    for name, function in functions:
        start = clock()
        martlet.compile(function)
        result[name].append(clock() - start)
    return result


def memory(n_workers):
    functions = copies()
    if n_workers == 0:
        compile_all(functions)
        return told_of([os.getpid()], martlet.stats().get("compiler_process"))
    # As servers do: switched on, then forked, and what gets hot is compiled in each worker.
    martlet.enable()
    workers = [start_worker(functions) for _ in range(n_workers)]
    compilers = {int(os.read(ready, 20)) for _, ready, _ in workers}
    result = told_of([pid for pid, _, _ in workers], *compilers - {0})
    for pid, _, go in workers:
        os.write(go, b"!")
        os.waitpid(pid, 0)
    return result


def start_worker(functions):
    """Fork a worker that compiles, tells the compiler's process, and stays until told to go."""
    (ready, tell), (stay, go) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        compile_all(functions)
        os.write(tell, str(martlet.stats().get("compiler_process") or 0).encode())
        os.read(stay, 1)
        os._exit(0)
    return pid, ready, go


def told_of(processes, *compilers):
    compilers = [it for it in compilers if it]
    return {
        "processes": [memory_of(it) for it in processes],
        "compilers": [memory_of(it) for it in compilers],
    }


def memory_of(process):
    """Resident and proportional size in KiB."""
    with open(f"/proc/{process}/smaps_rollup") as rollup:
        fields = {line.split()[0]: int(line.split()[1]) for line in rollup if line.endswith("kB\n")}
    return {"rss": fields["Rss:"], "pss": fields["Pss:"]}


def fork():
    compile_all(copies())
    times = []
    for _ in range(FORKS):
        start = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        times.append(time.perf_counter() - start)
    return {"forks": times, "done": time.time()}


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    result = {"latency": latency, "memory": memory, "fork": fork}[what](*map(int, arguments))
    print(json.dumps(result))
