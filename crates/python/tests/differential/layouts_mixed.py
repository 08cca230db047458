"""Objects of one class, some with inline values and some with dictionaries of their own, at the same places."""


class Node:
    kind = "class"

    def __init__(self, n):
        self.n = n
        self.left = None
        self.right = None

    def name(self):
        return "method"

    def total(self, deep=False):
        reference = self.left
        if reference is not None and deep:
            return self.n + reference.total(deep)
        return self.n


class WithDefault(Node):
    def __getattr__(self, name):
        return "default " + name


def grow(node, n):
    for i in range(n):
        setattr(node, f"extra_{i}", i)
    return node


def shuffled(node):
    values = dict(node.__dict__)
    node.__dict__ = dict(reversed(values.items()))
    return node


class Text(str):
    __hash__ = str.__hash__

    def __eq__(self, other):
        return str.__eq__(self, other)


def odd_keys(node):
    node.__dict__ = {1: 2, Text("n"): 7, "left": node.left, "right": None}
    return node


def nodes(cls):
    made = []
    for i in range(40):
        node = cls(i)
        if made:
            node.left = made[-1]
        match i % 8:
            case 1:
                grow(node, 40)
            case 3:
                shuffled(node)
            case 4:
                node.__dict__
            case 5:
                odd_keys(node)
            case 6:
                grow(node, 40)
                del node.__dict__["extra_1"]
        made.append(node)
    return made


def walk(made):
    count = 0
    for node in made:
        node.n += 1
        count += node.n + node.total()
        left = node.left
        if left is not None:
            count += left.n
        node.right = left
        if node.kind != "class" or node.name() != "method":
            count += 1000
    return count


def hot(cls):
    made = nodes(cls)
    results = set()
    last = 0
    for i in range(400):
        now = walk(made)
        results.add(now - last)
        last = now
    print(cls.__name__, last, sorted(results)[-3:])
    made[7].name = lambda: "own"
    made[8].kind = "own"
    grow(made[8], 40).name = lambda: "own, in a dictionary"
    print(walk(made) - last)
    del made[9].n
    try:
        print(walk(made))
    except (AttributeError, TypeError) as error:
        print(type(error).__name__, error)
    made[9].n = 9
    print(made[20].total(True), made[33].total(deep=True))


def changes_on_the_way(cls):
    node = cls(1)
    seen = []
    for i in range(3000):
        node.n += 1
        if i == 1000:
            grow(node, 40)
        if i == 2000:
            shuffled(node)
        if i == 2500:
            node.__dict__ = {"n": node.n, "left": None}
        if i % 500 == 499:
            seen.append((node.n, node.total(), node.left, sorted(vars(node))[:3]))
    print(seen)


for cls in (Node, WithDefault):
    hot(cls)
    changes_on_the_way(cls)
