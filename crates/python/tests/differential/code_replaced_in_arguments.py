"""A function gets another code object while the arguments of its call are computed, and the old one lives on."""


def leaf(x):
    return x + 1


def looped(x):
    for i in range(3):
        x = x + i
    return x


def larger(x):
    a = x
    b = a
    c = b
    return "larger", a, (b, (c, [a, b, [c, [x, [a, (b, c)]]]])), locals()


def plain_copy():
    return [].copy()


CODES = leaf.__code__, looped.__code__
replace = False


def argument(n):
    plain_copy()
    if replace and n == 1:
        leaf.__code__ = larger.__code__
        looped.__code__ = larger.__code__
    return 1


def call_leaf(n):
    return leaf(argument(n)), [n]


def call_looped(n):
    return looped(argument(n)), [n]


def call_in_a_loop(values):
    result = None
    for value in values:
        result = looped(argument(value))
    return result


for call in call_leaf, call_looped:
    replace = False
    for i in range(200):
        call(0)
    replace = True
    print(call(1), call(0))
    leaf.__code__, looped.__code__ = CODES
    print(call(0))

replace = False
for i in range(20):
    call_in_a_loop([0] * 20)
replace = True
print(call_in_a_loop([0] * 20 + [1]))
