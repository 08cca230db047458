"""Another LLVM in the same process: llvmlite's, of whatever version, and ours do not meet."""

import unittest

from support import ProcessTest, where_installed

BOTH = """\
import ctypes, sys
import martlet

def ours(n):
    total = 0
    for i in range(n):
        total += i * i
    return total

def use_martlet():
    assert martlet.compile(ours), martlet.inspect(ours).reason()
    assert martlet.inspect(ours).compiled()
    assert "define" in martlet.inspect(ours).ir(optimised=True)
    assert ours(1000) == sum(i * i for i in range(1000))

def use_llvmlite():
    import llvmlite.binding as llvm
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    module = llvm.parse_assembly(
        "define i64 @theirs(i64 %a, i64 %b) {\\n %c = add i64 %a, %b\\n ret i64 %c\\n}\\n"
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    assert kind(engine.get_function_address("theirs"))(40, 2) == 42
    kept.append(engine)

kept = []
for use in sys.argv[1:]:
    {"martlet": use_martlet, "llvmlite": use_llvmlite}[use]()
maps = open("/proc/self/maps").read()
assert "llvmlite" in maps and "libmartlet_compiler" in maps, maps
print("both")
"""


class OtherLlvm(ProcessTest):
    def check(self, *order):
        self.write("both.py", BOTH)
        result = self.run_python(("both.py", *order), env=where_installed("llvmlite"))
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "both\n", ""))

    def test_theirs_first(self):
        self.check("llvmlite", "martlet")

    def test_ours_first(self):
        self.check("martlet", "llvmlite")

    def test_in_turns(self):
        self.check("llvmlite", "martlet", "llvmlite", "martlet")
        self.check("martlet", "llvmlite", "martlet", "llvmlite")


if __name__ == "__main__":
    unittest.main()
