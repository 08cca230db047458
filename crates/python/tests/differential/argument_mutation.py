"""Arguments rebound inside, defaults that are mutated, and functions passed around."""


def collect(item, into=[]):
    into.append(item)
    return into


def clamp(value, low, high):
    if value < low:
        value = low
    elif value > high:
        value = high
    return value


def repeat(function, value, n):
    while n > 0:
        value = function(value)
        n -= 1
    return value


def halve(x):
    return x / 2


def half(x):
    return x // 2


print(collect(1), collect(2), collect(3, []), collect(4))
print([clamp(v, 0, 10) for v in (-5, 5, 15, 2.5, True)], clamp("b", "a", "c"))
print(repeat(halve, 1024, 10), repeat(half, 1024, 10), repeat(str, 5, 2))
print(repeat(lambda x: x * x, 3, 6))
for _ in range(100):
    repeat(half, 99, 3)


def dispatch(n):
    table = [halve, half, abs, float, lambda x: -x]
    x = 1000
    for i in range(n):
        x = table[i % 5](x)
    return x


print(dispatch(12), repeat(lambda n: int(dispatch(n)) % 20, 3, 2))
clamp(None, 1, 2)
