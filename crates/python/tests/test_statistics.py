"""What Martlet says of itself: statistics in their three forms, and a function under the glass."""

import json
import os
import unittest

from support import AT_ONCE, HOT, ProcessTest

COUNT = int
REASONS = {str: int}
SHARES = {"live": int, "retired": int, "freed": int}

# The fields that are promised; there may be more.
SCHEMA = {
    "compiled": [str],
    "refused": REASONS,
    "relinks": COUNT,
    "invalidated": REASONS,
    "exits": REASONS,
    "storms": COUNT,
    "versions": SHARES | {"suspended": int},
    "evicted": COUNT,
    "merged": COUNT,
    "code_bytes": SHARES,
    "ir_functions_live": COUNT,
    "machine_share": float,
    "compile": {
        "bytecodes": COUNT, "frontend_ns": COUNT, "optimise_ns": COUNT, "emit_ns": COUNT, "link_ns": COUNT,
    },
}

# Something of each kind: compiled, left by an exit, fallen with its class, freed, refused.
EVENTFUL = """\
import json, sys
import martlet

def hot(n):
    total = 0
    for i in range(n):
        total += i
    return total

exec("def large(n):\\n" + "    n = n + 1\\n" * 5000)

class C:
    x = 1

def reads(c):
    return c.x

# The code object of what stands here would live as long as this program's.
exec("def gone(n): return n + 1")

martlet.enable()
hot(10), hot(10)
for _ in range(100):
    reads(C())
for f in hot, reads, gone:
    assert martlet.compile(f), martlet.inspect(f).reason()
assert not martlet.compile(large)
print(hot(100), hot(2.0) if len(sys.argv) > 5 else "", reads(C()), gone(1))
try:
    hot("n")
except TypeError as error:
    print(error)
for _ in range(20):
    hot(2**70 // 2**66)
C.x = 2
print(reads(C()))
before = martlet.stats()["versions"]
del gone, f
martlet.wait()
after = martlet.stats()["versions"]
assert after["freed"] > before["freed"], (before, after)
"""


class Statistics(ProcessTest):
    def fits(self, value, schema, path="statistics"):
        if isinstance(schema, type):
            self.assertIs(type(value), schema, path)
        elif isinstance(schema, list):
            self.assertIs(type(value), list, path)
            for item in value:
                self.fits(item, schema[0], path)
        elif str in schema:
            self.assertIs(type(value), dict, path)
            for key, item in value.items():
                self.fits(item, schema[str], f"{path}.{key}")
        else:
            self.assertIs(type(value), dict, path)
            for key, inner in schema.items():
                self.assertIn(key, value, path)
                self.fits(value[key], inner, f"{path}.{key}")

    def test_file_has_what_is_promised(self):
        self.write("eventful.py", EVENTFUL)
        statistics, _ = self.statistics("eventful.py", switches={"MARTLET_SYNC": "1"})
        self.fits(statistics, SCHEMA)
        self.assertLessEqual({"hot", "reads", "gone"}, set(statistics["compiled"]))
        self.assertIn("too_large", statistics["refused"])
        for name in ("exits", "invalidated"):
            self.assertGreater(sum(statistics[name].values()), 0, name)
        self.assertGreaterEqual(statistics["relinks"], 3)
        self.assertGreater(statistics["versions"]["freed"], 0)
        self.assertGreater(statistics["code_bytes"]["freed"], 0)
        self.assertGreaterEqual(statistics["ir_functions_live"], 1)
        for name, value in statistics["compile"].items():
            self.assertGreater(value, 0, name)

    def test_they_have_the_same_shape_before_anything_was_set_up(self):
        self.write("early.py", "import json, martlet\nprint(json.dumps(martlet.stats()))\n")
        early = json.loads(self.run_python(("early.py",)).stdout)
        self.fits(early, SCHEMA)
        self.write("later.py", "import json, martlet\nmartlet.enable()\nprint(json.dumps(martlet.stats()))\n")
        self.assertEqual(set(json.loads(self.run_python(("later.py",)).stdout)), set(early))

    def test_each_process_has_a_file(self):
        self.write("parent.py", "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'martlet', '-c', '1'])\n")
        where = os.path.join(self.folder, "of-%p.json")
        self.run_python(("-m", "martlet", "parent.py"), env={"MARTLET_STATS": where})
        self.assertEqual(len([it for it in os.listdir(self.folder) if it.startswith("of-")]), 2)

    def test_switches_that_mean_nothing_are_said_to_be_ignored(self):
        switches = {"MARTLET_ALWAYS": "often", "MARTLET_EFFORT": "much", "MARTLET_DUMP": "hir,mir"}
        self.write("quiet.py", "print(1)\n")
        done = self.run_python(("-m", "martlet", "quiet.py"), env=switches)
        self.assertEqual(done.stdout, "1\n")
        for name, value in ("MARTLET_ALWAYS", "often"), ("MARTLET_EFFORT", "much"), ("MARTLET_DUMP", "mir"):
            self.assertIn(f"martlet: {name}={value}: ignored", done.stderr)

    def test_share_of_time_in_machine_code(self):
        self.write(
            "long.py",
            """\
            import time
            import martlet

            def hot(n):
                total = 0
                for i in range(n):
                    total += i * i
                return total

            assert martlet.stats().get("machine_share", 0.0) == 0.0
            martlet.enable()
            end = time.monotonic() + 60
            while martlet.stats()["machine_share"] == 0.0 and time.monotonic() < end:
                for _ in range(200):
                    hot(1000)
            assert martlet.inspect(hot).compiled()
            assert 0.0 < martlet.stats()["machine_share"] <= 1.0
            """,
        )
        result = self.run_python(("long.py",))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_nothing_was_compiled(self):
        self.write("nothing.py", "pass\n")
        statistics, _ = self.statistics("nothing.py", switches={})
        self.fits(statistics, SCHEMA)
        self.assertEqual((statistics["compiled"], statistics["ir_functions_live"]), ([], 0))

    def test_switched_off(self):
        statistics, _ = self.statistics(switches=AT_ONCE | {"MARTLET_OFF": "1"})
        self.fits(statistics, SCHEMA)
        self.assertEqual(statistics["compiled"], [])

    def test_processes_share_replies(self):
        cache = os.path.join(self.folder, "cache")
        os.mkdir(cache)

        def cost():
            statistics, _ = self.statistics(switches=AT_ONCE | {"MARTLET_CACHE": cache})
            self.assertIn("hot", statistics["compiled"])
            return statistics["compile"]["emit_ns"]

        self.assertGreater(cost(), 0)
        self.assertEqual(cost(), 0)
        for name in os.listdir(cache):
            os.truncate(os.path.join(cache, name), 100)
        self.assertGreater(cost(), 0)
        self.assertEqual(cost(), 0)
        for name in os.listdir(cache):
            with open(os.path.join(cache, name), "r+b") as file:
                code = file.read().index(b"\x7fELF")
                file.seek(code + 64)
                file.write(bytes(200))
        self.assertGreater(cost(), 0)

    def test_table_on_stderr(self):
        self.write("hot.py", HOT)
        plain = self.run_python(("hot.py",))
        for arguments, switches in [(("--stats",), {}), ((), {"MARTLET_STATS": "1"})]:
            result = self.run_python(("-m", "martlet", *arguments, "hot.py"), env=AT_ONCE | switches)
            self.assertEqual((result.returncode, result.stdout), (0, plain.stdout))
            lines = result.stderr.splitlines()
            self.assertEqual(lines[0], "martlet: statistics")
            for name in (
                "functions compiled", "time in machine code", "versions", "code bytes", "relinks", "IR functions live",
                "refused", "invalidated", "exits", "compiling",
            ):
                self.assertTrue(any(line.strip().startswith(name) for line in lines), (name, lines))

    def test_function_under_the_glass(self):
        self.write(
            "inspects.py",
            """\
            import martlet

            def f(n):
                total = 0
                for i in range(n):
                    total += i
                return total

            def g():
                yield

            exec("def large(n):\\n" + "    n = n + 1\\n" * 5000)

            seen = martlet.inspect(f)
            assert not seen.compiled() and seen.versions() == [] and seen.reason() is None
            f(10), f(10)
            assert martlet.compile(f)
            assert f(10) == 45
            assert seen.compiled() and len(seen.versions()) == 1, seen.versions()
            told = seen.versions()[0]
            for step in "(start), Best: Published; Queued at ", " s (requested), Compiling at ", "(installed); ":
                assert step in told, told
            assert " bytes, " in told and " objects, left 0 times" in told, told
            try:
                f(1.5)
            except TypeError:
                pass
            n_exits = sum(martlet.stats()["exits"].values())
            assert f" objects, left {n_exits} times" in seen.versions()[0], (n_exits, seen.versions())
            assert "FOR_ITER" in seen.bytecode()
            assert "bb0" in seen.hir()
            assert "define" in seen.ir() and "define" in seen.ir(optimised=True)
            assert "ret" in seen.asm()
            assert not martlet.compile(large)
            assert "too_large" in martlet.inspect(large).reason()
            for wrong in len, 3, object:
                try:
                    martlet.inspect(wrong)
                except TypeError as error:
                    assert "a Python function is wanted" in str(error), error
                else:
                    raise AssertionError(wrong)
            stats = martlet.stats()
            assert "f" in stats["compiled"] and stats["versions"]["live"] == 1, stats
            assert martlet.compile(g) and martlet.inspect(g).compiled() and list(g()) == [None]
            martlet.disable()
            assert not seen.compiled() and f(10) == 45
            martlet.enable()
            """,
        )
        result = self.run_python(("inspects.py",))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_decorator(self):
        self.write(
            "decorated.py",
            """\
            import martlet

            martlet.enable()

            @martlet.jit
            def f(a, b):
                return a + b

            assert f.__name__ == "f"
            assert not martlet.inspect(f).compiled()
            assert f(1, 2) == 3
            martlet.wait()
            assert f("a", "b") == "ab"
            assert "f" in martlet.stats()["compiled"], martlet.inspect(f).reason()
            """,
        )
        result = self.run_python(("decorated.py",))
        self.assertEqual((result.returncode, result.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
