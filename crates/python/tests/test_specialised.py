"""Functions that are compiled when the interpreter has specialised them keep the references of what they work on."""

import os
import subprocess
import sys
import unittest

PROGRAM = '''\
import sys, martlet

class Table:
    size = 3
    def __init__(self, x=1):
        self.x = x
    def __getitem__(self, key):
        return key
    def put(self, x, y=2):
        self.x = x
        return self
    @property
    def twice(self):
        return self.x

class Slotted:
    __slots__ = ("x",)
    def __init__(self, x):
        self.x = x

def subscript(t, k): return t[k]
def attribute(t, k): t.x = k; return t.x
def method(t, k): return t.put(k), t.put(x=k, y=k), t.put(k, y=k)
def getter(t, k): return t.twice
def made(t, k): s = Slotted(k); return Table(k), Table(x=k), Table(), s.x
def of_class(t, k): return t.size, Table.size
def looked_up(t, k): d = {"a": k}; return d.get("a"), d["a"], "a" in d
def listed(t, k): out = []; out.append(k); return out[0], out[-1], out.pop()

for function in (subscript, attribute, method, getter, made, of_class, looked_up, listed):
    table, key = Table(), ["key"]
    for _ in range(100):
        function(table, key)
    assert martlet.compile(function), function
    table.x = None
    before = sys.getrefcount(table), sys.getrefcount(key), sys.getrefcount(Table)
    for _ in range(300):
        function(table, key)
    table.x = None
    after = sys.getrefcount(table), sys.getrefcount(key), sys.getrefcount(Table)
    assert martlet.inspect(function).compiled(), function
    print(function.__name__, before == after, before, after)
'''


class SpecialisedTest(unittest.TestCase):
    def test_references_are_kept(self):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MARTLET_")}
        command = [sys.executable, "-m", "martlet", "-c", PROGRAM]
        run = subprocess.run(command, env=kept, capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        lines = run.stdout.splitlines()
        self.assertEqual(len(lines), 8)
        for line in lines:
            self.assertIn(" True ", line)


if __name__ == "__main__":
    unittest.main()
