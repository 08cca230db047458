"""Positional, keyword, default, star and keyword-only arguments, and every wrong call."""


def plain(a, b):
    return a - b


def defaults(a, b=2, c=3):
    return a, b, c


def star(a, *rest):
    return a, rest


def keywords(a, *, b, c=5, **others):
    return a, b, c, others


def positional(a, b, /, c):
    return a * 100 + b * 10 + c


def loop(n):
    total = 0
    for i in range(n):
        total += plain(i, 1) + plain(b=i, a=2) + plain(*(i, 3)) + plain(**{"a": i, "b": 4})
        total += positional(1, i, c=2) + len(star(i, *range(i % 3))[1])
        total += defaults(i)[1] + defaults(i, c=i)[2]
    return total


print(loop(30))
print(keywords(1, b=2), keywords(1, b=2, d=4), keywords(**{"a": 1, "b": 2, "c": 3}))
print(star(1, 2, 3), star(*[1], *[2, 3]), defaults(*[1], **{"b": 5}))
wrong = [
    lambda: plain(1), lambda: plain(1, 2, 3), lambda: plain(1, a=2), lambda: plain(1, c=2),
    lambda: keywords(1), lambda: keywords(1, 2, b=3), lambda: positional(1, b=2, c=3),
    lambda: defaults(), lambda: plain(*5), lambda: plain(**5), lambda: plain(**{1: 2}),
    lambda: plain(1, **{"b": 2}, b=3) if False else plain(a=1, **{"a": 2}),
]
for call in wrong:
    try:
        call()
    except TypeError as error:
        print(error)


class Callable:
    def __call__(self, a, b=10):
        return a + b


def call_it(function, n):
    total = 0
    for i in range(n):
        total += function(i)
    return total


print(call_it(Callable(), 10), call_it(abs, 10), call_it(float, 3), call_it([5, 6, 7].__getitem__, 3))
call_it("text", 1)
