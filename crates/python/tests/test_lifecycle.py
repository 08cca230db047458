"""The life of compiled functions: counters come back, entries are given back, deaths are seen."""

import gc
import os
import sys
import threading
import unittest
import warnings

import martlet
from bodies import *
from support import ProcessTest

RETURN_ARGUMENT = "ENTER(); return Py_NewRef(LOCAL(0));"


def counters():
    martlet.wait()
    gc.collect()
    stats = martlet.stats()
    return (stats["code_bytes"]["live"], stats["code_bytes"]["retired"], stats["data_bytes"],
            stats["versions"]["live"], stats["versions"]["retired"], stats["functions"])


class DeathTest(unittest.TestCase):
    def setUp(self):
        martlet.enable()
        self.before = counters()

    def check_all_gone(self):
        self.assertEqual(counters(), self.before)

    def test_a_plain_function(self):
        f = fresh("def f(a): return 0")
        install(f, RETURN_ARGUMENT)
        self.assertEqual(f(5), 5)
        self.assertGreater(counters()[0], self.before[0])
        del f
        self.check_all_gone()

    def test_two_functions_on_one_code(self):
        make = fresh("def make():\n def f(a): return 0\n return f", "make")
        f, g = make(), make()
        install(f, RETURN_ARGUMENT)
        self.assertEqual((f(1), g(2), make()(3)), (1, 2, 3))
        del f
        self.assertEqual(g(4), 4)
        del g, make
        self.check_all_gone()

    def test_mutually_recursive_closures(self):
        make = fresh(
            "def make():\n"
            " def even(n): return n == 0 or odd(n - 1)\n"
            " def odd(n): return n != 0 and even(n - 1)\n"
            " return even, odd", "make")
        even, odd = make()
        install(even, RETURN_ARGUMENT, slots=[odd, ("cell", odd)])
        install(odd, RETURN_ARGUMENT, slots=[even, ("cell", even)])
        self.assertEqual((even(7), odd(8)), (7, 8))
        del even, odd, make
        self.check_all_gone()

    def test_a_method_of_a_deleted_class(self):
        scope = {}
        exec("class C:\n def m(self, a): return 0", scope)
        install(scope["C"].m, "ENTER(); return Py_NewRef(LOCAL(1));", slots=[scope["C"], scope["C"].m])
        self.assertEqual(scope["C"]().m(6), 6)
        del scope["C"]
        self.check_all_gone()

    def test_a_function_whose_globals_are_dropped(self):
        scope = {}
        exec("def g(): pass\ndef f(a): return g", scope)
        install(scope["f"], RETURN_ARGUMENT, slots=[scope["g"], ("cell", scope["g"]), scope["f"]])
        self.assertEqual(scope["f"](3), 3)
        scope.clear()
        self.check_all_gone()

    def test_many(self):
        for i in range(20):
            f = fresh(f"def f(a): return {i}")
            install(f, RETURN_ARGUMENT)
            self.assertEqual(f(-i), -i)
        del f
        self.check_all_gone()


class WatchTest(unittest.TestCase):
    def setUp(self):
        martlet.enable()

    def test_a_version_falls_when_what_it_names_dies(self):
        g = fresh("def g(): pass", "g")
        f = fresh("def f(a): return 'interpreted'")
        install(f, RETURN_ARGUMENT, slots=[g])
        self.assertEqual(f(1), 1)
        del g
        gc.collect()
        self.assertEqual(f(1), "interpreted")

    def test_a_version_falls_when_a_class_dies(self):
        scope = {}
        exec("class C: pass", scope)
        f = fresh("def f(a): return 'interpreted'")
        install(f, RETURN_ARGUMENT, slots=[scope["C"]])
        self.assertEqual(f(1), 1)
        del scope["C"]
        gc.collect()
        self.assertEqual(f(1), "interpreted")

    def test_a_version_falls_when_a_function_it_names_gets_other_code(self):
        g = fresh("def g(): pass", "g")
        f = fresh("def f(a): return 'interpreted'")
        install(f, RETURN_ARGUMENT, slots=[g])
        g.__code__ = (lambda: 1).__code__
        self.assertEqual(f(1), "interpreted")

    def test_the_slot_of_a_dead_object_is_empty(self):
        g = fresh("def g(): pass", "g")
        f = fresh("def f(kill): return 'interpreted'")
        install(f, "ENTER(); AT(2); O r = PyObject_CallNoArgs(LOCAL(0)); if (!r) return NULL; Py_DECREF(r);"
                   " return PyLong_FromLong((martlet_slots[1] == NULL) * 2 + UNIT->valid);", slots=[g])
        holder = [g]
        del g
        self.assertEqual(f(lambda: None), 1)
        self.assertEqual(f(lambda: (holder.clear(), gc.collect())), 2)

    def test_other_code_leaves_the_entry(self):
        f = fresh("def f(a): return 1")
        install(f, RETURN_ARGUMENT)
        self.assertEqual(f(7), 7)
        f.__code__ = (lambda a: (a, "new")).__code__
        self.assertEqual(f(7), (7, "new"))


class UndoTest(unittest.TestCase):
    def setUp(self):
        martlet.enable()

    def test_disable_gives_entries_back(self):
        f = fresh("def f(a): return 'interpreted'")
        install(f, RETURN_ARGUMENT)
        self.assertEqual(f(1), 1)
        martlet.disable()
        self.assertEqual(f(1), "interpreted")
        self.assertFalse(martlet.inspect(f).compiled())

    def test_tools_see_the_interpreter(self):
        f = fresh("def f(a):\n x = 1\n return 'interpreted'")
        install(f, RETURN_ARGUMENT)
        self.assertEqual(f(1), 1)
        lines = []

        def tracer(frame, event, arg):
            if frame.f_code.co_name == "f":
                lines.append((event, frame.f_lineno))
            return tracer

        sys.settrace(tracer)
        try:
            result = f(1)
        finally:
            sys.settrace(None)
        self.assertEqual(result, "interpreted")
        self.assertEqual(lines, [("call", 1), ("line", 2), ("line", 3), ("return", 3)])

    def test_a_version_is_left_by_those_inside_before_it_is_freed(self):
        f = fresh("def f(go_on): return 'interpreted'")
        install(f, "ENTER(); AT(2); O r = PyObject_CallNoArgs(LOCAL(0)); if (!r) return NULL; Py_DECREF(r);"
                   " return PyLong_FromLong(UNIT->valid);")
        seen = []

        def inside():
            martlet.disable()
            martlet.enable()
            seen.append(martlet.stats()["versions"]["retired"])

        retired = martlet.stats()["versions"]["retired"]
        self.assertEqual(f(inside), 0)
        self.assertEqual(seen, [retired + 1])
        self.assertEqual(martlet.stats()["versions"]["retired"], retired)


class ForkTest(unittest.TestCase):
    def setUp(self):
        martlet.enable()

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_fork_does_not_warn_and_the_child_goes_on(self):
        f = fresh("def f(a): return 0")
        install(f, RETURN_ARGUMENT)
        end = threading.Event()
        for _ in range(20):
            sum(range(20_000))
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                child = os.fork()
            if child == 0:
                ok = f(3) == 3 and sum(i for i in range(100_000)) == 4999950000
                os._exit(0 if ok else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(f(4), 4)


FORK_OVER_A_COMPILE = """\
import json, os, signal, time, martlet

# So large that it takes longer to compile than a fork waits.
lines = "".join(f" a += b * {n} + (a ^ {n})\\n b = a % {n + 3}\\n" for n in range(1500))
exec(f"def large(a, b):\\n{lines} return a, b")
def small(a):
    return a + 1

martlet.jit(large)(3, 4)
end = time.monotonic() + 30
while "Compiling" not in martlet.inspect(large).versions()[-1]:
    assert time.monotonic() < end, martlet.inspect(large).versions()
    time.sleep(0.005)
child = os.fork()
if child == 0:
    signal.alarm(30)
    assert small(1) == 2 and large(3, 4)
    assert martlet.stats()["functions"]
    try:
        martlet.inspect(small).ir()
    except Exception as error:
        reason = str(error)
    assert "forked while compiling" in reason, reason
    raise SystemExit
status = os.waitpid(child, 0)[1]
martlet.inspect(small).ir()
print(json.dumps([status, martlet.wait(120)]))
"""


class ForkOverACompileTest(ProcessTest):
    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_the_child_touches_no_compiler(self):
        self.write("program.py", FORK_OVER_A_COMPILE)
        env = {"MARTLET_ONLY": "large,small", "MARTLET_MAX_UNITS": "1000000", "MARTLET_STATS": "stats-%p.json"}
        result = self.run_python(("-m", "martlet", "program.py"), env=env)
        self.assertEqual((result.returncode, result.stdout), (0, "[0, true]\n"), result.stderr)


if __name__ == "__main__":
    unittest.main()
