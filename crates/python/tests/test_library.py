"""Passes over the whole library of a program's functions, half of which are gone."""

import json
import unittest

from support import AT_ONCE, ProcessTest

FUNCTIONS = 1_200

PROGRAM = """\
import gc, json
import martlet
from martlet import _martlet

# So many shapes, some of which several functions share: those are equal but for their names.
SHAPES = [
    "return x * NUMBER + y",
    "return x - y if x > NUMBER else y - x",
    "t = 0\\n for i in range(y): t += i * NUMBER + x\\n return t",
    "return [x + NUMBER, y][x < y]",
    "d = {'k': x}\\n return d['k'] + y + NUMBER",
    "return (x + y) // (NUMBER + 1)",
]

def define(no):
    body = SHAPES[no % len(SHAPES)].replace("NUMBER", str(no // len(SHAPES) % 50))
    space = {}
    exec(f"def f{no}(x, y):\\n {body}", space)
    return space[f"f{no}"]

def results(f):
    return [repr(f(x, y)) for x, y in ((1, 2), (7, 3), (-4, 5), (10**30, 1))]

# What they give in the interpreter.
functions = [define(no) for no in range(FUNCTIONS)]
expected = [results(f) for f in functions]
martlet.enable()
for f, wanted in zip(functions, expected):
    # Whatever is called is compiled at once.
    assert results(f) == wanted, f
held = martlet.stats()["ir_functions_live"]
del functions[1::2], expected[1::2], f
gc.collect()
live = martlet.stats()["ir_functions_live"]
before = _martlet.maintain()
for f, wanted in zip(functions, expected):
    assert martlet.inspect(f).compiled(), f
    assert results(f) == wanted, f
# The library serves as before: for new functions, and new versions of old ones.
for no in range(40):
    f = define(no)
    assert results(f) == expected[no // 2] or no % 2, f
    martlet.compile(functions[no])
    assert results(functions[no]) == expected[no]
del functions[:], f
gc.collect()
end = martlet.stats()
again = _martlet.maintain()
print(json.dumps({"held": held, "live": live, "before": before, "again": again, "end": end["ir_functions_live"]}))
"""


class LibraryTest(ProcessTest):
    def test_passes_over_a_thousand_functions_of_which_half_are_gone(self):
        self.write("library.py", PROGRAM.replace("FUNCTIONS", str(FUNCTIONS)))
        result = self.run_python(("library.py",), env=AT_ONCE)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        told = json.loads(result.stdout)
        # The program's own helpers are compiled as well, a few.
        self.assertGreaterEqual(told["held"], FUNCTIONS)
        self.assertLess(told["live"], FUNCTIONS // 2 + 20)
        report = told["before"]
        self.assertGreaterEqual(report["erased"], FUNCTIONS // 2)
        self.assertGreater(report["replaced"], 0)
        self.assertGreater(report["changed"], 0)
        self.assertEqual(report["deleted"], 0)
        # Every live one is still there, and every dead one is gone.
        self.assertGreaterEqual(report["held"], told["live"])
        self.assertLess(report["instructions_after"], report["instructions_before"])
        self.assertGreater(told["again"]["erased"], report["erased"] + FUNCTIONS // 2 - 20)
        self.assertLess(told["end"], 20)


if __name__ == "__main__":
    unittest.main()
