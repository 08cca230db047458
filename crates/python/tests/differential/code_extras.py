"""Another user of the room on code objects: its free function hears only of what it put there."""
import ctypes
import gc

FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
request = ctypes.pythonapi.PyUnstable_Eval_RequestCodeExtraIndex
request.argtypes = (FREE,)
request.restype = ctypes.c_ssize_t
store = ctypes.pythonapi.PyUnstable_Code_SetExtra
store.argtypes = (ctypes.py_object, ctypes.c_ssize_t, ctypes.c_void_p)

heard = []


def on_free(pointer):
    heard.append(pointer)


free = FREE(on_free)
index = request(free)


def make(number):
    namespace = {}
    exec(f"def f(x):\n    return x + {number}\n", namespace)
    return namespace.pop("f")


def turn(number):
    function = make(number)
    total = 0
    for i in range(300):
        total = function(total)
    if number % 2:
        store(function.__code__, index, number)
    return total


print([turn(number) for number in range(6)])
gc.collect()
print(heard)
