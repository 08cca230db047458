"""MARTLET=1: every interpreter that a program starts has it, through the `.pth` of the environment."""

import json
import unittest

from support import AT_ONCE, HOT, ProcessTest, where_installed

SWITCH = {"MARTLET": "1"}


class SwitchedOn(ProcessTest):
    def setUp(self):
        super().setUp()
        self.write("hot.py", HOT)

    def tell(self, arguments, env):
        """What the interpreter says of itself."""
        code = "import sys; print('martlet' in sys.modules and sys.modules['martlet'].is_enabled())"
        result = self.run_python((*arguments, "-c", code), env=env)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.strip() == "True"

    def test_by_the_environment_alone(self):
        self.assertTrue(self.tell([], SWITCH))
        self.assertTrue(self.tell(["-s"], SWITCH))
        self.assertTrue(self.tell(["-P"], SWITCH))
        for env in ({}, {"MARTLET": "0"}, {"MARTLET": ""}, SWITCH | {"MARTLET_OFF": "1"}):
            with self.subTest(env):
                self.assertFalse(self.tell([], env))
        # Without `site` there is no `.pth`.
        self.assertFalse(self.tell(["-S"], SWITCH))

    def test_a_program_is_compiled(self):
        statistics, _ = self.statistics(arguments=(), switches=AT_ONCE | SWITCH)
        self.assertIn("hot", statistics["compiled"])

    def children(self, body):
        """Run a program whose children each report; return how many did that, and compiled `hot`."""
        self.write("starts.py", body)
        result = self.run_python(
            ("starts.py",), env=SWITCH | AT_ONCE | {"MARTLET_ONLY": "hot,part", "PYTHONPATH": self.folder}
        )
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_children_by_subprocess(self):
        reports = self.children(
            """\
            import subprocess, sys
            code = "import martlet, json, hot; print(json.dumps(martlet.stats()['compiled']))"
            for _ in range(2):
                out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
                print(out.splitlines()[-1])
            """
        )
        self.assertEqual(reports, [["hot"], ["hot"]])

    def test_children_by_multiprocessing(self):
        reports = self.children(
            """\
            import json, multiprocessing, sys

            def part(n):
                total = 0
                for i in range(n):
                    total += i
                return total

            def report(n):
                import martlet
                assert part(n) == part(n) == n * (n - 1) // 2
                return martlet.is_enabled(), martlet.stats()["compiled"]

            if __name__ == "__main__":
                for method in "spawn", "fork", "forkserver":
                    with multiprocessing.get_context(method).Pool(1) as pool:
                        print(json.dumps(pool.map(report, [10, 100])[1]))
            """
        )
        self.assertEqual(reports, [[True, ["part"]]] * 3)

    def test_children_of_python_m_martlet(self):
        """The launcher enables its own process only: what it starts is plain, unless the environment says otherwise."""
        self.write(
            "starts.py",
            """\
            import subprocess, sys
            code = "import sys; print('martlet' in sys.modules)"
            print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip())
            """,
        )
        for env, expected in (({}, "False\n"), (SWITCH, "True\n")):
            self.assertEqual(self.run_python(("-m", "martlet", "starts.py"), env=env).stdout, expected)

    def run_sample(self, *command, env=()):
        self.write(
            "test_sample.py",
            """\
            import unittest

            def part(n):
                total = 0
                for i in range(n):
                    total += i
                return total

            class Sample(unittest.TestCase):
                def test_part(self):
                    import martlet
                    for _ in range(3):
                        self.assertEqual(part(100), 4950)
                    self.assertIn("part", martlet.stats()["compiled"])

                def test_fails(self):
                    self.assertEqual(part(3), 4)
            """,
        )
        result = self.run_python(command, env=SWITCH | AT_ONCE | {"MARTLET_ONLY": "part"} | dict(env))
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        return result

    def test_unittest(self):
        result = self.run_sample("-m", "unittest", "test_sample")
        self.assertIn("AssertionError: 3 != 4", result.stderr)
        self.assertIn("Ran 2 tests", result.stderr)
        self.assertIn("FAILED (failures=1)", result.stderr)

    def test_pytest(self):
        packages = where_installed("pytest")
        result = self.run_sample("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sample.py", env=packages)
        self.assertIn("AssertionError: 3 != 4", result.stdout)
        self.assertIn("1 failed, 1 passed", result.stdout)


if __name__ == "__main__":
    unittest.main()
