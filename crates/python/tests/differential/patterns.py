"""Class and mapping patterns: what is asked of whom, in which order, and what does not match."""


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


class Lazy:
    __match_args__ = ("first",)

    def __getattr__(self, name):
        print("    asked for", name)
        if name == "absent":
            raise AttributeError(name)
        if name == "broken":
            raise RuntimeError(name)
        return name


class Wrong:
    __match_args__ = ["x"]
    x = 1


class WrongName:
    __match_args__ = (1,)


class Meta(type):
    def __instancecheck__(cls, instance):
        print("    is instance?", instance)
        return instance == 3


class Odd(metaclass=Meta):
    pass


class Noisy:
    __match_args__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("    dies", self.name)


class Mapping(dict):
    def get(self, key, default=None):
        print("    get", key)
        return super().get(key, default)

    def __missing__(self, key):
        print("    missing", key)
        return key


def by_class(value):
    match value:
        case Point(0, 0):
            return "origin"
        case Point(x, y=0):
            return "on axis", x
        case Point(x=x, y=y) if x == y:
            return "diagonal", x
        case Point(x):
            return "point", x
        case bool(z):
            return "bool", z
        case int(z) | float(z):
            return "number", z, z is value
        case str(z):
            return "text", z
        case [Point(x), *rest]:
            return "points", x, len(rest)
        case Lazy("first", second=second, absent=_):
            return "never", second
        case Lazy(other="other"):
            return "lazy"
        case Odd():
            return "odd"
        case {"kind": "pair", "a": a, "b": [b, *_]}:
            return "pair", a, b
        case {"kind": kind, **rest}:
            return "kind", kind, sorted(rest.items())
        case {}:
            return "empty"
        case None:
            return "none"
    return "nothing"


VALUES = [
    Point(0, 0), Point(3, 0), Point(2, 2), Point(1, 2), True, 3, 2.5, 10**30, "text", [Point(5, 6), 1, 2], Lazy(), 3 + 0j,
    {"kind": "pair", "a": 1, "b": [2, 3]}, {"kind": "pair", "a": 1}, {"kind": 1, "z": 2, "y": 3}, {}, None, (), object,
    Mapping(kind="pair", a=1, b=(7,)), Mapping(kind=2), Mapping(),
]  # fmt: skip


def object_stays(x):
    y = x * 2.0
    match y:
        case float(z) | int(z):
            return id(z) == id(y)


def wrong(value):
    match value:
        case Wrong(x):
            return x
        case WrongName(x):
            return x


def too_many(value):
    match value:
        case Point(1, 2, 3):
            return 1


def twice(value):
    match value:
        case Point(1, x=1):
            return 1


def no_class(value, cls):
    match value:
        case cls():
            return 1


def duplicate_key(value, key):
    match value:
        case {Keys.one: 1, Keys.two: 2}:
            return 1


class Keys:
    one = 1
    two = 1


def broken(value):
    match value:
        case Lazy(broken=1):
            return 1


def dying(i):
    match Noisy(f"subject {i}"):
        case Noisy(name) if name.endswith("1"):
            return name
        case Noisy(name):
            print("    matched", name)
    return "behind"


def caught(function, *args):
    try:
        return function(*args)
    except Exception as error:
        lines = []
        traceback = error.__traceback__.tb_next
        while traceback is not None:
            lines.append(traceback.tb_lineno - traceback.tb_frame.f_code.co_firstlineno)
            traceback = traceback.tb_next
        return type(error).__name__, str(error), lines


for i in range(4):
    for value in VALUES:
        print(by_class(value))
    print(object_stays(i + 0.5), object_stays(i))
    print(caught(wrong, Wrong()), caught(wrong, WrongName()), caught(wrong, 1))
    print(caught(too_many, Point(1, 2)), caught(twice, Point(1, 2)))
    print(caught(no_class, 1, int), caught(no_class, 1, 5), caught(duplicate_key, {1: 1}, 1))
    print(caught(broken, Lazy()))
    print(dying(i))
