"""A callee gets other code, defaults or keyword defaults while its caller is in a loop."""


def callee(x, y=1, *, z=0):
    return x + y + z


def other_code(x, y=1, *, z=0):
    return x * 100 + y * 10 + z


def change(i):
    if i == 10:
        callee.__defaults__ = (5,)
    if i == 20:
        callee.__kwdefaults__ = {"z": 1000}
    if i == 30:
        callee.__code__ = other_code.__code__
    if i == 40:
        callee.__kwdefaults__["z"] = 7
    if i == 50:
        callee.__defaults__ = (2, 3)


def loop(n):
    out = []
    for i in range(n):
        change(i)
        out.append(callee(i))
    return out


print(loop(60))
print(callee(), callee(1), callee(1, z=2), callee.__defaults__)


def self_changing(n):
    if n == 3:
        self_changing.__code__ = (lambda n: ("new", n)).__code__
    return ("old", n)


print([self_changing(n) for n in range(6)])
callee.__defaults__ = None


def without_defaults(n):
    total = 0
    for i in range(n):
        total += callee(i)
    return total


without_defaults(4)
