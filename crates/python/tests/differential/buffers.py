"""Items of arrays, bytes and bytearrays: every typecode, bounds from both sides, values that do not fit, arrays that
change their size or their place while they are used, and classes derived from them."""

from array import array

ROUNDS = 2000
LIMITS = {
    "b": (-128, 127), "B": (0, 255), "h": (-(1 << 15), (1 << 15) - 1), "H": (0, (1 << 16) - 1),
    "i": (-(1 << 31), (1 << 31) - 1), "I": (0, (1 << 32) - 1), "l": (-(1 << 63), (1 << 63) - 1),
    "L": (0, (1 << 64) - 1), "q": (-(1 << 63), (1 << 63) - 1), "Q": (0, (1 << 64) - 1),
}


def total(a, n):
    t = 0
    for i in range(n):
        t += a[i]
        t -= a[-1]
        t += a[i - n]
    return t


def fill(a, n, step):
    for i in range(n):
        a[i] = i * step
    return a


def shift(a, n):
    for _ in range(5):
        for i in range(1, n):
            a[i - 1] = a[i]
            a[-i] = a[i - n]
    return list(a)


def try_item(a, i):
    try:
        return a[i]
    except Exception as error:
        return type(error).__name__, str(error)


def try_store(a, i, v):
    try:
        a[i] = v
    except Exception as error:
        return type(error).__name__, str(error)
    return a[i]


def edges(a):
    n = len(a)
    out = []
    for _ in range(60):
        out = [try_item(a, i) for i in (0, -1, n - 1, -n, n, -n - 1, 1 << 70, -(1 << 70), True)]
    return out


def values(make, numbers):
    out = []
    a = make()
    for _ in range(60):
        out = [repr(try_store(a, 1, v)) for v in numbers]
    return out


def floats(a, n, v):
    for i in range(n):
        a[i] = v
        a[i] += 0.5
        a[i] *= a[i - 1]
    return list(a)[:4]


def nan_items(a):
    """Each item that is read is a new object."""
    hits = 0
    for i in range(ROUNDS):
        x = a[0]
        hits += x in [x]
        hits += a[0] in [a[0]]
    return hits


def grows(a, rounds):
    t = 0
    for i in range(rounds):
        if i % 7 == 0:
            a.append(i)
        if i % 11 == 0:
            a.pop(0)
        t += a[-1] + a[0] + a[len(a) // 2]
    return t, len(a)


class Shrinks:
    def __init__(self, a):
        self.a = a

    def __index__(self):
        del self.a[:]
        return 3

    def __del__(self):
        del self.a[1:]


def shrinks_in_index(a, rounds):
    log = []
    for i in range(rounds):
        index = Shrinks(a) if i == rounds - 3 else i % len(a) if len(a) else 0
        log.append(try_item(a, index))
    return log[-4:]


def shrinks_by_death(a, rounds):
    log = []
    for i in range(rounds):
        x = Shrinks(a) if i == rounds - 5 else None
        log.append(try_item(a, 2))
        log.append(try_store(a, 2, 1))
        x = None
    return log[-12:]


class Derived(array):
    def __getitem__(self, i):
        return ("item", i)

    def __setitem__(self, i, v):
        stored.append((i, v))


class Bytes(bytes):
    def __getitem__(self, i):
        return -1


class Bytearray(bytearray):
    pass


stored = []


def kinds_in_turn(containers, rounds):
    out = []
    for i in range(rounds):
        a = containers[i % len(containers)]
        out.append(a[i % 3])
        if len(out) > 20:
            del out[:10]
    return out


def stores_in_turn(containers, rounds):
    for i in range(rounds):
        a = containers[i % len(containers)]
        a[i % 3] = i % 100
    return [list(a) if not isinstance(a, dict) else a for a in containers]


def exported(a, rounds):
    view = memoryview(a)
    t = 0
    for i in range(rounds):
        a[i % 3] = i % 50
        t += view[i % 3] + a[i % 3]
    view.release()
    return t


def temporary(rounds):
    t = 0
    for i in range(rounds):
        t += bytes((i % 256, 1))[0] + array("i", [i])[0] + bytearray(b"abc")[-1]
    return t


def swaps(a, rounds):
    for i in range(rounds):
        j = i % len(a)
        a[j], a[-j] = a[-j], a[j]
    return list(a)


for code, (least, most) in LIMITS.items():
    print(code, total(array(code, range(60)), 60), fill(array(code, [0] * 50), 50, 2)[49], shift(array(code, range(40)), 40))
    print(edges(array(code, [1, 2, 3])))
    print(values(lambda: array(code, [0, 0]), [least, most, least - 1, most + 1, 1.5, True, None, 1 << 80, "1"]))
for code in "df":
    print(code, total(array(code, range(60)), 60), fill(array(code, [0] * 50), 50, 0.3)[49], shift(array(code, range(40)), 40))
    print(edges(array(code, [1, 2, 3])))
    print(values(lambda: array(code, [0, 0]), [1e300, -1e300, float("inf"), 1 << 60, (1 << 60) + 1, (1 << 2000), 2, True, None]))
    print(floats(array(code, [0.0]) * 50, 50, 0.25), floats(array(code, [0.0]) * 50, 50, 3))
    print(nan_items(array(code, [float("nan")])))
for make in (bytes, bytearray):
    print(total(make(range(60)), 60), edges(make(b"abc")))
print(fill(bytearray(50), 50, 2), shift(bytearray(range(40)), 40))
print(values(lambda: bytearray(3), [0, 255, 256, -1, 1.5, True, None, 1 << 80]))
print(values(lambda: bytes(3), [0, 1]))
for make in (lambda: array("d", range(9)), lambda: array("i", range(9)), lambda: bytearray(range(9))):
    if not isinstance(make(), bytearray):
        print(grows(make(), ROUNDS))
    print(shrinks_in_index(make(), 500), shrinks_by_death(make(), 500))
    print(exported(make(), ROUNDS), swaps(make(), ROUNDS))
containers = [array("d", [1, 2, 3]), array("i", [4, 5, 6]), [7, 8, 9], bytearray(b"abc"), {0: 1, 1: 2, 2: 3},
              Derived("i", [1, 2, 3]), Bytearray(b"xyz")]
print(kinds_in_turn(containers + [b"123", "456", (1, 2, 3), Bytes(b"000")], ROUNDS))
print(stores_in_turn(containers, ROUNDS), len(stored))
print([kinds_in_turn([it], ROUNDS)[-3:] for it in containers])
print(temporary(ROUNDS))
