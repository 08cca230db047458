"""Objects that one bytecode lets go of together: the same one twice, one that the other holds, one that the other is given."""
import sys

log = []


class Loud:
    def __init__(self, n):
        self.n = n

    def __del__(self):
        frame = sys._getframe(1)
        line = frame.f_lineno - frame.f_code.co_firstlineno
        log.append((frame.f_code.co_name, self.n % 5, line, frame.f_locals.get("count")))


def pair(i):
    x = Loud(i)
    return [x], [x]


def nested(i, make):
    x = Loud(i)
    return [x], [make(x)]


def equal(n):
    count = 0
    for i in range(n):
        a, b = pair(i)
        count += 1
        if a.pop() == b.pop():
            count += 1
        count += 1
    return count


def differ(n):
    count = 0
    for i in range(n):
        a, b = pair(i)
        count += 1
        same = a.pop() != b.pop()
        count += 1
        if same:
            count += 100
    return count


def same(n):
    count = 0
    for i in range(n):
        a, b = pair(i)
        count += 1
        if a.pop() is b.pop():
            count += 1
        count += 1
    return count


def in_list(n, make):
    count = 0
    for i in range(n):
        a, b = nested(i, make)
        count += 1
        if a.pop() in b.pop():
            count += 1
        count += 1
    return count


def subscript(n):
    count = 0
    for i in range(n):
        a, b = nested(i, lambda x: {x: 1})
        count += 1
        count += b.pop()[a.pop()]
        count += 1
    return count


def store(n):
    count = 0
    for i in range(n):
        a, b = nested(i, lambda x: {x: 1})
        count += 1
        b.pop()[a.pop()] = 3
        count += 1
    return count


def is_one(n):
    count = 0
    for i in range(n):
        a, b = nested(i, lambda x: (int, x))
        count += 1
        one = a.pop()
        count += 1
        if one in b.pop():
            del one
        count += 1
    return count


class Plain:
    x = 0


class Slots:
    __slots__ = ("x",)

    def __init__(self):
        self.x = 1


def plain():
    p = Plain()
    p.x = 1
    return p


def append(n):
    count = 0
    for i in range(n):
        count += 1
        [].append(Loud(i))
        count += 1
    return count


def store_in_new(n):
    count = 0
    for i in range(n):
        count += 1
        {}["a"] = Loud(i)
        count += 1
    return count


def store_item(n):
    count = 0
    for i in range(n):
        count += 1
        [0][0] = Loud(i)
        count += 1
    return count


def store_attr(n):
    count = 0
    for i in range(n):
        count += 1
        plain().x = Loud(i)
        count += 1
    return count


def store_slot(n):
    count = 0
    for i in range(n):
        count += 1
        Slots().x = Loud(i)
        count += 1
    return count


def add(n):
    count = 0
    for i in range(n):
        count += 1
        set().add(Loud(i))
        count += 1
    return count


def default(n):
    count = 0
    for i in range(n):
        count += 1
        x = Loud(i)
        a = [x]
        del x
        {}.get(a[0], a.pop())
        count += 1
    return count


def second(a, b):
    return 2


def inlined(n):
    count = 0
    for i in range(n):
        a, b = pair(i)
        count += 1
        count += second(a.pop(), b.pop())
        count += 1
    return count


def main():
    programs = [
        (equal,),
        (differ,),
        (same,),
        (in_list, lambda x: [x]),
        (in_list, lambda x: [2, x, 7]),
        (in_list, lambda x: (x, Loud(3))),
        (in_list, lambda x: {x}),
        (in_list, lambda x: {x: Loud(2)}),
        (subscript,),
        (store,),
        (is_one,),
        (append,),
        (store_in_new,),
        (store_item,),
        (store_attr,),
        (store_slot,),
        (add,),
        (default,),
        (inlined,),
    ]
    for f, *args in programs:
        for _ in range(30):
            log.append(f(3, *args))
        print(f.__name__, log[-20:])
        log.append(f(300, *args))
        print(f.__name__, len(log), log[-7:])
        log.clear()


main()
