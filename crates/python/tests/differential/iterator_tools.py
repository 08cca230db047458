"""enumerate, zip, reversed, map and sorted in loops."""


def numbered(items):
    out = []
    for i, item in enumerate(items, 3):
        out.append((i, item))
    return out


def dot(a, b):
    total = 0
    for x, y in zip(a, b):
        total += x * y
    return total


def backwards(items):
    out = []
    for item in reversed(items):
        out.append(item)
    return out


def twice(x):
    return x + x


def doubled(items):
    total = 0
    for item in map(twice, items):
        total += item
    return total


print(numbered("abc"), numbered([]))
for _ in range(100):
    dot([1, 2, 3], [4, 5, 6])
print(dot([1, 2, 3], [4, 5, 6]), dot([1.5, 2], (2, 4, 9)), dot([], [1]), dot([2**40], [2**40]))
print(backwards([1, 2, 3]), backwards("xyz"), backwards(range(4)))
print(doubled([1, 2, 3]), doubled([0.5]), sorted([3, 1, 2], key=lambda x: -x))


def strict(a, b):
    total = 0
    for x, y in zip(a, b, strict=True):
        total += x + y
    return total


print(strict([1], [2]))
strict([1, 2], [3])
