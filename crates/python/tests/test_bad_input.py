"""What is wrong around a program: it runs on in the interpreter, and the reason is counted; or there is a clear message."""

import ctypes
import errno
import mmap
import os
import resource
import struct
import subprocess
import sys
import textwrap
import unittest

import bodies
from support import AT_ONCE, HOT, ProcessTest

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
PR_SET_NO_NEW_PRIVS = 38

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


class Environment(ProcessTest):
    def refused(self, **options):
        """Run the hot program, in which nothing can be compiled, and return the reasons."""
        statistics, stderr = self.statistics(**options)
        self.assertEqual(statistics["compiled"], [])
        self.assertGreater(sum(statistics["refused"].values()), 0)
        return statistics["refused"], stderr

    def test_executable_memory_refused(self):
        self.refused(preexec_fn=refuse_executable_memory)

    def test_other_structures_than_in_the_headers(self):
        # What the interpreter tells debuggers: the words of a frame's `previous`, `executable` and `instr_ptr`.
        moved = """\
            import ctypes
            words = (ctypes.c_uint64 * 100).in_dll(ctypes.pythonapi, "_PyRuntime")
            words[next(i for i in range(98) if words[i:i + 3] == [8, 0, 56]) + 2] += 8
        """
        self.unfit(moved, "`instr_ptr` of `struct _PyInterpreterFrame` is at 64, but the bitcode was built for 56")
        # `tp_basicsize` stands behind the head of a class and its name.
        larger = """\
            import ctypes, types
            ctypes.c_ssize_t.from_address(id(types.CellType) + 32).value += 8
        """
        self.unfit(larger, "`PyCellObject` has 32 bytes, but the bitcode was built for 24")

    def unfit(self, change, message):
        """Run the hot program in an interpreter that was changed at its start: interpreted, with a warning."""
        self.write("sitecustomize.py", change)
        script = self.write("hot.py", HOT)
        plain = self.run_python([script])
        for options in (["-m", "martlet"], ["-W", "ignore", "-m", "martlet"]):
            statistics = os.path.join(self.folder, "statistics.json")
            env = {"PYTHONPATH": self.folder, "MARTLET_STATS": statistics}
            ours = self.run_python([*options, script], env=env)
            self.assertEqual((ours.returncode, ours.stdout), (0, plain.stdout), ours.stderr)
            self.assertEqual(message in ours.stderr, "-W" not in options, ours.stderr)
        script = "import martlet; martlet.enable(); print(martlet.stats()['refused'])"
        ours = self.run_python(["-c", script], env={"PYTHONPATH": self.folder})
        self.assertIn(message, ours.stdout)
        refused = self.run_python(["-W", "error", "-c", script], env={"PYTHONPATH": self.folder})
        self.assertEqual(refused.returncode, 1)
        self.assertIn("RuntimeWarning: martlet: the helpers were built for CPython 3.13.", refused.stderr)

    def test_too_little_address_space(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (120 << 20, 120 << 20))

        self.refused(preexec_fn=limit)

    def test_no_compiler(self):
        reasons, stderr = self.refused(
            switches=AT_ONCE | {"MARTLET_COMPILER": "/nowhere/compiler.so", "MARTLET_LOG": "1"}
        )
        self.assertIn("no compiler", reasons)
        self.assertIn("/nowhere/compiler.so: cannot open shared object file", stderr)

    def shared_object(self, source):
        path = os.path.join(self.folder, "compiler.so")
        command = [bodies.c_compiler(), "-shared", "-fPIC", "-x", "c", "-", "-o", path]
        subprocess.run(command, input=textwrap.dedent(source), text=True, check=True)
        return path

    def test_a_compiler_of_another_build(self):
        other = self.shared_object("unsigned long martlet_compiler_abi(void) { return 1; }")
        reasons, stderr = self.refused(switches=AT_ONCE | {"MARTLET_COMPILER": other, "MARTLET_LOG": "1"})
        self.assertIn("no compiler", reasons)
        self.assertIn(f"{other} was built from other sources than this extension", stderr)

    def test_a_compiler_that_is_none(self):
        other = self.shared_object("int other;")
        reasons, stderr = self.refused(switches=AT_ONCE | {"MARTLET_COMPILER": other, "MARTLET_LOG": "1"})
        self.assertIn("no compiler", reasons)
        self.assertIn("undefined symbol: martlet_compiler_abi", stderr)

    def test_statistics_that_cannot_be_written(self):
        self.write("hot.py", "print(1)")
        result = self.run_python(("-m", "martlet", "hot.py"), env={"MARTLET_STATS": "/nowhere/stats.json"})
        self.assertEqual((result.returncode, result.stdout), (0, "1\n"))
        self.assertEqual(result.stderr, "martlet: /nowhere/stats.json: No such file or directory (os error 2)\n")

    def test_another_python(self):
        for change, name in [
            ("sys.version_info = (3, 12, 1, 'final', 0); sys.version = '3.12.1 (main)'", "cpython 3.12.1"),
            ("sys.version_info = (3, 14, 0, 'final', 0); sys.version = '3.14.0 (main)'", "cpython 3.14.0"),
            ("sys.abiflags = 't'", "with ABI flags t"),
            ("sys.abiflags = 'd'", "with ABI flags d"),
            ("sys.implementation.name = 'pypy'", "pypy 3.13"),
        ]:
            with self.subTest(name):
                result = self.run_python(("-c", f"import sys; {change}; import martlet"))
                self.assertEqual(result.returncode, 1)
                last = result.stderr.splitlines()[-1]
                self.assertIn("martlet works with the usual build of CPython 3.13 only; this is", last)
                self.assertIn(name, last)

    def test_unknown_options(self):
        for arguments in [(), ("-m",), ("-c",), ("--nonsense", "x.py"), ("-x",)]:
            with self.subTest(arguments):
                result = self.run_python(("-m", "martlet", *arguments))
                self.assertEqual(result.returncode, 2)
                self.assertIn("usage: python -m martlet", result.stderr)
                self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
