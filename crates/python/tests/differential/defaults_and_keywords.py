"""Calls that leave arguments out or name them: of small functions, functions with an early return, methods and classes."""


def scale(x, by=2, offset=0):
    return x * by + offset


def early(tree, depth=0, *, _unused=None):
    return depth


def search(node, wanted, depth=0, found=None):
    if node is None:
        return found
    left, value, right = node
    if value == wanted:
        found = (depth, value)
    found = search(left, wanted, depth + 1, found)
    return search(right, wanted, found=found, depth=depth + 1)


def only(a, b=1, /, c=2):
    return (a, b, c)


class Point:
    def __init__(self, x, y=0, label="none"):
        self.x = x
        self.y = y
        self.label = label

    def moved(self, dx=0, dy=0):
        return Point(self.x + dx, y=self.y + dy, label=self.label)

    def find(self, update=False):
        if update:
            self.label = "found"
        return self.label


class Dying:
    def __del__(self):
        LOG.append("died")


LOG = []


def given(n, log):
    log.append(n)
    return n


def forms(n):
    log = []
    total = 0
    for i in range(n):
        total += scale(i) + scale(i, 3) + scale(i, offset=1) + scale(offset=given(i, log), x=given(1, log))
        total += len(only(i)) + only(i, 5)[1] + only(i, c=7)[2]
    return total, len(log), log[:6]


def points(n):
    p = Point(1)
    for i in range(n):
        p = p.moved(dy=1) if i % 2 else p.moved(1)
        p.find()
        if i % 50 == 0:
            p.find(update=True)
    return p.x, p.y, p.label


def trees(n):
    tree = None
    for i in range(6):
        tree = (tree, i, tree)
    out = []
    for i in range(n):
        out.append(search(tree, i % 7))
    return out[:9], len(out)


def wrong(n):
    errors = set()
    for i in range(n):
        for call in (
            lambda: scale(),
            lambda: scale(1, x=2),
            lambda: scale(1, 2, 3, 4),
            lambda: only(1, b=2),
            lambda: scale(1, wrong=1),
            lambda: Point(y=1),
            lambda: Point(1, 2, "three", 4),
        ):
            try:
                call()
            except TypeError as error:
                errors.add(str(error))
    return sorted(errors)


def dropped(n):
    for _ in range(n):
        scale(1, offset=0)
        swallow(Dying())
        LOG.append("back")
        swallow(first=Dying(), second=Dying())
        LOG.append("back")


def swallow(first, second=None):
    LOG.append("in")
    del first
    LOG.append("out")


def defaults_that_die(n):
    out = []
    for i in range(n):
        value = takes_default()
        if i % 100 == 50:
            takes_default.__defaults__ = ([i],)
        out.append(value[0])
    return out[::37], len(out)


def takes_default(value=[-1]):
    return value


def main():
    for _ in range(30):
        result = forms(100)
    print(result)
    for _ in range(30):
        result = points(100)
    print(result)
    for _ in range(5):
        result = trees(60)
    print(result)
    for line in wrong(60):
        print(line)
    for _ in range(10):
        dropped(30)
    print(len(LOG), LOG[:9], LOG[-9:])
    for _ in range(3):
        print(defaults_that_die(300))
    scale.__defaults__ = (5,)
    try:
        print(forms(100))
    except TypeError as error:
        print(error)
    scale.__defaults__ = (5, 6, 7)
    print(forms(100), scale())
    scale.__defaults__ = None
    try:
        forms(1)
    except TypeError as error:
        print(error, error.__traceback__.tb_next.tb_lineno)


if __name__ == "__main__":
    main()
