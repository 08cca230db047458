"""`is` between integers: small ones are single, results of arithmetic are new."""


def is_small(i):
    return (i + 1) - 1 is i


def count_identical(low, high):
    same = 0
    for i in range(low, high):
        x = i + 0
        y = i * 1
        if x is y:
            same += 1
    return same


def keep(i):
    box = [i]
    again = box[0]
    return again is i, box[0] is again


def through_call(x):
    return x


def passes_on(n):
    same = 0
    for i in range(n):
        big = i + 100000
        if through_call(big) is big:
            same += 1
    return same


print([i for i in range(-10, 300) if is_small(i)] == list(range(-5, 257)))
print(count_identical(-5, 257), count_identical(-5, 257) == 262)
print(keep(1), keep(10**6), keep(2**70))
print(passes_on(500))


def singletons(n):
    same = 0
    for i in range(n):
        if (i > 3) is True:
            same += 1
        if (i == i) is not False:
            same += 1
    return same


print(singletons(50))
