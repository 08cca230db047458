"""MARTLET_BESIDE=1: the compiler is a process of its own, which the program does not notice."""

import json
import os
import stat
import sys
import textwrap
import time
import unittest

from support import AT_ONCE, ProcessTest

BESIDE = {"MARTLET_BESIDE": "1"}

# What the programs below share.
PRELUDE = """\
import ctypes, errno, gc, json, os, signal, sys, time
import martlet

def define(n):
    space = {}
    exec(f"def f(x):\\n t = {n}\\n for i in range(x):\\n  t += i * x\\n return t", space)
    return space["f"]

def works(n):
    f = define(n)
    assert martlet.compile(f), martlet.inspect(f).reason()
    assert f(5) == n + 50
    return True

def process():
    return martlet.stats()["compiler_process"]

def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False

def processor_time(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])

def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "out of time"
        time.sleep(0.005)

# So large that it takes long to compile.
def define_large():
    lines = "".join(f" a += b * {n} + (a ^ {n})\\n b = a % {n + 3}\\n" for n in range(1500))
    space = {}
    exec(f"def large(a, b):\\n{lines} return a, b", space)
    return space["large"]
"""


class Beside(ProcessTest):
    def program(self, text, env=()):
        """Run a program with the compiler beside it, and return what it prints, as JSON."""
        self.write("program.py", PRELUDE + textwrap.dedent(text))
        result = self.run_python(("program.py",), env=BESIDE | dict(env))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return json.loads(result.stdout)

    def test_the_process_compiles_and_ends_with_the_program(self):
        told = self.program(
            """\
            before = process()
            assert works(1) and works(2)
            assert "define" in martlet.inspect(define(3)).ir()
            maps = open("/proc/self/maps").read()
            stats = martlet.stats()
            print(json.dumps([before, process(), "libLLVM" in maps, stats["ir_functions_live"], stats["versions"]["live"]]))
            """
        )
        before, process, maps_llvm, held, live = told
        self.assertIsNone(before)
        self.assertFalse(maps_llvm)
        self.assertEqual((held > 0, live > 0), (True, True))
        end = time.monotonic() + 15
        while is_there(process):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_hot_functions_and_statistics(self):
        statistics, _ = self.statistics(switches=AT_ONCE | BESIDE)
        self.assertIn("hot", statistics["compiled"])
        self.assertGreater(statistics["compile"]["emit_ns"], 0)
        # What is not needed is not started.
        self.write("short.py", "print(1)")
        statistics, _ = self.statistics("short.py", switches=BESIDE)
        self.assertIsNone(statistics["compiler_process"])

    def test_what_is_dropped_is_forgotten(self):
        told = self.program(
            """\
            functions = [define(n) for n in range(40)]
            assert all(map(martlet.compile, functions))
            held = martlet.stats()["ir_functions_live"]
            del functions
            gc.collect()
            print(json.dumps([held, martlet.stats()["ir_functions_live"]]))
            """
        )
        self.assertGreaterEqual(told[0], 40)
        self.assertLess(told[1], 5)

    def test_wait_and_signals_tell_of_no_child(self):
        told = self.program(
            """\
            told = []
            signal.signal(signal.SIGCHLD, lambda *_: told.append("signal"))
            def waits():
                for wait in os.wait, lambda: os.waitpid(-1, os.WNOHANG), lambda: os.waitpid(-1, 0):
                    try:
                        told.append(wait())
                    except ChildProcessError:
                        pass
            for n in range(20):
                works(n)
                waits()
                if n % 5 == 4:
                    os.kill(process(), signal.SIGKILL)
                    wait_until(lambda: not is_there(martlet.stats()["compiler_process"] or 0))
                    waits()
            # One's own child is found, and no other.
            child = os.fork()
            if child == 0:
                os._exit(3)
            found = os.wait()
            waits()
            assert works(100)
            print(json.dumps([told, found == (child, 3 << 8)]))
            """
        )
        self.assertEqual(told, [["signal"], True])

    def test_descriptors_are_the_program_s_own(self):
        self.write(
            "descriptors.py",
            PRELUDE
            + textwrap.dedent(
                """\
                import threading
                def numbers():
                    # The last is that of the list.
                    return sorted(map(int, os.listdir("/proc/self/fd")))
                first = numbers()
                stop = False
                functions = []
                def compile_all():
                    n = 0
                    while not stop or n < 5:
                        n += 1
                        # In the background, while the program goes on.
                        f = martlet.jit(define(n))
                        functions.append(f)
                        assert f(5) == n + 50
                        while martlet.stats()["under_way"] > 3:
                            time.sleep(0.001)
                thread = threading.Thread(target=compile_all)
                thread.start()
                for _ in range(2000):
                    assert numbers() == first
                for n in range(300):
                    os.closerange(3, 256)
                    path = f"file{n % 7}"
                    files = [open(path, "w+b", buffering=0) for _ in range(3)]
                    ours, theirs = __import__("socket").socketpair()
                    assert [it.fileno() for it in (*files, ours, theirs)] == [3, 4, 5, 6, 7]
                    files[0].write(b"mine")
                    time.sleep(0.001)
                    theirs.setblocking(False)
                    try:
                        raise AssertionError(theirs.recv(100))
                    except BlockingIOError:
                        pass
                    assert os.stat(path).st_size == 4
                    for it in (*files, ours, theirs):
                        it.close()
                stop = True
                thread.join()
                assert martlet.wait(60)
                stats = martlet.stats()
                print(numbers() == [0, 1, 2, 3], len(first), stats["compiles"] >= 5, stats["refused"])
                """
            ),
        )
        result = self.run_python(("descriptors.py",), env=BESIDE | {"MARTLET_ONLY": "f"})
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "True 4 True {}\n", ""))

    def test_forked_workers_share_one(self):
        told = self.program(
            """\
            import warnings
            warnings.simplefilter("error")
            martlet.enable()
            workers = []
            for n in range(4):
                (ready, tell), (stay, go) = os.pipe(), os.pipe()
                child = os.fork()
                if child == 0:
                    works(n)
                    os.write(tell, str(process()).encode())
                    os.read(stay, 1)
                    works(n + 10)
                    os.write(tell, str(process()).encode())
                    os._exit(0)
                workers.append((child, ready, go))
            first = [int(os.read(ready, 20)) for _, ready, _ in workers]
            own = works(1) and process()
            again = []
            for child, ready, go in workers:
                os.write(go, b"!")
                again.append(int(os.read(ready, 20)))
                assert os.waitpid(child, 0) == (child, 0)
            print(json.dumps(first + [own] + again + [process()]))
            """
        )
        self.assertEqual(len(told), 10)
        self.assertEqual(len(set(told)), 1, told)

    def test_killed_in_the_middle_of_a_unit(self):
        told = self.program(
            """\
            works(1)
            victim = process()
            large = martlet.jit(define_large())
            expected = define_large()(3, 4)
            before = processor_time(victim)
            assert large(3, 4) == expected
            wait_until(lambda: processor_time(victim) >= before + 10)
            assert martlet.stats()["under_way"] > 0
            os.kill(victim, signal.SIGKILL)
            assert martlet.wait(60)
            refused = martlet.stats()["refused"]
            reason = martlet.inspect(large).reason()
            assert large(3, 4) == expected
            print(json.dumps([refused, reason, works(2), process() not in (None, victim)]))
            """,
            {"MARTLET_ONLY": "f,large", "MARTLET_MAX_UNITS": "1000000"},
        )
        refused, reason, *others = told
        self.assertEqual(refused, {"the compiler's process ended": 1})
        self.assertIn("it ended over this order", reason)
        self.assertEqual(others, [True, True])

    def test_it_ends_when_idle(self):
        told = self.program(
            """\
            works(1)
            first = process()
            wait_until(lambda: not is_there(first), 15)
            gone = martlet.stats()["compiler_process"], martlet.stats()["ir_functions_live"]
            works(2)
            print(json.dumps([gone, process() != first, martlet.stats()["refused"]]))
            """,
            {"MARTLET_IDLE": "1", "MARTLET_ONLY": "f"},
        )
        self.assertEqual(told, [[None, 0], True, {}])

    def refused(self, program):
        """Run the hot program with another compiler; return the reasons and what is logged."""
        switches = AT_ONCE | BESIDE | {"MARTLET_COMPILER": program, "MARTLET_LOG": "1"}
        statistics, stderr = self.statistics(switches=switches)
        self.assertEqual(statistics["compiled"], [])
        return statistics["refused"], stderr

    def test_no_program(self):
        reasons, stderr = self.refused("/nowhere/compiler")
        self.assertIn("no compiler", reasons)
        self.assertIn("/nowhere/compiler cannot be executed: No such file or directory", stderr)

    def test_a_program_of_another_build(self):
        other = self.write(
            "compiler",
            f"""\
            #!{sys.executable} -S
            import os, socket, struct
            listener = socket.socket(fileno=3)
            while True:
                connection, _ = listener.accept()
                connection.sendall(b"sidecar1" + struct.pack("<QI", 1, os.getpid()))
                if not connection.recv(1):
                    break
            """,
        )
        os.chmod(other, stat.S_IRWXU)
        reasons, stderr = self.refused(other)
        self.assertIn("no compiler", reasons)
        self.assertIn(f"{other} was built from other sources than this extension", stderr)

    def test_a_program_that_ends_each_time_rests(self):
        self.write("many.py", "for n in range(20):\n    exec(f'def f{n}(): return {n}')\n    eval(f'f{n}()')\n")
        switches = AT_ONCE | BESIDE | {"MARTLET_COMPILER": "/bin/false"}
        statistics, _ = self.statistics("many.py", switches=switches)
        refused = statistics["refused"]
        self.assertEqual(statistics["compiled"], [])
        self.assertGreaterEqual(refused["no compiler"], 2)
        self.assertGreaterEqual(refused["the compiler's process rests"], 5)

    def test_inside_where_it_would_become_a_child(self):
        told = self.program(
            """\
            PR_SET_CHILD_SUBREAPER = 36
            assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
            print(json.dumps([works(1), process(), "libLLVM" in open("/proc/self/maps").read()]))
            """
        )
        self.assertEqual(told, [True, None, True])


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    unittest.main()
