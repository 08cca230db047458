"""Reduces a program: `reduce.py PROGRAM CANDIDATE SECONDS`.

Whoever started this decides what is kept: each smaller program is written to the file CANDIDATE and announced by a line
on standard output; a line `yes` on standard input says that it still shows what it should. At the end the smallest
one stands in CANDIDATE. After SECONDS nothing more is tried.
"""

import os
import sys
import time
import warnings

from pysource_minimize import minimize

program, candidate, seconds = sys.argv[1:]
deadline = time.monotonic() + float(seconds)
best = open(program).read()


def finish():
    """Leaves the smallest program there, and ends: what walks the tree would go on without trying anything."""
    with open(candidate, "w") as file:
        file.write(best)
    os._exit(0)


def shows(text):
    """Whether the program still shows it."""
    global best
    if time.monotonic() > deadline:
        finish()
    with open(candidate, "w") as file:
        file.write(text)
    print("candidate", flush=True)
    kept = sys.stdin.readline().strip() == "yes"
    if kept:
        best = text
    return kept


warnings.simplefilter("ignore")
sys.setrecursionlimit(10000)
try:
    minimize(best, shows)
except (ValueError, RecursionError):
    pass
finish()
