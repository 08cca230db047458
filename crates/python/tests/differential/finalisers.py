"""The order in which objects die: rebinding, deletion, frames that end, exceptions."""


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)

    def __add__(self, other):
        return Noisy(self.name + "+" + str(getattr(other, "name", other)))


def rebind(n):
    x = Noisy("a0")
    for i in range(1, n):
        x = Noisy("a" + str(i))
        print("bound", i)
    print("end of rebind")


def chain():
    return Noisy("b1") + Noisy("b2") + 3


def arguments(x, y):
    print("in", x.name, y)
    x = None
    print("x is gone")
    return y


def early(n):
    a = Noisy("d1")
    b = Noisy("d2")
    if n:
        return 1
    return a, b


def fail(n):
    kept = Noisy("e" + str(n))
    return kept.nothing


rebind(3)
print("chain", chain().name)
print(arguments(Noisy("c"), 5))
early(1)
print("after early")
try:
    fail(1)
except AttributeError as error:
    print("caught", error)
print("after fail")


def in_list(n):
    items = [Noisy("f" + str(i)) for i in range(n)]
    items[0] = 1
    print("replaced")
    del items[1]
    print("deleted")
    items.clear()
    print("cleared")


in_list(4)


def temporaries(n):
    total = 0
    for i in range(n):
        total += len(Noisy("g" + str(i)).name)
        print("counted", total)
    return total


temporaries(3)
last = Noisy("at exit")
