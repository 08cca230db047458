"""The counters of live functions and of code bytes come back to what they were before `def`, with everything really
compiled; and what owns what while functions run."""

import unittest

from support import ProcessTest

PRELUDE = """\
import gc
import martlet

martlet.enable()

def counters():
    martlet.wait()
    gc.collect()
    stats = martlet.stats()
    return {
        "IR functions": stats["ir_functions_live"],
        "code bytes": (stats["code_bytes"]["live"], stats["code_bytes"]["retired"]),
        "data bytes": stats["data_bytes"],
        "versions": (stats["versions"]["live"], stats["versions"]["retired"]),
        "functions": stats["functions"],
        "exit table": stats["exit_table_words"],
    }

def compile_all(*functions):
    for f in functions:
        assert martlet.compile(f), martlet.inspect(f).reason()

# The first compile brings what stays.
exec("def first(): return 1", scope := {})
compile_all(scope["first"])
scope.clear()
before = counters()
"""

CHECK = """
after = counters()
assert after == before, (before, after)
print("back")
"""


def names(code):
    """The qualified names of the functions in it."""
    for constant in code.co_consts:
        if hasattr(constant, "co_qualname"):
            yield constant.co_qualname
            yield from names(constant)


class Counters(ProcessTest):
    def back(self, source, body):
        """Run `body` with the functions of `source` in the dictionary `scope`; the counters must be back then. The
        source is executed, since a program's own code objects live as long as the program."""
        program = PRELUDE + f"exec({source!r}, scope)\n" + body + CHECK
        path = self.write("program.py", "")
        with open(path, "w") as file:
            file.write(program)
        # What the test itself runs may get hot, too.
        only = ",".join(["first", "f", *names(compile(source, "source", "exec"))])
        for sync in "01":
            result = self.run_python(("program.py",), env={"MARTLET_SYNC": sync, "MARTLET_ONLY": only})
            self.assertEqual((result.returncode, result.stdout), (0, "back\n"), result.stderr)

    def test_counters_return_to_start(self):
        self.back(
            "def f(n):\n total = 0\n for i in range(n): total += i\n return total",
            "f = scope['f']\n"
            "f(10), f(10)\n"
            "compile_all(f)\n"
            "assert f(1000) == 499500 and counters() != before\n"
            "assert counters()['IR functions'] == before['IR functions'] + 1, counters()\n"
            "del f; scope.clear()\n",
        )

    def test_two_functions_share_one_code(self):
        self.back(
            "def make(k):\n def f(n): return n + k\n return f",
            "f, g = scope['make'](1), scope['make'](2)\n"
            "f(1), f(1)\n"
            "compile_all(f)\n"
            "assert (f(1), g(1), martlet.inspect(g).compiled()) == (2, 3, True)\n"
            "one = counters()\n"
            "compile_all(g)\n"
            "assert counters()['IR functions'] == one['IR functions'], 'one code object is compiled once'\n"
            "del f\n"
            "assert g(5) == 7 and martlet.inspect(g).compiled(), 'the other one keeps it'\n"
            "del g; scope.clear()\n",
        )

    def test_last_function_frees_all(self):
        self.back(
            "def make():\n def f(n): return n * 2\n return f",
            "fs = [scope['make']() for _ in range(5)]\n"
            "compile_all(fs[0])\n"
            "code = fs[0].__code__\n"
            "scope.clear()\n"
            "while len(fs) > 1:\n"
            "    fs.pop(0)\n"
            "    assert fs[0](4) == 8 and counters() != before\n"
            "del fs, code\n",
        )

    def test_mutually_recursive_closures(self):
        self.back(
            "def make():\n"
            " def even(n): return n == 0 or odd(n - 1)\n"
            " def odd(n): return n != 0 and even(n - 1)\n"
            " return even, odd",
            "even, odd = scope['make']()\n"
            "for _ in range(3): even(9), odd(9)\n"
            "compile_all(even, odd, even)\n"
            "assert even(10) and not odd(10) and counters() != before\n"
            "del even, odd; scope.clear()\n",
        )

    def test_method_of_a_deleted_class(self):
        self.back(
            "class C:\n"
            " def __init__(self): self.x = 1\n"
            " def m(self, n):\n"
            "  for i in range(n): self.x += self.other(i)\n"
            "  return self.x\n"
            " def other(self, i): return i",
            "C = scope['C']\n"
            "c = C(); c.m(10), c.m(10)\n"
            "compile_all(C.m, C.other, C.__init__)\n"
            "assert C().m(10) == 46 and counters() != before\n"
            "del C, c; scope.clear()\n",
        )

    def test_function_whose_globals_are_dropped(self):
        self.back(
            "limit = 10\n"
            "def g(n): return n < limit\n"
            "def f(n):\n"
            " while g(n): n += 1\n"
            " return n",
            "f = scope['f']\n"
            "f(0), f(0)\n"
            "compile_all(scope['g'], f)\n"
            "assert f(0) == 10 and counters() != before\n"
            "scope.clear()\n"
            "del f\n",
        )

    def test_dropped_while_running(self):
        self.back(
            "def f(n, drop):\n"
            " total = 0\n"
            " for i in range(n):\n"
            "  if i == 50: drop()\n"
            "  total += i\n"
            " return total",
            "f = scope['f']\n"
            "f(100, int), f(100, int)\n"
            "compile_all(f)\n"
            "inside = []\n"
            "def drop():\n"
            "    global f\n"
            "    del f; scope.clear()\n"
            "    inside.append(counters()['IR functions'])\n"
            "assert f(1000, drop) == 499500\n"
            "assert inside == [before['IR functions'] + 1], 'the frame keeps it while it runs'\n",
        )

    def test_dropped_while_suspended(self):
        self.back(
            "def part(n): return n * 2\n"
            "def f(n):\n"
            " for i in range(n): yield part(i)\n",
            "f = scope['f']\n"
            "list(f(3))\n"
            "compile_all(scope['part'])\n"
            "suspended = f(4)\n"
            "assert next(suspended) == 0\n"
            "del f; del scope['f']\n"
            "assert next(suspended) == 2 and counters() != before, 'the frame keeps the namespace'\n"
            "scope.clear()\n"
            "gc.collect()\n"
            "try: next(suspended)\n"
            "except NameError: pass\n"
            "else: raise AssertionError('the name is gone')\n"
            "del suspended\n",
        )

    def test_generator_dropped_while_suspended(self):
        self.back(
            "def f(n):\n"
            " for i in range(n): yield i * 2\n"
            "def g(n): yield from f(n)\n",
            "f, g = scope['f'], scope['g']\n"
            "list(g(3))\n"
            "compile_all(f, g)\n"
            "suspended, waiting = f(4), g(4)\n"
            "assert next(suspended) == next(waiting) == 0\n"
            "del f, g; scope.clear()\n"
            "gc.collect()\n"
            "assert next(suspended) == 2 and counters() != before, 'the frame keeps its code'\n"
            "try: next(waiting)\n"
            "except NameError: raise AssertionError('it has begun already')\n"
            "martlet.disable()\n"
            "assert next(suspended) == next(waiting) == 4\n"
            "martlet.enable()\n"
            "assert list(suspended) == list(waiting) == [6]\n"
            "del suspended, waiting\n",
        )

    def test_redefined_again_and_again(self):
        self.back(
            "pass",
            "for k in range(30):\n"
            "    exec(f'def f(n): return n + {k}', scope)\n"
            "    compile_all(scope['f'])\n"
            "    assert scope['f'](1) == 1 + k\n"
            "scope.clear()\n",
        )


class Redefinition(ProcessTest):
    def test_tiers_agree(self):
        """One translation means the same however much it was optimised."""
        self.write(
            "mixed.py",
            """\
            import math

            def numbers(n):
                a, b, items = 0, 1.5, []
                for i in range(n):
                    a = (a * 3 + i) % 1000003
                    b = b * 0.999 + a / 7 - i // 3
                    if a & 1:
                        items.append(a << (i & 31))
                    elif a % 5 == 0 and items:
                        items[-1] -= i
                return a, b, math.fsum(map(float, items)), len(items), items[-3:]

            for n in (3, 50, 400, 4.0, 500):
                try:
                    print(numbers(n))
                except (TypeError, IndexError) as error:
                    print(type(error).__name__, error)
            """,
        )
        for effort in "none", "quick", "best":
            for call in "1", "3":
                switches = {
                    "MARTLET_EFFORT": effort, "MARTLET_ALWAYS": call, "MARTLET_SYNC": "1", "MARTLET_ONLY": "numbers",
                }
                statistics, _ = self.statistics("mixed.py", switches=switches)
                self.assertEqual(statistics["compiled"], ["numbers"])

    def test_inlined_callee_redefined(self):
        """A loop that inlined or assumed `g` sees `g` rebound by something it calls, at once."""
        self.write(
            "rebinds.py",
            """\
            import martlet

            def g(i):
                return 1

            def old(i):
                return 1

            def rebind(i):
                global g
                if i == 500:
                    g = lambda i: 1000

            def f(n):
                total = 0
                for i in range(n):
                    rebind(i)
                    total += g(i)
                return total

            for _ in range(3):
                f(100)
            assert martlet.compile(f), martlet.inspect(f).reason()
            assert martlet.inspect(f).compiled()
            print(f(1000))
            g = old
            print(f(400), f(1000))
            """,
        )
        self.assertEqual(self.run_python(("rebinds.py",)).stdout, "500500\n400 500500\n")


if __name__ == "__main__":
    unittest.main()
