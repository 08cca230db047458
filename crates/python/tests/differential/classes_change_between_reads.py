"""Objects of which the class is known from a read before, and is another one at the next."""


class A:
    kind = "A"

    def __init__(self, n):
        self.n = n
        self.m = 1

    def who(self):
        return "A"

    @property
    def p(self):
        return self.n


class B:
    kind = "B"

    def __init__(self, n):
        self.m = 2
        self.n = n

    def who(self):
        return "B"

    @property
    def p(self):
        return -self.n


class C(A):
    kind = "C"

    def who(self):
        return "C"


class Swap:
    def __init__(self, o, cls):
        self.o = o
        self.cls = cls

    def __del__(self):
        self.o.__class__ = self.cls

    def __eq__(self, other):
        self.o.__class__ = self.cls
        return NotImplemented

    __hash__ = None

    def __bool__(self):
        self.o.__class__ = self.cls
        return True

    def __iter__(self):
        self.o.__class__ = self.cls
        return iter(())

    def __len__(self):
        return 3

    def __getattr__(self, name):
        self.o.__class__ = self.cls
        return 5

    def __add__(self, other):
        self.o.__class__ = self.cls
        return 1

    def __contains__(self, other):
        self.o.__class__ = self.cls
        return False


def by_del(o, cls, do):
    t = [o.n, o.m, o.who()]
    x = Swap(o, cls) if do else None
    t.append(o.kind)
    x = None
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_eq(o, cls, do):
    s = Swap(o, cls) if do else o
    t = [o.n, o.m, o.who()]
    if s == 3:
        t.append(1)
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_bool(o, cls, do):
    s = Swap(o, cls) if do else o
    t = [o.n, o.m, o.who()]
    if s:
        t.append(1)
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_iter(o, cls, do):
    s = Swap(o, cls) if do else ()
    t = [o.n, o.m, o.who()]
    for i in s:
        t.append(1)
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_attr(o, cls, do):
    s = Swap(o, cls) if do else A(3)
    t = [o.n, o.m, o.who()]
    t.append(s.n)
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_add(o, cls, do):
    s = Swap(o, cls) if do else 7
    t = [o.n, o.m, o.who()]
    t.append(s + 1)
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_in(o, cls, do):
    s = Swap(o, cls) if do else [1, 2]
    t = [o.n, o.m, o.who()]
    t.append(3 in s)
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_in2(o, cls, do):
    s = [1, "a", Swap(o, cls)] if do else [1, 2]
    t = [o.n, o.m, o.who()]
    t.append(3 in s)
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_exc(o, cls, do):
    t = [o.n, o.m, o.who()]
    try:
        if do:
            o.__class__ = cls
            raise KeyError
        t.append(o.kind)
    except KeyError:
        t += [o.n, o.m, o.who()]
    finally:
        t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def by_assign(o, cls, do):
    t = [o.n, o.m, o.who()]
    if do:
        o.__class__ = cls
    t += [o.n, o.m, o.who(), o.kind, o.p]
    return t


def gen(o, cls, do):
    t = [o.n, o.m, o.who()]
    yield t
    t += [o.n, o.m, o.who(), o.kind, o.p]
    yield t


def by_gen(o, cls, do):
    g = gen(o, cls, do)
    next(g)
    if do:
        o.__class__ = cls
    return next(g)


def by_type(o, cls, do):
    t = [o.n, o.m, o.who()]
    if do:
        A.kind = "changed"
        A.who = lambda self: "changed"
        A.n = property(lambda self: 99, lambda self, v: None)
    t += [o.n, o.m, o.who(), o.kind]
    if do:
        del A.n
        A.kind = "A"
        A.who = lambda self: "A"
    return t


def store(o, cls, do):
    o.n += 1
    s = Swap(o, cls) if do else 3
    if s == 4:
        pass
    o.n += 1
    o.m += 1
    x = o.n
    s = 1
    o.n += x
    return [o.n, o.m, o.who(), o.kind, o.p]


def main():
    for f in (by_del, by_eq, by_bool, by_iter, by_attr, by_add, by_in, by_in2, by_exc, by_assign, by_gen, by_type, store):
        out = []
        for i in range(250):
            do = i % 100 == 99 or i > 220
            o = (A, B, C, A, A)[i % 5](i) if i % 3 else A(i)
            cls = (B, A, C)[i % 3]
            if f is by_type:
                o = A(i) if not do or i % 2 else C(i)
            try:
                r = f(o, cls, do)
            except Exception as e:
                r = (type(e).__name__, str(e))
            out.append(r)
        print(f.__name__, hash(str(out)), out[-3:], out[199])


main()
