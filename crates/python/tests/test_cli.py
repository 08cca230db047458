"""The command line: `python -m martlet` behaves as `python` does, in failure too.

Every case runs the same arguments under both and compares standard output, standard error and
exit status.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import textwrap
import unittest

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
PR_SET_NO_NEW_PRIVS = 38

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


def environment(**changes):
    """The environment without switches of Martlet or of the interpreter, and `changes`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MARTLET", "PYTHON"))
    }
    return kept | changes


# A seccomp filter, as (code, jump if true, jump if false, operand). It refuses PROT_EXEC to mprotect and
# pkey_mprotect, and to mmap of anonymous or shared memory; private mappings of files, which the dynamic
# linker makes, stay allowed. Offsets are those of struct seccomp_data, numbers those of x86-64.
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
FILTER = [
    (LOAD, 0, 0, 4),
    (EQUAL, 0, 10, 0xC000003E),  # another architecture: allow
    (LOAD, 0, 0, 0),
    (EQUAL, 4, 0, 9),  # mmap
    (EQUAL, 1, 0, 10),  # mprotect
    (EQUAL, 0, 6, 329),  # pkey_mprotect
    (LOAD, 0, 0, 32),
    (ANY_BIT, 5, 4, mmap.PROT_EXEC),
    (LOAD, 0, 0, 32),
    (ANY_BIT, 0, 2, mmap.PROT_EXEC),
    (LOAD, 0, 0, 40),
    (ANY_BIT, 1, 0, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, REFUSE),
]


class FilterProgram(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def refuse_executable_memory():
    """Make the kernel refuse this process, and what it executes, new executable memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in FILTER)
    program = FilterProgram(len(FILTER), code)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


class CommandLine(unittest.TestCase):
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

    def same(self, *arguments, stdin="", **env):
        """Run with and without Martlet, compare, and return the plain result."""
        plain = self.run_python(arguments, stdin=stdin)
        martlet = self.run_python(("-m", "martlet", *arguments), stdin=stdin, env=env)
        self.assertEqual(martlet.stdout, plain.stdout)
        self.assertEqual(martlet.stderr, plain.stderr)
        self.assertEqual(martlet.returncode, plain.returncode)
        return plain

    def test_script_that_does_not_exist(self):
        plain = self.same("nowhere.py")
        self.assertEqual(plain.returncode, 2)
        self.assertIn("can't open file", plain.stderr)

    def test_script_that_does_not_parse(self):
        self.write("broken.py", "def f(:\n    pass\n")
        plain = self.same("broken.py")
        self.assertEqual(plain.returncode, 1)
        self.assertIn("SyntaxError", plain.stderr)

    def test_command_that_does_not_parse(self):
        self.assertEqual(self.same("-c", "x = = 1").returncode, 1)

    def test_module_that_does_not_exist(self):
        self.assertEqual(self.same("-m", "no_such_module_anywhere").returncode, 1)

    def test_script_with_arguments(self):
        self.write(
            "show.py",
            """\
            import sys
            print(sys.argv, __name__, __file__, sys.path[0], sys.stdin.read())
            print(sorted(globals()), __spec__, __package__)
            print(sys.modules["__main__"].__dict__ is globals())
            """,
        )
        plain = self.same("show.py", "a", "-b", "--stats", "c d", stdin="input")
        self.assertIn("--stats", plain.stdout)

    def test_command_with_arguments(self):
        code = "import sys; print(sys.argv, __name__, repr(sys.path[0]), '__file__' in globals())"
        self.same("-c", code, "x", "-c")

    def test_module_with_arguments(self):
        self.write("package/__init__.py", "print('package')\n")
        self.write(
            "package/tool.py",
            """\
            import sys
            print(sys.argv[1:], __name__, __package__, __spec__.name, sys.path[0])
            """,
        )
        self.same("-m", "package.tool", "x", "-y")

    def test_folder_and_zip_as_script(self):
        self.write("app/__main__.py", "import other; print(__name__, other.x)\n")
        self.write("app/other.py", "x = 1\n")
        self.same("app")

    def test_exit_status(self):
        for code in ("3", "'text'", "None", "True", "''"):
            self.same("-c", f"import sys; sys.exit({code})")

    def test_uncaught_exception(self):
        self.write(
            "fails.py",
            """\
            def inner(n):
                return 1 // n

            def outer(n):
                return inner(n)

            outer(0)
            """,
        )
        plain = self.same("fails.py", MARTLET_ALWAYS="1", MARTLET_SYNC="1")
        self.assertEqual(plain.stderr.count("File"), 3)

    def test_death_by_signal(self):
        plain = self.same("-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
        self.assertEqual(plain.returncode, -signal.SIGTERM)

    def test_keyboard_interrupt(self):
        code = "import os, signal\nwhile True:\n    os.kill(os.getpid(), signal.SIGINT)"
        self.assertIn("KeyboardInterrupt", self.same("-c", code).stderr)

    def statistics(self, switches=None, **options):
        """Run the hot program, check its output, and return its statistics."""
        self.write("hot.py", HOT)
        path = os.path.join(self.folder, "stats.json")
        env = {"MARTLET_STATS": path, "MARTLET_ALWAYS": "1", "MARTLET_SYNC": "1"} | (switches or {})
        martlet = self.run_python(("-m", "martlet", "hot.py"), env=env, **options)
        self.assertEqual(martlet.returncode, 0, martlet.stderr)
        self.assertEqual(martlet.stdout, self.run_python(("hot.py",)).stdout)
        with open(path) as file:
            return json.load(file)

    def test_statistics_name_what_was_compiled(self):
        statistics = self.statistics()
        self.assertTrue(any("hot" in name for name in statistics["compiled"]), statistics)

    def test_processes_share_replies(self):
        cache = os.path.join(self.folder, "cache")
        os.mkdir(cache)
        first, second = (self.statistics({"MARTLET_CACHE": cache}) for _ in range(2))
        self.assertEqual(first["compiled"], second["compiled"])
        self.assertGreater(first["compile"]["emit_ns"], 0)
        self.assertEqual(second["compile"]["emit_ns"], 0)
        for name in os.listdir(cache):
            os.truncate(os.path.join(cache, name), 100)
        third = self.statistics({"MARTLET_CACHE": cache})
        self.assertGreater(third["compile"]["emit_ns"], 0)

    def test_executable_memory_refused(self):
        statistics = self.statistics(preexec_fn=refuse_executable_memory)
        self.assertEqual(statistics["compiled"], [])
        self.assertGreater(sum(statistics["refused"].values()), 0)

    def test_too_little_address_space(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (120 << 20, 120 << 20))

        statistics = self.statistics(preexec_fn=limit)
        self.assertEqual(statistics["compiled"], [])
        self.assertGreater(sum(statistics["refused"].values()), 0)

    def test_nothing_of_llvm_is_mapped_before_it_is_needed(self):
        code = "print(any('LLVM' in line for line in open('/proc/self/maps')))"
        self.assertEqual(self.same("-c", code).stdout, "False\n")


if __name__ == "__main__":
    unittest.main()
