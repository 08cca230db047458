"""Chained comparisons evaluate each operand once and stop early."""

log = []


def note(value):
    log.append(value)
    return value


def between(a, b, c):
    return note(a) < note(b) < note(c)


def mixed(a, b, c, d):
    return a < b <= c != d


class Loud:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        log.append(("lt", self.value))
        return [] if self.value == 0 else self.value

    def __gt__(self, other):
        log.append(("gt", self.value))
        return NotImplemented


for _ in range(5):
    print(between(1, 2, 3), between(3, 2, 1), between(1, 1.0, 2))
print(log)
log.clear()
print(mixed(1, 2, 2, 3), mixed(1, 2.0, 2, 2), mixed("a", "b", "b", "c"), mixed(3, 2, 1, 0))
print(between(Loud(0), Loud(1), Loud(2)), between(Loud(5), Loud(6), 7))
print([entry for entry in log if isinstance(entry, tuple)])


def compare_all(values):
    hits = 0
    for a in values:
        for b in values:
            if a < b:
                hits += 1
            if a == b:
                hits += 10
            if a >= b:
                hits += 100
    return hits


print(compare_all([1, 2, 3]), compare_all([1.5, 2, 2**80]), compare_all(["x", "y"]))
compare_all([1, "one"])
