"""The report on what is slow: what it says of each line, as text and as a page, and bad input."""

import os
import textwrap
import unittest
import xml.etree.ElementTree

from support import ProcessTest

FUNCTIONS = """\
import martlet

def scale(value, factor):
    result = value * factor
    return result

def scales_all(values):
    total = 0
    for value in values:
        total += scale(value, 3)
    return total

def grows(values):
    out = []
    for value in values:
        out.append(value + 0.5)
    return out

def applies(function, value):
    return function(value)

def generator(n):
    for i in range(n):
        yield i

async def ticks(n):
    for i in range(n):
        yield i

exec("def large(n):\\n" + "    n = n + 1\\n" * 5000)

def idle():
    return "<idle> & more"

class Number:
    def __init__(self, value):
        self.value = value

    def __mul__(self, other):
        return Number(self.value * other)

def compile(function):
    assert martlet.compile(function), martlet.inspect(function).reason()

martlet.enable()
"""


def lines_below(text, source):
    """The remarks that stand below a line of source."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.rstrip().endswith(source):
            break
    else:
        raise AssertionError(f"no line {source!r} in\n{text}")
    remarks = []
    for line in lines:
        if "^" not in line:
            break
        remarks.append(line.partition("^ ")[2])
    return remarks


def page(text):
    """The page as a tree: it is well-formed, and loads nothing."""
    for source in ("http:", "https:", "src=", "@import"):
        assert source not in text, f"the page loads something: {source}"
    return xml.etree.ElementTree.fromstring(text)


class OneFunction(ProcessTest):
    def told(self, program):
        """What a program prints that has the functions."""
        self.write("functions.py", FUNCTIONS + textwrap.dedent(program))
        done = self.run_python(("functions.py",))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_exit_of_another_class(self):
        text = self.told("""
            for i in range(100):
                scale(i, 2)
            compile(scale)
            for i in range(20):
                scale(i * 0.5, 2.0)
            print(martlet.inspect(scale).report())
            """)
        remarks = lines_below(text, "result = value * factor")
        self.assertIn("left 20 times: type: a value of a class not seen before", remarks)

    def test_exit_in_a_function_inlined(self):
        text = self.told("""
            scales_all(list(range(100)))
            compile(scales_all)
            for _ in range(3):
                scales_all([2**40, 2**80])
            print(martlet.inspect(scales_all).report())
            """)
        remarks = lines_below(text, "total += scale(value, 3)")
        self.assertTrue(any("in a function inlined here" in it for it in remarks), remarks)

    def test_generic_operation(self):
        text = self.told("""
            for i in range(100):
                scale(Number(i), 2)
            compile(scale)
            print(martlet.inspect(scale).report())
            """)
        remarks = lines_below(text, "result = value * factor")
        self.assertTrue(any(it.startswith("generic: operator") for it in remarks), remarks)

    def test_boxing(self):
        text = self.told("""
            grows([1.5] * 100)
            compile(grows)
            print(martlet.inspect(grows).report())
            """)
        remarks = lines_below(text, "out.append(value + 0.5)")
        self.assertIn("boxing: a float becomes an object", remarks)

    def test_call(self):
        text = self.told("""
            for i in range(100):
                applies([str, abs][i % 2], i)
            compile(applies)
            print(martlet.inspect(applies).report())
            """)
        remarks = lines_below(text, "return function(value)")
        self.assertTrue(any(it.startswith("call: calls an unknown callable") for it in remarks), remarks)

    def test_refused(self):
        text = self.told("assert not martlet.compile(large)\nprint(martlet.inspect(large).report())")
        self.assertIn("not compiled: too_large", text)

    def test_asynchronous_generator(self):
        text = self.told("compile(ticks)\nprint(martlet.inspect(ticks).report())")
        self.assertIn("machine code, entered at each place where it goes on", text)

    def test_generator(self):
        text = self.told("""\
            compile(generator)
            assert sum(generator(100)) == 4950
            print(martlet.inspect(generator).report())
            """)
        self.assertIn("machine code, entered at each place where it goes on", text)

    def test_never_compiled(self):
        self.assertIn("not compiled: it was not asked for", self.told("print(martlet.inspect(idle).report())"))
        tree = page(self.told("print(martlet.inspect(idle).report().html())"))
        self.assertIn("<idle> & more", "".join(tree.itertext()))

    def test_method(self):
        self.assertIn("Number.__mul__", self.told("print(martlet.inspect(Number(1).__mul__).report())"))

    def test_page_has_four_listings_by_line(self):
        tree = page(self.told("""
            grows([1.5] * 100)
            compile(grows)
            print(martlet.inspect(grows).report().html())
            """))
        panes = [it for it in tree.iter("div") if it.get("class") == "pane"]
        self.assertEqual([it[0].text for it in panes], ["Source", "Bytecode", "HIR", "Assembly"])
        line = str(1 + FUNCTIONS.splitlines().index("        out.append(value + 0.5)"))
        for pane in panes:
            rows = [it for it in pane.iter("div") if it.get("data-line") == line]
            self.assertTrue(rows, pane[0].text)

    def test_function_without_source(self):
        text = self.told("""
            import builtins
            namespace = {}
            source = "def made(x):\\n    return x + '\\\\x0c\\\\udce9'"
            exec(builtins.compile(source, "nowhere.py", "exec"), namespace)
            made = namespace["made"]
            made("")
            compile(made)
            report = martlet.inspect(made).report()
            assert "nowhere.py:1" in str(report)
            print(report.html())
            """)
        page(text)

    def test_bad_files(self):
        text = self.told("""
            for path in "report.pdf", "/nowhere/at/all/report.html":
                try:
                    martlet.inspect(idle).report().write(path)
                except (ValueError, OSError) as error:
                    print(error)
            """)
        self.assertIn("ends in .html or .txt, not to 'report.pdf'", text)
        self.assertIn("No such file or directory", text)


PROGRAM = """\
import time

def work(values):
    total = 0
    for value in values:
        total = total + value
    return total

def numbers(n):
    for i in range(n):
        yield i

async def ticks(n):
    for i in range(n):
        yield i

def drain(ticking):
    try:
        while True:
            try:
                ticking.__anext__().send(None)
            except StopIteration:
                pass
    except StopAsyncIteration:
        pass

def main():
    ints, floats = list(range(2000)), [0.5] * 2000
    end = time.process_time() + 0.8
    while time.process_time() < end:
        work(ints), work(floats), sum(numbers(2000)), drain(ticks(2000))
    print("done")

main()
"""


class Program(ProcessTest):
    def report(self, *options, env=()):
        self.write("program.py", PROGRAM)
        return self.run_python(("-m", "martlet", *options, "program.py"), env=dict(env))

    def test_text_on_stderr(self):
        done = self.report("--report")
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"))
        self.assertIn("in machine code", done.stderr)
        self.assertRegex(done.stderr, r"ticks  .*program.py:13\n.*\n  machine code, entered at each place where it goes on")
        self.assertRegex(done.stderr, r"numbers  .*program.py:9\n.*\n  machine code, entered at each place where it goes on")
        self.assertRegex(done.stderr, r"5 +\d+\.\d % +for value in values:")

    def test_files(self):
        for options in (("--report", "out.html"), ("--report=out.html",), ("--report", "out.txt")):
            with self.subTest(options):
                done = self.report(*options)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "done\n", ""))
                path = os.path.join(self.folder, options[-1].removeprefix("--report="))
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                os.remove(path)
                self.assertIn("work", text)
                if path.endswith(".html"):
                    xml.etree.ElementTree.fromstring(text)

    def test_whatever_ends_the_program(self):
        self.write("ends.py", "import sys\nsys.exit(3)\n")
        done = self.run_python(("-m", "martlet", "--report", "ends.py"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("martlet: report", done.stderr)

    def test_only_the_process_that_was_asked_writes(self):
        self.write("forks.py", "import os, sys\nif os.fork() == 0:\n    sys.exit()\nos.wait()\n")
        done = self.run_python(("-m", "martlet", "--report", "forks.py"))
        self.assertEqual(done.stderr.count("martlet: report"), 1)

    def test_bad_files(self):
        for option, message in (
            ("--report=out.pdf", "ends in .html or .txt"),
            ("--report=", "a file is wanted"),
            ("--report=/nowhere/at/all/out.html", "cannot be written"),
        ):
            with self.subTest(option):
                done = self.report(option)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(message, done.stderr)

    def test_switched_off(self):
        done = self.report("--report", env={"MARTLET_OFF": "1"})
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"))
        self.assertIn("Nothing was compiled", done.stderr)


if __name__ == "__main__":
    unittest.main()
