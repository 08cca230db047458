"""Objects that die where machine code replaces them: silently, or with somebody who sees it. What was read of them before
outlives them."""

import weakref

events = []


class Plain:
    def __init__(self, name, part=None):
        self.name = name
        self.part = part


class Slotted:
    __slots__ = ("name", "part", "__weakref__")

    def __init__(self, name, part=None):
        self.name = name
        self.part = part


class Loud(Plain):
    def __del__(self):
        events.append(self.name)


class LoudSlots(Slotted):
    __slots__ = ("more",)

    def __del__(self):
        events.append(self.name)


class Open(Plain):
    """Its objects have dictionaries of their own."""

    def __init__(self, name, part=None):
        self.__dict__ = {"name": name, "part": part}


class Late(Plain):
    """Is finalised from some time on."""


class List(list):
    def __del__(self):
        events.append("List")


KINDS = [Plain, Slotted, Loud, LoudSlots, Open, Late]


def replace_local(make, rounds):
    p = make(0)
    total = 0
    for i in range(rounds):
        name, part = p.name, p.part
        p = make(i)
        total += name + (part is None)
    return total, p.name


def replace_item(items, make, rounds):
    n = len(items)
    read = None
    for i in range(rounds):
        old = items[i % n].name
        items[i % n] = make(i)
        read = old
    return read, [it.name for it in items]


def replace_attribute(owner, make, rounds):
    for i in range(rounds):
        read = owner.part.name
        owner.part = make(i)
    return read, owner.part.name


def read_behind(make, rounds):
    """The part of an object that is gone."""
    total = 0
    for i in range(rounds):
        p = make(i, [i, str(i)])
        part = p.part
        p = None
        total += part[0] + len(part[1])
        box = [make(i, (i, i))]
        inner = box[0].part
        box[0] = i
        total += inner[1]
    return total


def nested(make, rounds):
    kept = None
    for i in range(rounds):
        p = make(i, [make(i, (make(i), {"x": make(i, kept)}))])
        q = make(-i)
        p.part.append(q)
        p.part.append(q)
        if i % 500 == 3:
            kept = p.part[0]
        p = q = None
    return kept.name


def twice(make, rounds):
    """The same object in several places that go together."""
    for i in range(rounds):
        x = make(i)
        pair = (x, [x], {"x": x})
        x = None
        if i % 1000 == 5:
            events.append("before")
        pair = i
        if i % 1000 == 5:
            events.append("behind")
    return pair


def watched(make, rounds):
    for i in range(rounds):
        p = make(i)
        if i % 400 == 7:
            reference = weakref.ref(p, lambda _, i=i: events.append(("gone", i)))
        p = make(i, p if i % 3 == 0 else None)
        if i % 400 == 7:
            events.append(reference() is None)
        p = None
        if i % 400 == 7:
            events.append(reference() is None)
    return i


def show(what, *results):
    print(what, *results, len(events), events[:3], events[-3:])
    events.clear()


for make in KINDS:
    for _ in range(2):
        show(make.__name__, replace_local(make, 3000))
        show(make.__name__, replace_item([make(-i) for i in range(5)], make, 3000))
        show(make.__name__, replace_attribute(Plain("owner", make("first")), make, 3000))
        show(make.__name__, read_behind(make, 3000))
        show(make.__name__, nested(make, 2000))
        show(make.__name__, twice(make, 3000))
        show(make.__name__, watched(make, 3000))

Late.__del__ = lambda self: events.append(("late", self.name))
show("late", replace_local(Late, 2000))
show("late", replace_item([Late(-i) for i in range(5)], Late, 2000))
show("late", nested(Late, 1000))
del Late.__del__
show("no more", replace_local(Late, 2000))


def containers(rounds):
    values = [None, None, None]
    for i in range(rounds):
        values[0] = (i, [i, (str(i),)])
        values[1] = {"a": i, i: [i]}
        values[2] = List([i]) if i % 700 == 2 else [List()] if i % 900 == 4 else [i]
        if i % 100 == 0:
            events.append(i)
    return values[0], values[1]


for _ in range(3):
    show("containers", containers(3000))


def sets(make, rounds):
    """Sets and what is in them: dead at the length of an intersection, or where another set takes their place."""
    total = 0
    kept = {i for i in range(5)}
    box = [None, None]
    for i in range(rounds):
        total += len(kept & {i % 7, i % 3}) + len({make(i), i, "x"}) + len(frozenset((make(-i), b"x")))
        box[0] = {i, (i, b"y" * 3)}
        box[0].discard(i)
        box[1] = {make(i)} if i % 500 == 3 else frozenset([i])
        if i % 500 == 4:
            events.append(i)
    return total


def watched_sets(rounds):
    for i in range(rounds):
        it = {i}
        if i % 400 == 7:
            reference = weakref.ref(it, lambda _, i=i: events.append(("gone", i)))
        it = frozenset([i])
        if i % 400 == 7:
            events.append(reference() is None)
    return it


def others(make, rounds):
    """Slices, cells, bound methods and bytes."""
    box = [None] * 4
    for i in range(rounds):
        held = make(i)
        box[0] = slice(held, i)
        box[1] = make(i).__init__
        box[2] = (lambda: held).__closure__[0]
        box[3] = b"%d" % i
        held = None
        if i % 500 == 4:
            events.append(i)
    return len(box)


for make in KINDS:
    for _ in range(2):
        show(make.__name__, sets(make, 2000), others(make, 2000))
for _ in range(2):
    show("watched sets", watched_sets(3000))


class Weak(set):
    """A set to which there are weak references."""


def weak_sets(make, rounds):
    total = 0
    for i in range(rounds):
        total += len(set((i, i + 1, make(i))))
        total += len(frozenset([i % 3, str(i)]))
        members = {(i, make(-i)), i}
        members = {i} if i % 2 else {make(i), "other"}
        weak = Weak([i])
        if i % 400 == 7:
            reference = weakref.ref(members, lambda _, i=i: events.append(("gone", i)))
            another = weakref.ref(weak, lambda _, i=i: events.append(("weak", i)))
        total += len(members)
        members = weak = None
        if i % 400 == 7:
            events.append((reference() is None, another() is None))
    return total


for make in (Plain, Loud, LoudSlots):
    for _ in range(2):
        show("sets", make.__name__, weak_sets(make, 3000))
