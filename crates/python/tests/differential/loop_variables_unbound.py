"""A local that is unbound in the first turns of a hot loop, and a number later."""


def never_bound_before(items, rare):
    total = 0
    for item in items:
        if item > rare:
            late = item
            total += late
            continue
        total += 1
        for _ in range(3):
            total += item
    return total


def bound_halfway(n):
    seen = 0
    for i in range(n):
        for _ in range(20):
            seen += 1
        if i < n // 2:
            continue
        value = i * 3
        seen += value
    return seen, value


def deleted(n):
    result = []
    for i in range(n):
        x = i + 1
        y = x * 2
        del x
        try:
            x += y
        except UnboundLocalError as error:
            if i % 1000 == 0:
                result.append(str(error))
    return result


def comprehension_then_loop():
    limits = [
        base + jiggle
        for power in (2**32, 2**64)
        for base in (-power, -power // 2, 0, power // 2, power)
        for jiggle in (-2, -1, 0, 1, 2)
    ]
    triples = [
        (start, end, step)
        for start in limits
        for end in limits
        for step in (-(2**63), -(2**31), -2, -1, 1, 2)
    ]
    total = 0
    for start, end, step in triples:
        numbers = range(start, end, step)
        total += len(str(numbers))
    return total


print(never_bound_before(list(range(5000)), 4500))
print(never_bound_before(list(range(5000)), -1))
print(never_bound_before(list(range(5000)), 2500))
print(bound_halfway(4000))
print(deleted(3000))
print(comprehension_then_loop())
