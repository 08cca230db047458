"""Integers that leave 64 bits in mid-loop, in both directions, and come back."""


def grow(value, times):
    for _ in range(times):
        value = value * 3 + 1
    return value


def shrink(value, times):
    for _ in range(times):
        value = value - 4611686018427387904
    return value


def near_the_edge(start):
    out = []
    i = start
    while i < start + 6:
        out.append((i, i + 1, i - 1, -i, i * 2))
        i += 1
    return out


def abs_of_minimum(a, b):
    return a // b, -a, a * b, a - 1


print(grow(1, 30), grow(1, 45), grow(-1, 60))
print(shrink(0, 1), shrink(0, 2), shrink(0, 3), shrink(0, 5))
for start in (2**31 - 3, 2**63 - 3, -2**63 - 3, 2**30 - 3, 2**60 - 3, -2**30 - 2):
    print(near_the_edge(start))
print(abs_of_minimum(-2**63, -1))
print(abs_of_minimum(2**62, 2))
for _ in range(300):
    last = grow(7, 50)
print(last)
