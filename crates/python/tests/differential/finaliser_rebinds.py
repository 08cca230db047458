"""A finaliser, run by a plain rebinding inside a loop, changes what the loop relies on."""


def value():
    return 1


def other():
    return 100


class Trap:
    def __init__(self, at):
        self.at = at

    def __del__(self):
        global value, factor
        if self.at == 50:
            value = other
        if self.at == 70:
            factor = 0.5


factor = 1


def loop(n):
    total = 0
    out = []
    for i in range(n):
        trap = Trap(i)
        trap = None
        total += value() * factor
        out.append(total)
    return out


print(loop(90))


class Item:
    def __init__(self, target):
        self.target = target

    def __del__(self):
        self.target[0] = "changed"


def local_list(n):
    state = [0]
    for i in range(n):
        item = Item(state)
        before = state[0]
        item = i
        after = state[0]
        state[0] = i
    return before, after, state


print(local_list(20))
