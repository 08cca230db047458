"""Calls into machine code and exits out of it, with hand-written bodies."""

import dis
import gc
import sys
import time
import traceback
import unittest

import martlet
from bodies import *


def raised_by(function, *args):
    """The exception of a call, with its traceback from the called function on."""
    try:
        function(*args)
    except Exception as error:
        return error, [(it.name, it.lineno) for it in traceback.extract_tb(error.__traceback__)][1:]
    raise AssertionError("no exception")


class EntryTest(unittest.TestCase):
    def setUp(self):
        martlet.enable()

    def test_a_body_is_entered_and_returns(self):
        f = fresh("def f(a, b): return a")
        install(f, "ENTER(); return Py_NewRef(LOCAL(1));")
        before = sys.getrefcount(gc)
        self.assertEqual(f(1, 2), 2)
        self.assertEqual(f(b=5, a=4), 5)
        self.assertEqual(f(*[1], **{"b": 7}), 7)
        for _ in range(100):
            self.assertIs(f(1, gc), gc)
        self.assertEqual(sys.getrefcount(gc), before)
        with self.assertRaises(TypeError) as caught:
            f(1)
        self.assertEqual(str(caught.exception), "f() missing 1 required positional argument: 'b'")

    def test_defaults_and_variable_arguments(self):
        f = fresh("def f(a, b=3, *c, d=4, **e): return (a, b, c, d, e)")
        install(f, "ENTER(); return PyTuple_Pack(5, LOCAL(0), LOCAL(1), LOCAL(3), LOCAL(2), LOCAL(4));")
        self.assertEqual(f(1), (1, 3, (), 4, {}))
        self.assertEqual(f(1, 2, 5, 6, d=7, x=8), (1, 2, (5, 6), 7, {"x": 8}))

    def test_the_frame_is_seen(self):
        f = fresh("def f(look): return look()")
        install(f, "ENTER(); AT(%d); return PyObject_CallNoArgs(LOCAL(0));" % offset_of(f, "CALL"))

        def look():
            frame = sys._getframe(1)
            return frame.f_code.co_name, frame.f_lineno, dict(frame.f_locals), frame.f_back.f_code.co_name

        name, line, values, caller = f(look)
        self.assertEqual((name, line, caller), ("f", 1, "test_the_frame_is_seen"))
        self.assertEqual(values, {"look": look})

        def keep():
            return sys._getframe(1)

        frame = f(keep)
        self.assertEqual(frame.f_locals, {"look": keep})
        self.assertEqual(frame.f_code.co_name, "f")

    def test_an_argument_dies_where_the_function_drops_it(self):
        f = fresh("def f(a, b): a = None; return b")
        install(f, "ENTER(); Py_SETREF(LOCAL(0), Py_NewRef(Py_None)); AT(%d);"
                   " return PyObject_CallNoArgs(LOCAL(1));" % offset_of(f, "RETURN_VALUE"))

        class Noisy:
            def __del__(self):
                died.append(self)

        class Holder:
            method = f

        died = []
        for call in (lambda: f(Noisy(), died.copy), lambda: f(b=died.copy, a=Noisy())):
            died.clear()
            self.assertEqual(len(call()), 1)
        holder = Holder()
        bound, self_before = holder.method, sys.getrefcount(holder)
        for _ in range(10):
            self.assertEqual(bound(died.copy), died)
            self.assertEqual(holder.method(died.copy), died)
        self.assertEqual(sys.getrefcount(holder), self_before)

    def test_recursion_is_limited_as_in_the_interpreter(self):
        f = fresh("def f(self): return self(self)")
        install(f, "ENTER(); AT(2); if (LOCAL(0) == (O)&PyType_Type) return PyLong_FromLong(42);"
                   " O r = PyObject_CallOneArg(LOCAL(0), LOCAL(0));"
                   " return r ? r : martlet_exit(ts, frame, UNIT, 0);",
                [exit_record([Frame(offset_of(f, "CALL"))], raised=True)])
        with self.assertRaises(RecursionError):
            f(f)
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(60_000)
        try:
            with self.assertRaises(RecursionError):
                f(f)
        finally:
            sys.setrecursionlimit(limit)
        # The entry was given back while the stack was low. It comes again with one of the next samples.
        end = time.monotonic() + 20
        while f(type) != 42 and time.monotonic() < end:
            sum(range(1000))
        self.assertEqual(f(type), 42)


class ExitTest(unittest.TestCase):
    def setUp(self):
        martlet.enable()

    def test_values_are_boxed(self):
        f = fresh("def f(a, b, c, d):\n x = y = z = None\n return (a, b, c, d, x, y, z)")
        build = offset_of(f, "BUILD_TUPLE")
        stack = [boxed_int(0), boxed_float(1), boxed_bool(2), owned(3), borrowed(4), small(77), slot(1)]
        install(f, "ENTER(); return martlet_exit(ts, frame, UNIT, 0, (int64_t)1 << 40, 2.5, (int64_t)1,"
                   " Py_NewRef(LOCAL(0)), LOCAL(1));",
                [exit_record([Frame(build, stack)], doubles=[0, 1, 0, 0, 0])], [len])
        key = object()
        before = sys.getrefcount(key)
        for _ in range(10):
            self.assertEqual(f(key, "b", 3, 4), (1 << 40, 2.5, True, key, "b", 77, len))
        self.assertEqual(sys.getrefcount(key), before)

    def test_values_at_home_come_before_those_passed(self):
        f = fresh("def f(a=1, b=2, c=3): return (a, b, c)")
        build = offset_of(f, "BUILD_TUPLE")
        install(f, "ENTER(); union { double real; int64_t bits; } two = {2.5}; int64_t home[] = {0, two.bits, 1000};"
                   " return exit_with_homes(ts, frame, UNIT, 0, home, (int64_t)3000);",
                [exit_record([Frame(build, [boxed_int(0), boxed_float(1), boxed_int(2)])], doubles=[0], homes=[2, 1])])
        for _ in range(10):
            self.assertEqual(f(), (1000, 2.5, 3000))

    def test_a_value_is_boxed_once(self):
        f = fresh("def f(a, b): return a is b, a")
        at = offset_of(f, "IS_OP")
        install(f, "ENTER(); return martlet_exit(ts, frame, UNIT, 0, (int64_t)123456789);",
                [exit_record([Frame(at, [boxed_int(0), boxed_int(0)], [boxed_int(0), MEMORY])], doubles=[0])])
        self.assertEqual(f(1, 2), (True, 123456789))

    def test_virtual_objects_are_made(self):
        f = fresh("def f(l, t): return (l, t, 1, 2, 3, 4)")
        at = offset_of(f, "BUILD_TUPLE")
        virtuals = [
            (RANGE_ITER, [raw(0), raw(1), small(2)]),
            (LIST_ITER, [borrowed(2), small(1)]),
            (TUPLE_ITER, [borrowed(3), small(2)]),
            (ENUMERATE, [small(9), virtual(1)]),
            (TUPLE, [boxed_int(0), virtual(0)]),
            (RANGE, [small(1), boxed_int(0), small(3)]),
        ]
        install(f, "ENTER(); return martlet_exit(ts, frame, UNIT, 0, (int64_t)10, (int64_t)3, LOCAL(0), LOCAL(1));",
                [exit_record([Frame(at, [virtual(i) for i in range(6)])], [0] * 4, virtuals)])
        ranges, items, rest, counted, pair, whole = f(["a", "b", "c"], (1, 2, 3))
        self.assertEqual(list(rest), [3])
        self.assertEqual(list(counted), [(9, "b"), (10, "c")])
        self.assertEqual(list(items), [])
        self.assertEqual(pair[0], 10)
        self.assertIs(pair[1], ranges)
        self.assertEqual(list(ranges), [10, 12, 14])
        self.assertEqual(whole, range(1, 10, 3))

    def test_drops_are_released(self):
        f = fresh("def f(a): return a")
        install(f, "ENTER(); return martlet_exit(ts, frame, UNIT, 0, Py_NewRef(LOCAL(0)));",
                [exit_record([Frame(offset_of(f, "LOAD_FAST"))], [0], drops=[owned(0)])])
        key = object()
        before = sys.getrefcount(key)
        f(key)
        self.assertEqual(sys.getrefcount(key), before)

    def test_an_exception_without_handler(self):
        f = fresh("def f(a):\n x = 1\n return len(a)")
        install(f, "ENTER(); PyErr_SetString(PyExc_ValueError, \"why\"); return martlet_exit(ts, frame, UNIT, 0,"
                   " Py_NewRef(LOCAL(0)), Py_NewRef(LOCAL(0)));",
                [exit_record([Frame(offset_of(f, "CALL"), [owned(0), NULL, owned(1)])], [0, 0], raised=True)])
        key = []
        before = sys.getrefcount(key)
        error, entries = raised_by(f, key)
        self.assertEqual((str(error), entries), ("why", [("f", 3)]))
        del error
        self.assertEqual(sys.getrefcount(key), before)

    def test_an_exception_with_handler(self):
        f = fresh("def f(a):\n try:\n  return len(a)\n except ValueError as e:\n  return a, str(e)\n finally:\n  a = 1")
        install(f, "ENTER(); PyErr_SetString(PyExc_ValueError, \"why\");"
                   " return martlet_exit(ts, frame, UNIT, 0, Py_NewRef(LOCAL(0)));",
                [exit_record([Frame(offset_of(f, "CALL"), [owned(0)])], [0], raised=True)])
        self.assertEqual(f("x"), ("x", "why"))

    def inlined(self, body, callee="def g(b):\n c = b + 1\n return c", raised=False, offset="BINARY_OP", values=2):
        g = fresh(callee, "g")
        f = fresh("def f(a):\n try:\n  return (a, g(a))\n except ZeroDivisionError as e:\n  return e", g=g)
        call = offset_of(f, "CALL")
        frames = [
            Frame(call, [borrowed(0)], return_to=offset_of(f, "CALL", after=True)),
            Frame(offset_of(g, offset), [borrowed(1), small(1)], [borrowed(1), NULL], code_slot=2, function=slot(1)),
        ]
        install(f, body, [exit_record(frames, [0] * values, raised=raised)], [g, g.__code__])
        return f, g

    def test_inlined_frames_are_made(self):
        f, g = self.inlined("ENTER(); return martlet_exit(ts, frame, UNIT, 0, LOCAL(0), LOCAL(0));")
        for value in (41, 4.5):
            self.assertEqual(f(value), (value, value + 1))

    def test_an_exception_in_an_inlined_frame(self):
        f, g = self.inlined("ENTER(); return martlet_exit(ts, frame, UNIT, 0, LOCAL(0), LOCAL(0));")
        error, entries = raised_by(f, "text")
        self.assertIsInstance(error, TypeError)
        self.assertEqual(entries, [("f", 3), ("g", 2)])
        f, g = self.inlined(
            "ENTER(); PyErr_SetString(PyExc_ZeroDivisionError, \"0\");"
            " return martlet_exit(ts, frame, UNIT, 0, LOCAL(0), LOCAL(0));", raised=True)
        error = f(5)
        entries = traceback.extract_tb(error.__traceback__)
        self.assertEqual([(it.name, it.lineno) for it in entries], [("f", 3), ("g", 2)])

    def test_exits_are_counted(self):
        f = fresh("def f(a): return a")
        install(f, "ENTER(); return martlet_exit(ts, frame, UNIT, 1);",
                [exit_record([Frame(0)]), exit_record([Frame(offset_of(f, "LOAD_FAST"))])])
        before = martlet.stats()["exits"].get("exit1", 0)
        for _ in range(5):
            f(1)
        self.assertEqual(martlet.stats()["exits"]["exit1"], before + 5)


class LoopTest(unittest.TestCase):
    def setUp(self):
        martlet.enable()

    LOOP = "def f(n):\n s = 0\n i = 0\n while i < n:\n  i += 1\n  s += i\n return s, i"

    def test_a_running_loop_is_entered(self):
        f = fresh(self.LOOP)
        header = self.header(f)
        behind = self.last_load(f)
        install(f, "ENTER(); return martlet_exit(ts, frame, UNIT, 0, (int64_t)1000, (int64_t)2000);",
                [exit_record([Frame(behind, [], [MEMORY, boxed_int(0), boxed_int(1)])], [0, 0])],
                loop_header=header, depth=0)
        self.assertEqual(f(10_000_000_000), (1000, 2000))

    def test_an_exception_leaves_the_loop_once_in_the_traceback(self):
        f = fresh(self.LOOP)
        header = self.header(f)
        install(f, "ENTER(); PyErr_SetString(PyExc_ValueError, \"why\");"
                   " return martlet_exit(ts, frame, UNIT, 0);",
                [exit_record([Frame(offset_of(f, "BINARY_OP", 1))], raised=True)], loop_header=header, depth=0)
        error, entries = raised_by(f, 10_000_000_000)
        self.assertIsInstance(error, ValueError)
        self.assertEqual(entries, [("f", 6)])

    def header(self, f):
        return min(it.jump_target // 2 for it in dis.get_instructions(f) if it.opname == "JUMP_BACKWARD")

    def last_load(self, f):
        found = list(dis.get_instructions(f))
        at = [i for i, it in enumerate(found) if it.opname == "BUILD_TUPLE"][0]
        return found[at - 1].offset // 2


if __name__ == "__main__":
    unittest.main()
