"""Augmented assignment: in-place methods, targets evaluated once, aliases that see it."""

log = []


class Box:
    def __init__(self, value):
        self.value = value

    def __iadd__(self, other):
        log.append(("iadd", other))
        self.value += other
        return self


def index(i):
    log.append(("index", i))
    return i


def add_all(target, values):
    for value in values:
        target += value
    return target


def item_add(items, n):
    for i in range(n):
        items[index(i % 2)] += i
    return items


def attribute_add(box, n):
    for i in range(n):
        box.value += i
        box.value *= 2
    return box.value


original = [1]
print(add_all(original, [[2], (3,), "x"]), original)
print(add_all(5, [1, 2.5]), add_all("a", "bc"), add_all((1,), [(2,)]))
box = Box(1)
print(add_all(box, [1, 2]) is box, box.value, log)
log.clear()
print(item_add([0, 0.5], 5), log)
print(attribute_add(Box(1), 6), attribute_add(Box(0.5), 3), attribute_add(Box(2**61), 4))
frozen = ([1],)
try:
    item_add(frozen, 1)
except TypeError as error:
    print(error)


def tuple_item(t):
    t[0] += [2]


try:
    tuple_item(frozen)
except TypeError as error:
    print(error, frozen)
add_all(None, [1])
