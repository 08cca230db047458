"""Shifts, masks, powers, complement and unary operators of integers and bools."""


def mix(x, n):
    for i in range(n):
        x ^= x << 13
        x &= 0xFFFFFFFFFFFFFFFF
        x ^= x >> 7
        x ^= (x << 17) & 0xFFFFFFFFFFFFFFFF
        x |= i & 3
    return x


def unary(x):
    return -x, +x, ~x, not x


def shift(a, n):
    return a << n, a >> n


def power(a, n):
    return a**n


print(mix(1, 10), mix(88172645463325252, 200))
for value in (0, 1, -1, True, False, 2**63, -2**63, 2**64, 5):
    print(unary(value))
for a, n in ((1, 0), (1, 62), (1, 63), (1, 64), (-1, 63), (-1, 200), (5, 1), (-5, 1), (2**70, 69)):
    print(shift(a, n))
for n in (-1, -5):
    try:
        shift(1, n)
    except ValueError as error:
        print(error)
for a, n in ((2, 10), (2, 63), (2, 64), (-3, 5), (0, 0), (2, -1), (10, 30), (True, 3)):
    print(power(a, n), type(power(a, n)).__name__)
try:
    power(0, -1)
except ZeroDivisionError as error:
    print(error)
