"""What C code finds in errno behind a callback into Python is not what compiling left there.

It runs long enough to get hot.
"""

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))


def work(n):
    total = 0
    for i in range(n):
        total += i & 7
    return total


def compare(a, b):
    return a[0] - b[0] + 0 * work(20)


def fresh(number):
    """A function that was never called."""
    namespace = {"work": work}
    exec(f"def compare{number}(a, b):\n    return a[0] - b[0] + 0 * work({number})", namespace)
    return namespace[f"compare{number}"]


def sort(function, n):
    values = (ctypes.c_int * n)(*((7 * i) % n for i in range(n)))
    ctypes.set_errno(0)
    libc.qsort(values, n, ctypes.sizeof(ctypes.c_int), compare_type(function))
    return list(values) == list(range(n)), ctypes.get_errno()


seen = set()
for _ in range(6000):
    seen.add(sort(compare, 30))
for number in range(40):
    seen.add(sort(fresh(number), 11))
print(seen)
