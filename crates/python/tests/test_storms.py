"""Machine code that is left again and again falls, and what takes its place settles.

Each case is a program of its own: it works until nothing is compiled any more, and then counts exits of further work.
"""

import json
import os
import subprocess
import sys
import textwrap
import unittest

SETTLE = '''\
import time, martlet

def settle(work, function=None, seconds=60):
    """Repeats `work` until it enters machine code and nothing new was compiled for a while; with `function`, until that
    is compiled, for what storms may wait until it can be paid."""
    end = time.monotonic() + seconds
    calm, before = 0, None
    while calm < 20:
        start = time.monotonic()
        while time.monotonic() - start < 0.02:
            work()
        martlet.wait()
        now = martlet.stats()
        now = now["compiles"], sum(now["invalidated"].values())
        is_there = function is None or martlet.inspect(function).compiled()
        calm = calm + 1 if now == before and now[0] > 0 and is_there else 0
        before = now
        if time.monotonic() > end:
            raise SystemExit("does not settle")

def exits():
    return sum(martlet.stats()["exits"].values())

def exits_of(work, times=2000):
    before = exits()
    for _ in range(times):
        work()
    return exits() - before
'''


class StormTest(unittest.TestCase):
    def run_program(self, text):
        """What the program prints as its last line, read as JSON; then its statistics."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MARTLET", "PYTHON"))}
        source = SETTLE + textwrap.dedent(text) + "\nimport json\nprint(json.dumps([result, martlet.stats()]))"
        done = subprocess.run([sys.executable, "-m", "martlet", "-c", source], env=kept, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def test_a_type_that_changes_for_good(self):
        result, stats = self.run_program("""
            def total(values):
                s = values[0]
                for x in values:
                    s = s + x * x
                return s
            import functools
            ints, floats = list(range(200)), [i / 3 for i in range(200)]
            settle(lambda: total(ints), total)
            first = martlet.stats()
            settle(lambda: total(floats), total)
            result = [exits_of(lambda: total(floats)), martlet.inspect(total).compiled(), first["invalidated"],
                      total(floats) == functools.reduce(lambda s, x: s + x * x, floats, floats[0])]
        """)
        n_exits, compiled, invalidated, right = result
        self.assertTrue(compiled and right)
        self.assertLess(n_exits, 20)
        self.assertEqual([it for it in invalidated if it.startswith("exits")], [])
        storms = {reason: n for reason, n in stats["invalidated"].items() if reason.startswith("exits: ")}
        self.assertTrue(storms)
        self.assertLessEqual(sum(storms.values()), 6)
        # Each is told with its place, too.
        self.assertGreaterEqual(stats["storms"], sum(storms.values()))
        self.assertEqual(sum(it["count"] for it in stats["storm_places"]), stats["storms"])
        self.assertEqual({it["function"] for it in stats["storm_places"]}, {"total"})

    def test_types_that_alternate(self):
        result, stats = self.run_program("""
            def total(values):
                s = values[0]
                for x in values:
                    s = s + x * x
                return s
            lists = [list(range(50)), [i / 3 for i in range(50)], [10**30] * 50, [1j] * 50, [True] * 50]
            def work():
                for it in lists:
                    total(it)
            settle(work, total)
            result = [exits_of(work), martlet.inspect(total).compiled()]
        """)
        self.assertEqual(result, [0, True])
        self.assertLessEqual(sum(stats["invalidated"].values()), 12)

    def test_a_variable_that_is_bound_only_later(self):
        result, stats = self.run_program("""
            def search(n, first):
                r = found = 0
                while r < n:
                    if r >= first:
                        last = r % 7
                        while last:
                            last -= 1
                            found += 1
                    r += 1
                return found
            def work():
                search(300, 0)
                search(300, 1000)
            settle(work, search)
            result = [exits_of(work, 200), martlet.inspect(search).compiled(), search(300, 0)]
        """)
        self.assertEqual(result[1:], [True, sum(r % 7 for r in range(300))])
        self.assertLess(result[0], 20)

    def test_a_handler_that_is_used_only_later(self):
        result, stats = self.run_program("""
            def total(table, keys):
                n = 0
                for key in keys:
                    try:
                        n += table[key]
                    except KeyError:
                        n += 1
                return n
            table = {key: key for key in range(300)}
            settle(lambda: total(table, range(300)), total)
            first = martlet.stats()["invalidated"]
            settle(lambda: total(table, range(200, 500)), total)
            result = [exits_of(lambda: total(table, range(200, 500)), 200), martlet.inspect(total).compiled(),
                      total(table, range(200, 500)), list(first)]
        """)
        self.assertLess(result[0], 20)
        self.assertEqual(result[1:3], [True, sum(range(200, 300)) + 200])
        self.assertNotIn("exits: never_caught", result[3])
        self.assertEqual(stats["invalidated"].get("exits: never_caught", 0) + stats["invalidated"]["replaced"] > 0, True)

    def test_a_function_whose_loop_is_hot_is_entered_at_its_start(self):
        result, _ = self.run_program("""
            def escapes(x):
                n = 0
                while x < 100.0 and n < 40:
                    x = x * 1.1 + 0.5
                    n += 1
                return n
            def work():
                for i in range(50):
                    escapes(i / 10)
            settle(work)
            result = exits_of(work)
        """)
        self.assertEqual(result, 0)

    def test_a_module_that_gets_more_names(self):
        result, stats = self.run_program("""
            import types
            module = types.ModuleType("module")
            exec('''
            def square(x):
                return x * x
            def total(n):
                s = 0
                for i in range(n):
                    s += square(i) + len("ab")
                return s
            '''.replace("\\n            ", "\\n"), module.__dict__)
            settle(lambda: module.total(200))
            first, before = sum(martlet.stats()["invalidated"].values()), exits()
            for i in range(3000):
                setattr(module, f"name{i}", i)
                module.total(5)
            result = [exits() - before, sum(martlet.stats()["invalidated"].values()) - first, module.total(10)]
        """)
        self.assertEqual(result, [0, 0, 285 + 20])

    def test_guesses_that_fail_one_after_another_come_to_an_end(self):
        result, stats = self.run_program("""
            names = [f"x{i}" for i in range(15)]
            lines = [f"    s += {x} * 3 - {x}" for x in names]
            exec("\\n".join([f"def mixed({', '.join(names)}):", "    s = 0", *lines, "    return s"]))
            values = [1] * 15
            for i in range(15):
                settle(lambda: mixed(*values), seconds=200)
                values[i] = [2.5, 10**30, 1j][i % 3]
            work = lambda: mixed(*values)
            settle(work, seconds=200)
            result = [exits_of(work), mixed(*values) == sum(2 * x for x in values)]
        """)
        self.assertEqual(result, [0, True])
        storms = {reason: n for reason, n in stats["invalidated"].items() if reason.startswith("exits: ")}
        self.assertLessEqual(sum(storms.values()), 13)


if __name__ == "__main__":
    unittest.main()
