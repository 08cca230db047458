"""The command line: `python -m martlet` behaves as `python` does, in failure too.

Every case runs the same arguments under both and compares standard output, standard error and
exit status.
"""

import os
import subprocess
import unittest
import zipfile

from support import ProcessTest


class CommandLine(ProcessTest):
    def test_script_that_does_not_exist(self):
        plain = self.same("nowhere.py")
        self.assertEqual(plain.returncode, 2)
        self.assertIn("can't open file", plain.stderr)

    def test_script_that_does_not_parse(self):
        self.write("broken.py", "def f(:\n    pass\n")
        plain = self.same("broken.py")
        self.assertEqual(plain.returncode, 1)
        self.assertIn("SyntaxError", plain.stderr)

    def test_command_that_is_no_text(self):
        self.assertEqual(self.same("-c", "print('\udce9')").returncode, 1)

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

    def test_code_and_module_in_one_word_with_the_option(self):
        self.same("-cimport sys; print(sys.argv)", "x")
        self.write("alone.py", "import sys; print(sys.argv[1:], __name__)\n")
        self.same("-malone", "x", "-y")

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

    def test_folder_as_script(self):
        self.write("app/__main__.py", "import other, sys; print(__name__, other.x, sys.path[0], sys.argv, __file__)\n")
        self.write("app/other.py", "x = 1\n")
        self.same("app", "x")
        self.same("./app/", "x")
        self.same("app", before=["-P"])
        self.write("empty/other.py", "")
        self.assertEqual(self.same("empty").returncode, 1)

    def test_zip_as_script(self):
        path = os.path.join(self.folder, "app.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("__main__.py", "import other, sys; print(__name__, other.x, sys.path[0], sys.argv, __file__)\n")
            archive.writestr("other.py", "x = 1\n")
        self.same("app.zip", "x", "-y")

    def test_script_from_stdin(self):
        text = "import sys\nprint(sys.argv, __name__, repr(sys.path[0]), '__file__' in globals())\n"
        self.same("-", "a", "-b", stdin=text)
        self.assertIn("line 2, in f", self.same("-", stdin="def f():\n    1 / 0\nf()\n").stderr)
        self.assertIn("SyntaxError", self.same("-", stdin="def f(:\n").stderr)

    def test_script_that_can_be_read_once(self):
        os.mkfifo(os.path.join(self.folder, "pipe"))
        for before in ((), ("-m", "martlet")):
            with subprocess.Popen(["sh", "-c", "echo 'print(__file__)' > pipe"], cwd=self.folder):
                result = self.run_python((*before, "pipe"))
            self.assertEqual(result.stdout, os.path.join(self.folder, "pipe") + "\n")

    def test_paths_of_scripts(self):
        self.write("sub/show.py", "import sys; print(sys.argv, __file__, sys.path[0])")
        os.symlink("sub/show.py", os.path.join(self.folder, "link.py"))
        for path in ("sub/show.py", "./sub/show.py", "sub/../sub/show.py", "link.py", f"{self.folder}/link.py"):
            self.same(path)

    def test_forms_of_source_text(self):
        for number, data in enumerate(
            [
                b"",
                b"\xef\xbb\xbfprint(1)\n",
                b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n",
                b"print('\xe9')\n",
                b"print(1)\0\n",
                b"if 1:\nprint(1)\n",
            ]
        ):
            with open(os.path.join(self.folder, f"source{number}.py"), "wb") as file:
                file.write(data)
            self.same(f"source{number}.py")

    def test_options_of_the_interpreter(self):
        self.write(
            "show.py",
            """\
            import sys, warnings
            print(sys.flags, sys._xoptions, sys.warnoptions, sys.path[0], __debug__, __doc__)
            assert len(sys.argv) == 1, "asserted"
            warnings.warn("is shown or raised")
            """,
        )
        for options in (
            ["-X", "dev"], ["-W", "error"], ["-O"], ["-OO"], ["-B"], ["-I"], ["-P"], ["-E"], ["-s"], ["-u"], ["-b"],
            ["-X", "utf8=0"], ["-X", "no_debug_ranges"], ["-X", "tracemalloc"], ["-X", "faulthandler"],
        ):
            with self.subTest(options):
                self.same("show.py", "argument", before=options)
                self.same("-m", "show", before=options)

    def test_prompt_at_the_end(self):
        for code in ("x = 4", "x = 4; 1 / 0", "x = 4; import sys; sys.exit(7)"):
            self.assertIn("4", self.same("-c", code, before=["-i"], stdin="print(x)\n").stdout)
        self.same("-c", "1 / 0", env={"PYTHONINSPECT": "1"})
        self.same("-c", "import os; os.environ['PYTHONINSPECT'] = '1'; 1 / 0")

    def test_what_a_program_finds_around_it(self):
        for code in (
            "import sys; print(sys._getframe().f_back, sys._getframe().f_code)",
            "import inspect; print(len(inspect.stack()))",
            "import traceback; traceback.print_stack()",
            "import threading; print(threading.active_count(), threading.current_thread().name)",
            "import gc; print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count())",
            "import sys; print(sys.gettrace(), sys.getprofile(), sys.getrecursionlimit(), sys.getswitchinterval())",
            "import sys; print([sys.monitoring.get_tool(i) for i in range(4)])",
            "import sys; print(sys.meta_path, sys.path, sys.executable, sys.prefix)",
            "import os; print(sorted(os.listdir('/proc/self/fd')))",
            "import os; print(sorted(os.environ))",
            "import __main__, sys; print(__main__ is sys.modules['__main__'], __main__.__dict__ is globals())",
            "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A, A.__module__)",
        ):
            with self.subTest(code):
                self.same("-c", code)
                self.write("program.py", code + "\n")
                self.same("program.py")
                self.same("-m", "program")

    def test_ends_of_programs(self):
        for code in (
            "import sys; sys.exit(3)",
            "import sys; sys.exit('text')",
            "import sys; sys.exit(None)",
            "import sys; sys.exit('')",
            "import sys; sys.exit(-1)",
            "import sys; sys.exit(2**70)",
            "raise SystemExit([1, 2])",
            "exit(3)",
            "import os; os._exit(7)",
            "import os; os.abort()",
            "raise BaseException('b')",
            "raise ExceptionGroup('g', [ValueError(1)])",
            "raise KeyboardInterrupt",
            "try:\n    1 / 0\nfinally:\n    raise KeyError(2)",
            "import sys; sys.excepthook = lambda *a: print('hook', a[1]); 1 / 0",
            "import sys; sys.stderr = None; 1 / 0",
            "import sys; sys.stdout.close()",
            "import sys; del sys.modules['__main__']",
            "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T')\nt.start()\nt.join()",
            "class A:\n    def __del__(self): 1 / 0\nA()",
            "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
            "import os, signal; signal.signal(2, signal.SIG_DFL); os.kill(os.getpid(), 2)",
            "import os\nwhile True:\n    os.kill(os.getpid(), 2)",
            "import os, threading\nthreading.Timer(.2, lambda: os.kill(os.getpid(), 2)).start()\nwhile True: pass",
        ):
            with self.subTest(code):
                self.same("-c", code)
                self.write("program.py", code + "\n")
                self.same("program.py")

    def test_order_at_the_end(self):
        self.write(
            "ends.py",
            """\
            import atexit, threading, time, weakref

            class D:
                def __init__(self, name): self.name = name
                def __del__(self): print("dies", self.name)

            kept = D("global")
            weakref.finalize(kept, print, "finalize")
            atexit.register(print, "registered first")
            atexit.register(print, "registered second")
            threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
            print("end of main")
            """,
        )
        self.same("ends.py")
        self.same("ends.py", MARTLET_ALWAYS="1", MARTLET_SYNC="1", MARTLET_ONLY="D.__init__,D.__del__,<lambda>")

    def test_forks_do_not_warn(self):
        self.write(
            "forks.py",
            """\
            import os

            def hot(n):
                total = 0
                for i in range(n):
                    total += i
                return total

            for i in range(2000):
                hot(1000)
            for i in range(5):
                child = os.fork()
                if child == 0:
                    os._exit(hot(1000) % 200)
                print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """,
        )
        self.same("forks.py", before=["-W", "error"])

    def test_multiprocessing(self):
        self.write(
            "parts.py",
            """\
            import multiprocessing, sys

            def part(n):
                return sum(range(n)), __name__, sys.argv

            if __name__ == "__main__":
                for method in "fork", "spawn", "forkserver":
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        print(method, pool.map(part, [10, 1000]))
            """,
        )
        self.same("parts.py", "x", before=["-W", "error"])
        self.same("-m", "parts")

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
        plain = self.same("fails.py", MARTLET_ALWAYS="1", MARTLET_SYNC="1", MARTLET_ONLY="inner,outer")
        self.assertEqual(plain.stderr.count("File"), 3)

    def test_nothing_of_llvm_is_mapped_before_it_is_needed(self):
        code = "print(any('LLVM' in line for line in open('/proc/self/maps')))"
        self.assertEqual(self.same("-c", code).stdout, "False\n")


if __name__ == "__main__":
    unittest.main()
