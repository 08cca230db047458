"""Attributes stored in hot code: numbers whose boxes may be overwritten, finalisers of what stood there, classes and
dictionaries that change in between."""

import gc
import sys
import weakref

ROUNDS = 3000


class Value:
    def __init__(self):
        self.x = 0.5
        self.n = 1
        self.o = None


class Slot:
    __slots__ = ("x", "n", "o", "__weakref__")

    def __init__(self):
        self.x = 0.5
        self.n = 1
        self.o = None


class Entry:
    def __init__(self):
        self.x = 0.5
        self.n = 1
        self.o = None
        self.__dict__ = dict(self.__dict__)


class Child(Value):
    pass


def numbers(p, rounds):
    for i in range(rounds):
        p.x = p.x * 1.5 - i
        p.n = p.n + i
        p.n -= 3
        p.x += p.x / 2.0
    return p.x, p.n


def read_behind(p, rounds):
    total = 0.0
    for i in range(rounds):
        p.x = i * 0.5
        total += p.x
        p.n = i * 1000
        total += p.n
    return total, p.x, p.n


def boxes_that_others_have(p, rounds):
    """What was loaded before the store keeps its value."""
    kept = []
    for i in range(rounds):
        old = p.x
        number = p.n
        p.x = i + 0.25
        p.n = i * 100000
        kept.append((old, p.x, number, p.n))
        if len(kept) > 5:
            del kept[0]
    return kept


def two_objects(p, q, rounds):
    for i in range(rounds):
        p.x = i * 0.5
        q.x = p.x + 1.0
        p.n = i * 7
        q.n = p.n * 3
        if p.x != i * 0.5 and p is not q:
            raise AssertionError
    return p.x, q.x, p.n, q.n


def same_object_stays(p, rounds):
    nan = float("nan")
    hits = 0
    for i in range(rounds):
        p.x = v = nan * i
        p.o = [p.x]
        hits += p.x in p.o
        hits += v in p.o
        p.o = None
    return hits


def chained(p, q, rounds):
    nan = float("nan")
    hits = 0
    for i in range(rounds):
        p.x = q.x = nan * i
        hits += p.x in [q.x]
    return hits


def objects(p, values, rounds):
    for i in range(rounds):
        p.o = values[i % len(values)]
        p.o = (i, p.o)
        p.o = [i]
    return p.o


class Loud:
    def __init__(self, n):
        self.n = n

    def __del__(self):
        deaths.append(self.n)


deaths = []


def dying(p, rounds):
    for i in range(rounds):
        p.o = Loud(i)
    return len(deaths)


class Looks:
    """Its death looks at the frame that lets it die, and at the object it stood in."""

    def __init__(self, p):
        self.p = p

    def __del__(self):
        frame = sys._getframe(1)
        seen.append((frame.f_code.co_name, frame.f_locals.get("i"), frame.f_lineno - frame.f_code.co_firstlineno,
                     self.p.x))


seen = []


def looked_at(p, rounds):
    for i in range(rounds):
        p.x = i * 0.5
        if i % 500 == 7:
            p.o = Looks(p)
        p.x = i * 0.25
        p.o = i


class Rebinds:
    def __init__(self, p):
        self.p = p

    def __del__(self):
        self.p.x = "rebound"
        self.p.n = None


def rebound(p, rounds):
    log = []
    for i in range(rounds):
        p.x = i * 0.5
        p.n = i
        if i % 700 == 9:
            p.o = Rebinds(p)
            p.o = None
            log.append((p.x, p.n))
        p.o = None
    return log, p.x, p.n


def store(p, v):
    p.x = v


def stores(make, values):
    p = make()
    for _ in range(300):
        for v in values:
            store(p, v)
    return p.x


def setattr_defined(cls):
    p = cls()
    log = []

    def hook(self, name, value):
        log.append((name, value))
        object.__setattr__(self, name, value)

    for i in range(600):
        if i == 400:
            cls.__setattr__ = hook
        store(p, i * 0.5)
        if i == 410:
            del cls.__setattr__
    return p.x, log


def becomes_property(cls):
    p = cls()
    log = []
    for i in range(600):
        if i == 400:
            old = cls.__dict__.get("x")
            cls.x = property(lambda self: "got", lambda self, v: log.append(v))
        store(p, i * 0.5)
        if i == 410:
            if old is None:
                del cls.x
            else:
                cls.x = old
    return p.x, log


def class_assigned():
    p = Value()
    for i in range(600):
        if i == 300:
            p.__class__ = Child
        if i == 500:
            p.__class__ = Value
        store(p, i)
    return type(p).__name__, p.x


def dictionary_made(when):
    p = Value()
    for i in range(600):
        if i == when:
            d = p.__dict__
        if i == when + 50:
            d["x"] = "from the dict"
            d["late"] = 1
        if i == when + 60:
            del d["x"]
        store(p, i * 1.5)
    return p.x, list(p.__dict__)


def deleted_in_between(make):
    p = make()
    for i in range(600):
        if i % 100 == 50:
            del p.x
        store(p, i * 1.5)
    return p.x, list(getattr(p, "__dict__", ()))


class Part:
    def __init__(self):
        self.x = self.y = 0.0
        self.n = 0
        self.last = None

    def step(self, dt):
        self.x += dt * 2
        self.y = self.x - self.y
        self.n += 1
        self.last = self

    def put(self, v):
        self.last = v
        self.n = v


def methods(parts, rounds):
    for i in range(rounds):
        for p in parts:
            p.step(0.5)
            p.put(i)
    return [(p.x, p.y, p.n, p.last) for p in parts]


def methods_and_deaths(p, rounds):
    for i in range(rounds):
        p.put(Loud(i) if i % 50 == 3 else i)
    return p.n, deaths[-3:]


def overflowing(p, rounds):
    p.n = 1
    for i in range(rounds):
        p.n = p.n * 3
        if p.n > 1 << 80:
            p.n = 1
    return p.n


def order_of_names():
    p = Value.__new__(Value)
    for names in ("xno", "onx", "nox"):
        for _ in range(100):
            p = Value.__new__(Value)
            for name in names:
                if name == "x":
                    p.x = 1.5
                elif name == "n":
                    p.n = 300
                else:
                    p.o = p.__class__
        print(list(vars(p)))


def globals_as_attributes():
    """An object whose dictionary is the module's."""
    global shared

    class Space:
        pass

    space = Space()
    space.__dict__ = globals()
    total = 0.0
    for i in range(ROUNDS):
        space.shared = i * 0.5
        total += shared
    return total


shared = 0.0


def unbound_owner(rounds):
    errors = 0
    for i in range(rounds):
        try:
            target = None if i % 97 == 5 else Value()
            target.x = i
        except AttributeError as error:
            errors += 1
            text = str(error)
    return errors, text


for make in (Value, Slot, Entry, Child):
    print(make.__name__)
    print(numbers(make(), 40), numbers(make(), ROUNDS))
    print(read_behind(make(), ROUNDS))
    print(boxes_that_others_have(make(), ROUNDS))
    p = make()
    print(two_objects(make(), make(), ROUNDS), two_objects(p, p, ROUNDS))
    print(same_object_stays(make(), ROUNDS), chained(make(), make(), ROUNDS))
    print(objects(make(), [1, 2.5, "three", None, (4,), [5]], ROUNDS))
    print(dying(make(), ROUNDS), deaths[-3:])
    looked_at(make(), ROUNDS)
    print(seen[-6:])
    print(rebound(make(), ROUNDS))
    print(overflowing(make(), ROUNDS))
    print(stores(make, [0.5, 0.25]), stores(make, [1, 2.5, "s", None, 1 << 70, True]))
    print(setattr_defined(make), becomes_property(make))
    print(deleted_in_between(make))
print(class_assigned())
print(dictionary_made(10), dictionary_made(400))
order_of_names()
print(globals_as_attributes())
print(unbound_owner(ROUNDS))
parts = [Part() for _ in range(5)]
print(methods(parts, ROUNDS // 5)[0][:3])
print(methods_and_deaths(Part(), ROUNDS))
p = Value()
r = weakref.ref(Loud)
p.o = [p]
del p
gc.collect()
x = 2.0 ** 0.5
p = Value()
p.x = x * 1.0
before = sys.getrefcount(p.x)
numbers(p, 100)
print(before, sys.getrefcount(p.x))


def items_chained(values, rounds):
    """One float stored to two places is one object."""
    hits = 0
    nan = float("nan")
    for i in range(rounds):
        values[0] = values[1] = nan * i
        hits += values[0] in [values[1]]
        values[2] = values[0]
        hits += values[2] in [values[1]]
    return hits


print(items_chained([0.5, 1.5, 2.5], ROUNDS))
