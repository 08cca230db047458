"""The longest Collatz chain below a bound; the loop stands at module level, in no function."""

import sys

bound = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000

longest = 0
winner = 0
start = 1
while start < bound:
    n = start
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    if steps > longest:
        longest = steps
        winner = start
    start += 1

print(f"{winner} takes {longest} steps")
