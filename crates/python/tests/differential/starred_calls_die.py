"""`f(*args, **kwargs)`: the callable goes first behind the call, then its arguments."""


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("    dies", self.name)


class Callable(Noisy):
    def __call__(self, *args, **kwargs):
        return len(args) + len(kwargs)


class Iterable(Noisy):
    def __iter__(self):
        return iter([Noisy("item")])


class Failing(Noisy):
    def __iter__(self):
        raise ValueError("no iterator")


def positional(i):
    return Callable("callable")(*(Noisy("first"), Noisy("second")))


def listed(i):
    return Callable("callable")(*[Noisy("first"), Noisy("second")])


def named(i):
    return Callable("callable")(*(Noisy("positional"),), **{"key": Noisy("value")})


def iterated(i):
    return Callable("callable")(*Iterable("iterable"), **{})


def not_iterable(i):
    try:
        return Callable("callable")(*Noisy("argument"), **{"key": Noisy("value")})
    except TypeError as error:
        return str(error).split("argument")[-1]


def fails(i):
    try:
        return Callable("callable")(*Failing("failing"), **{"key": Noisy("value")})
    except ValueError as error:
        return str(error)


def raising(*args, **kwargs):
    raise KeyError(len(args))


def raises(i):
    try:
        return raising(*(Noisy("first"),), **{"key": Noisy("value")})
    except KeyError as error:
        return str(error)


def python(i):
    return (lambda *args: len(args))(*(Noisy("first"), Noisy("second")))


for function in positional, listed, named, iterated, not_iterable, fails, raises, python:
    for i in range(4):
        print(function.__name__, i)
        print("   =", function(i))
