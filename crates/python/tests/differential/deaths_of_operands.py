"""In which order the operands of a bytecode die."""

log = []


class Loud:
    def __init__(self, n):
        self.n = n

    def __del__(self):
        log.append(self.n)

    def __add__(self, o):
        return 1

    def __getitem__(self, k):
        return 1

    def __setitem__(self, k, v):
        pass

    def __delitem__(self, k):
        pass

    def __contains__(self, k):
        return True

    def __lt__(self, o):
        return True

    def __call__(self, *a, **k):
        return 1

    def m(self, *a, **k):
        return 1

    def __matmul__(self, o):
        raise KeyError(1)

    def __iadd__(self, o):
        return 1


class S(Loud):
    def set(self):
        pass


def f(*a, **k):
    return 1


def add():
    return Loud(1) + Loud(2)


def iadd():
    x = Loud(1)
    x += Loud(2)


def sub():
    return Loud(1)[Loud(2)]


def setsub():
    Loud(1)[Loud(2)] = Loud(3)


def delsub():
    del Loud(1)[Loud(2)]


def has():
    return Loud(1) in Loud(2)


def hasnot():
    return Loud(1) not in Loud(2)


def less():
    return Loud(1) < Loud(2)


def eq():
    return Loud(1) == Loud(2)


def is_():
    return Loud(1) is Loud(2)


def setattr_():
    Loud(1).x = Loud(2)


class Ignores(Loud):
    def __init__(self, n):
        object.__setattr__(self, "n", n)

    def __setattr__(self, name, value):
        pass


class Slot(Loud):
    __slots__ = ("x", "y")

    def __init__(self, n):
        self.n = n
        self.x = self.y = None


class Pair(Loud):
    def __init__(self, n, x, y):
        self.n = n
        self.x = x
        self.y = y


def ignored():
    Ignores(1).x = Loud(2)


def slot():
    Slot(1).x = Loud(2)


def pair():
    Pair(1, Loud(2), Loud(3)).x = Loud(4)


def pair2():
    Pair(1, Loud(2), Loud(3)).y = Loud(4)


def raises():
    try:
        Loud(1) @ Loud(2)
    except KeyError:
        pass


def raises2():
    try:
        None[Loud(1)] = Loud(2)
    except TypeError:
        pass


def raises3():
    try:
        None[Loud(1):Loud(2)] = Loud(3)
    except TypeError:
        pass


def raises4():
    try:
        1 .x = Loud(3)
    except AttributeError:
        pass


def slice_():
    return Loud(1)[Loud(2):Loud(3)]


def setslice():
    Loud(1)[Loud(2):Loud(3)] = Loud(4)


def call():
    return f(Loud(1), Loud(2), a=Loud(3))


def call2():
    return f(*[Loud(1), Loud(2)], **{"a": Loud(3)})


def obj():
    return Loud(1)(Loud(2), Loud(3))


def meth():
    return Loud(1).m(Loud(2), Loud(3))


def methkw():
    return Loud(1).m(Loud(2), k=Loud(3))


def build():
    return len([Loud(1), Loud(2)])


def buildt():
    return len((Loud(1), Loud(2)))


def buildd():
    return len({1: Loud(1), 2: Loud(2)})


def isinst():
    return isinstance(Loud(1), Loud)


def fmt():
    return bool(f"{Loud(1)}{Loud(2)}")


def unpack():
    a, b = (Loud(1), Loud(2))
    a, b = (b, a)


def star():
    a, *b = (Loud(1), Loud(2), Loud(3))


def dget():
    return {1: Loud(1)}.get(2, Loud(2))


def dget2():
    return {1: Loud(1)}[1]


def lst():
    return [Loud(1), Loud(2)][0]


def inl():
    return Loud(1) in [Loud(2), Loud(3)]


def intup():
    return 5 in (Loud(2), Loud(3))


def indict():
    return Loud(1) in {Loud(2): Loud(3)}


def truth():
    return not Loud(1)


def chain():
    return Loud(1) < Loud(2) < Loud(3)


def pop():
    return [Loud(1), Loud(2)].pop()


def with_():
    for x in (Loud(1), Loud(2)):
        pass


def comp():
    return len([y for y in (Loud(1), Loud(2))])


def loop():
    for x in [Loud(1), Loud(2)]:
        y = x


def ne():
    return Loud(1) != Loud(2)


def eqlist():
    return [Loud(1)] == [Loud(2)]


def eqtup():
    return (Loud(1), 1) == (Loud(2), 2)


def eqstr():
    return "a" == Loud(1)


def eqnone():
    return Loud(1) == None


def two(a, b):
    return 3


def inlined():
    return two(Loud(1), Loud(2))


def locs():
    a = Loud(1)
    b = Loud(2)
    c = Loud(3)
    return 1


def inl2():
    return locs()


def prop():
    return Loud(1).n


class K:
    def __init__(self, a, b):
        self.a = a
        self.b = b

    def __eq__(self, o):
        return self.a == o.a


def inst():
    return K(Loud(1), Loud(2)).b


def eqk():
    return K(Loud(1), Loud(2)) == K(Loud(3), Loud(4))


fs = [v for k, v in list(globals().items()) if callable(v) and v not in (Loud, S, f, K, two, Ignores, Slot, Pair)]
for g in fs:
    outs = set()
    for _ in range(60):
        log.clear()
        g()
        outs.add(tuple(log))
    print(g.__name__, sorted(outs))
