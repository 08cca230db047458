"""Every operation fails at its turn: the exception, its message, its line and columns, and what is left behind."""

import sys
import traceback


def show(function, *args):
    try:
        print(function.__name__, function(*args))
    except BaseException as error:
        lines = traceback.format_exception(error)
        print("".join(lines[2:] if len(lines) > 2 else lines), end="")
        trace = error.__traceback__.tb_next
        if trace is not None:
            names = {k: v for k, v in trace.tb_frame.f_locals.items() if isinstance(v, (int, float, str, list))}
            print("   ", trace.tb_lasti, names)


def prepared(function, *args):
    for _ in range(60):
        try:
            function(*args)
        except Exception:
            pass
    martlet = sys.modules.get("martlet")
    if martlet is not None:
        martlet.compile(function)


class Bad:
    def __getattr__(self, name):
        raise LookupError(name)

    def __add__(self, other):
        raise ValueError("add")

    def __bool__(self):
        raise ValueError("bool")

    def __iter__(self):
        raise ValueError("iter")

    def __len__(self):
        raise ValueError("len")

    def __contains__(self, item):
        raise ValueError("contains")

    def __eq__(self, other):
        raise ValueError("eq")

    def __hash__(self):
        raise ValueError("hash")

    def __getitem__(self, index):
        raise ValueError("getitem")

    def __call__(self):
        raise ValueError("call")

    def __format__(self, spec):
        raise ValueError("format")

    def __repr__(self):
        return "Bad()"


class BadNext:
    def __repr__(self):
        return "BadNext()"

    def __iter__(self):
        return self

    def __next__(self):
        raise ValueError("next")


def operate(x, n):
    total = 0
    ratio = 1.5
    for i in range(n):
        total += i
        ratio = ratio * 2.0
    total = total + x
    return total, ratio


def attribute(x, n):
    a = 0
    for i in range(n):
        a += i
    return (x
            .value)


def truth(x, n):
    a = 0
    for i in range(n):
        a += i
    if x:
        a += 1
    while not x:
        a -= 1
        break
    return a


def iterate(x, n):
    a = 0
    for i in range(n):
        a += i
    for item in x:
        a += item
    return a


def measure(x, n):
    a = n * 2
    return len(x) + a


def member(x, n):
    a = n * 2
    return (a in x) + (x == a) if n else x != a


def index(x, n):
    a = n * 2
    return x[n] + a


def call(x, n):
    a = n * 2
    return x() + a


def unpack(x, n):
    a = n * 2
    b, c = x
    return a + b + c


def key(x, n):
    a = n * 2
    table = {a: 1}
    table[x] = 5
    return len({x, a}), list(table)


def formatted(x, n):
    a = n * 2
    return f"{a:>4} {x:>5} {x!r}"


def spread(x, n):
    a = [n]
    a = [*a, *x]
    b = {**{"k": n}, **x}
    return a, b


def sliced(x, n):
    a = [1, 2, 3]
    a[n:] = x
    return a[x:], a


def compare(x, n):
    a = n + 0.5
    return a < x


def delete(x, n):
    a = n
    del x[a]
    del x.a


def store(x, n):
    a = n * 3
    x[a] = 1
    x.y = a


def nested(x, n):
    a = n
    try:
        try:
            return a + x
        finally:
            a += 1
            a = x.missing
    except AttributeError as error:
        raise KeyError(a) from error


def checked(x, n):
    a = n
    assert x, f"{a} is wrong"
    raise x


def imported(x, n):
    a = n
    if not x:
        import sys as module
    else:
        from sys import no_such_name as module
    return a, module.__name__


def with_block(x, n):
    a = n
    with x as y:
        a += y
    return a


def matched(x, n):
    a = n
    match x:
        case [b, c]:
            return a + b + c
        case {"k": b}:
            return a + b
        case int(b):
            return a - b
    return a


def star(x, n):
    a = n
    return max(a, *x), dict(k=a, **x)


good = {operate: 5, attribute: Bad, truth: 1, iterate: [1, 2], measure: [1], member: [2], index: [1, 2, 3], call: int, unpack: (1, 2),
        key: 5, formatted: "x", spread: {}, sliced: [4], compare: 5.5, delete: [1, 2, 3], store: [0] * 9, nested: 1, checked: 1,
        imported: 0, with_block: 1, matched: [1, 2], star: {}}
bad = [Bad(), BadNext(), None, 3, 2.5, "text", [1], (1, 2), {"k": 1}, {1: 2}, 10**400, Bad, float("nan")]
for function, usual in good.items():
    prepared(function, usual, 1)
    for x in bad:
        if not (function is checked and isinstance(x, Bad)):
            show(function, list(x) if isinstance(x, list) else dict(x) if isinstance(x, dict) else x, 1)
