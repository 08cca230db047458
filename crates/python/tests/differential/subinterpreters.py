"""An interpreter beside the main one starts and runs without a word of ours."""

import _interpreters


def work(n):
    total = 0
    for i in range(n):
        total += i
    return total


for _ in range(50):
    work(100)
other = _interpreters.create("isolated")
print(_interpreters.exec(other, "print(sum(i for i in range(100)), flush=True)"))
_interpreters.destroy(other)
print(work(1000))
