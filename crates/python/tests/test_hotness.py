"""What gets hot is compiled quickly, then well, and never for more than the program can afford."""

import json
import os
import subprocess
import sys
import textwrap
import unittest


class HeatTest(unittest.TestCase):
    def run_program(self, text):
        """What the program prints, read as JSON."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MARTLET", "PYTHON"))}
        command = [sys.executable, "-m", "martlet", "-c", textwrap.dedent(text)]
        done = subprocess.run(command, env=kept, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_who_calls_what_is_slow_in_c_is_not_hot(self):
        compiled = self.run_program("""
            import json, time, martlet

            def waits(values, seconds):
                end = time.thread_time() + seconds
                while time.thread_time() < end:
                    sum(values)

            def works(seconds):
                end = time.thread_time() + seconds
                while time.thread_time() < end:
                    pass

            waits(range(10**6), 1.5)
            while not martlet.stats()["compiled"] and time.thread_time() < 30:
                works(0.2)
                martlet.wait()
            print(json.dumps(martlet.stats()["compiled"]))
        """)
        self.assertEqual(compiled, ["works"])

    def test_a_short_program_does_not_pay_for_the_compiler(self):
        maps, samples, result = self.run_program("""
            import json, time, martlet

            def works(seconds):
                total = 0
                while time.process_time() < seconds:
                    for i in range(1000):
                        total += i & 3
                return total

            works(0.12)
            martlet.wait()
            print(json.dumps([open("/proc/self/maps").read().count("libLLVM"), martlet.stats()["samples"], works(0) == 0]))
        """)
        self.assertEqual(maps, 0)
        self.assertGreater(samples, 10)
        self.assertTrue(result)

    def test_who_is_in_a_quick_loop_goes_on_in_the_better_one(self):
        result, compiles, replaced = self.run_program("""
            import json, time, martlet

            def works(seconds):
                total = n = 0
                end = time.thread_time() + seconds
                while True:
                    for i in range(100_000):
                        total += i * 3 % 7
                        n += 1
                    stats = martlet.stats()
                    if stats["invalidated"].get("replaced") or time.thread_time() > end:
                        return total == n // 100_000 * sum(i * 3 % 7 for i in range(100_000)), stats

            right, stats = works(60)
            print(json.dumps([right, stats["compiles"], stats["invalidated"].get("replaced", 0)]))
        """)
        self.assertTrue(result)
        self.assertGreaterEqual(compiles, 2)
        self.assertGreaterEqual(replaced, 1)

    def test_a_small_function_whose_callers_cannot_be_compiled_is_compiled(self):
        compiled = self.run_program("""
            import itertools, json, time, martlet

            def small(x):
                return x * x + 1

            # No function, and without a loop: it is never compiled. Nor is what runs it.
            calls = compile("small(3)\\n" * 20, "calls", "exec")

            end = time.thread_time() + 60
            while not martlet.stats()["compiled"] and time.thread_time() < end:
                any(map(exec, itertools.repeat(calls, 2_500)))
                martlet.wait()
            print(json.dumps(martlet.stats()["compiled"]))
        """)
        self.assertEqual(compiled, ["small"])

    def test_calls_from_the_interpreter_count_as_machine_code(self):
        share, compiles = self.run_program("""
            import json, time, martlet

            def work(x):
                x = (x * 3 + 1) % 1000003
                x = (x * 5 + 1) % 1000003
                x = (x * 7 + 1) % 1000003
                x = (x * 9 + 1) % 1000003
                return x

            def calls(n):
                for i in range(n):
                    yield work(i)

            def run(seconds):
                end = time.thread_time() + seconds
                while time.thread_time() < end:
                    any(it < 0 for it in calls(1000))

            end = time.thread_time() + 60
            while not martlet.inspect(work).compiled() and time.thread_time() < end:
                run(0.2)
                martlet.wait()
            run(1.0)
            martlet.wait()
            before = martlet.stats()
            run(1.0)
            stats = martlet.stats()
            n = stats["samples"] - before["samples"]
            inside = stats["machine_share"] * stats["samples"] - before["machine_share"] * before["samples"]
            print(json.dumps([inside / n, stats["compiles"]]))
        """)
        self.assertGreater(share, 0.2)
        self.assertLess(compiles, 12)

    def test_the_tool_id_is_given_back_when_the_code_of_the_last_loop_dies(self):
        names = self.run_program("""
            import json, sys, time, martlet

            def tools():
                return [sys.monitoring.get_tool(i) for i in range(6) if sys.monitoring.get_tool(i)]

            source = ["def loops(n):", " total = 0", " for i in range(n):", "  total += i & 3", " return total"]
            space = {}
            exec(chr(10).join(source), space)
            found, end = [], time.thread_time() + 60
            while not found and time.thread_time() < end:
                space["loops"](3_000_000)
                found = tools()
            martlet.wait()
            space.clear()
            end = time.thread_time() + 60
            while tools() and time.thread_time() < end:
                any(it < 0 for it in range(100))
            print(json.dumps([found, tools()]))
        """)
        self.assertEqual(names, [["martlet"], []])


if __name__ == "__main__":
    unittest.main()
