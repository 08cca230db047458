"""A float meets an integer that no float can hold."""


def add(a, b):
    return a + b


def less(a, b):
    return a < b


def total(values):
    result = 0.0
    for value in values:
        result += value
    return result


for _ in range(100):
    add(1.5, 2)
    less(1.5, 2)
print(less(1.5, 10**400), less(-(10**400), 1.5), less(2.0**53, 2**53 + 1))
print(add(2.0**53, 1), add(1, 2.0**53), 2**53 + 1 == float(2**53))
for a, b in ((1.5, 10**400), (10**400, 1.5)):
    try:
        add(a, b)
    except OverflowError as error:
        print(error)
print(total([1, 2.5, True, 2**60]))
total([1.0, 10**400])
