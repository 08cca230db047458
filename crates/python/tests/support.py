"""What tests that start interpreters share: a folder, an environment, and comparison with the plain interpreter."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

# What starts the tests may ignore this signal, as shells do for what they run in the background; interpreters that the
# tests start would inherit that, and not be interruptible.
signal.signal(signal.SIGINT, signal.default_int_handler)

HOT = """\
def hot(n):
    total = 0
    for i in range(n):
        total += i * i
    return total

for _ in range(50):
    result = hot(1000)
print(result)
"""

# Whatever is called is compiled at once.
AT_ONCE = {"MARTLET_ALWAYS": "1", "MARTLET_SYNC": "1", "MARTLET_EFFORT": "none"}


def environment(**changes):
    """The environment without switches of Martlet or of the interpreter, and `changes`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MARTLET", "PYTHON"))
    }
    return kept | changes


def where_installed(name):
    """The environment in which a package that only tests need is found; the test is skipped where it is not installed.
    `cargo xtask test` installs such packages into a folder of their own, and says so if it could not."""
    folder = os.environ.get("MARTLET_TEST_PACKAGES", "")
    if not os.path.isdir(os.path.join(folder, name)):
        raise unittest.SkipTest(f"{name} is not installed")
    return {"PYTHONPATH": folder}


class ProcessTest(unittest.TestCase):
    """Runs interpreters in a fresh folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))
        return path

    def run_python(self, arguments, *, stdin="", env=(), preexec_fn=None):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment(**dict(env)),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            preexec_fn=preexec_fn,
        )

    def same(self, *arguments, before=(), stdin="", env=(), **switches):
        """Run with and without Martlet, compare, and return the plain result. `before` stands before `-m martlet`, `env`
        is for both. Addresses may differ."""
        env = dict(env)
        plain = self.run_python((*before, *arguments), stdin=stdin, env=env)
        martlet = self.run_python((*before, "-m", "martlet", *arguments), stdin=stdin, env=env | switches)
        self.assertEqual(without_addresses(martlet.stdout), without_addresses(plain.stdout))
        self.assertEqual(without_addresses(martlet.stderr), without_addresses(plain.stderr))
        self.assertEqual(martlet.returncode, plain.returncode)
        return plain

    def statistics(self, script="hot.py", arguments=("-m", "martlet"), switches=AT_ONCE, **options):
        """Run a script, by itself the hot one, check its output, and return its statistics and its standard error."""
        if script == "hot.py":
            self.write("hot.py", HOT)
        path = os.path.join(self.folder, "stats.json")
        martlet = self.run_python((*arguments, script), env={"MARTLET_STATS": path, **switches}, **options)
        self.assertEqual(martlet.returncode, 0, martlet.stderr)
        self.assertEqual(martlet.stdout, self.run_python((script,)).stdout)
        with open(path) as file:
            return json.load(file), martlet.stderr


def without_addresses(text):
    return re.sub(r"0x[0-9a-f]{6,}", "0x...", text)
