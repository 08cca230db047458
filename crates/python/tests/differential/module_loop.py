"""Loops at module level and in a class body: their variables are globals, seen by callees.

The first of them runs long enough to get hot.
"""

import sys

count = 0
quarters = 0.0
for i in range(8_000_000):
    count += i * 2
    quarters += i / 4
print(count, quarters, i)

total = 0
ratio = 0.0


def look():
    return total, i


for i in range(500):
    total += i * 2
    ratio += i / 4
    if i == 250:
        print(look(), sys._getframe().f_lineno)
print(total, ratio, i)

n = 27
steps = 0
while n != 1:
    n = n // 2 if n % 2 == 0 else 3 * n + 1
    steps += 1
print(steps)


def reset(k):
    global total
    if k == 100:
        total = 0.5


k = 0
while k < 200:
    reset(k)
    total += 1
    k += 1
print(total)


class Table:
    squares = []
    running = 0
    for value in range(300):
        running += value
        squares.append(value * value)
    length = len(squares)


print(Table.running, Table.length, Table.value, Table.squares[-1])
for item in [1, 2, "three"]:
    total += item
