"""A hundred thousand functions are made, compiled, redefined, compiled again and deleted by threads, under chaos."""

import json
import os
import unittest

from support import ProcessTest

LIVES = 100_000

PROGRAM = """\
import gc, json, sys, threading
sys.path.insert(0, {tests!r})
from bodies import _martlet, compiled, table
import martlet

martlet.enable()
OBJECT = compiled(
    "O martlet_body_of_test(TS ts, F frame) {{ ENTER(); return Py_NewRef(LOCAL(0)); }}")
SAME = compile("def f(a): return a", "same", "exec")
OTHER = compile("def f(a): return (a, a)", "other", "exec")

def define(code):
    # A code object of its own for each.
    space = {{}}
    exec(code, space)
    f = space["f"]
    f.__code__ = f.__code__.replace()
    return f

def install(f):
    try:
        _martlet.install_made(f, OBJECT, "martlet_body_of_test", table([]), [], [])
        return 1
    except RuntimeError as error:
        assert "chaos" in str(error), error
        return 0

def lives(n, done):
    installed = 0
    other = define(OTHER).__code__
    for i in range(n):
        f = define(SAME)
        installed += install(f)
        assert f(i) == i
        if i % 3 == 0:
            f.__code__ = other.replace()
            assert f(i) == (i, i)
            f.__code__ = define(SAME).__code__
            installed += install(f)
            assert f(i) == i
        elif i % 3 == 1:
            installed += install(f)
            assert f(i) == i
        del f
    done.append(installed)

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

def round(n):
    done = []
    threads = [threading.Thread(target=lives, args=(n // 4, done)) for _ in range(4)]
    for it in threads: it.start()
    for it in threads: it.join()
    assert len(done) == 4
    gc.collect()
    return martlet.stats(), sum(done)

before, _ = round({lives} // 4)
memory = resident()
after, installed = round({lives} * 3 // 4)
print(json.dumps({{
    "grown": resident() - memory,
    "installed": installed,
    "before": before,
    "after": after,
}}))
"""


class LivesTest(ProcessTest):
    def test_functions_come_and_go_under_chaos(self):
        self.write("lives.py", PROGRAM.format(tests=os.path.dirname(os.path.abspath(__file__)), lives=LIVES))
        result = self.run_python(("lives.py",), env={"MARTLET_CHAOS": "7"})
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        told = json.loads(result.stdout)
        before, after = told["before"], told["after"]
        # It did happen: most were installed, and chaos came over each kind of step.
        self.assertGreater(told["installed"], LIVES * 3 // 4)
        self.assertGreater(after["refused"]["chaos"], LIVES // 20)
        self.assertGreater(after["evicted"], LIVES // 100)
        self.assertGreater(after["invalidated"]["chaos"], LIVES // 100)
        self.assertGreater(after["versions"]["freed"], LIVES)
        # And nothing is left of it.
        for name in "live", "suspended", "retired":
            self.assertEqual(after["versions"][name], before["versions"][name])
        self.assertEqual(after["functions"], before["functions"])
        self.assertEqual(after["code_bytes"]["live"], before["code_bytes"]["live"])
        self.assertLess(told["grown"], 6_000, "kB more after the first quarter")


if __name__ == "__main__":
    unittest.main()
