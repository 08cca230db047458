"""Dictionaries, sets and lists where nothing of the program's runs, and where keys and values have a say after all."""

import sys
import traceback


def attempt(function, *args):
    try:
        return function(*args)
    except BaseException as error:
        return type(error).__name__, str(error), [it.lineno for it in traceback.extract_tb(error.__traceback__)][1:]


def warm(function, *args, n=120):
    for _ in range(n):
        result = attempt(function, *args)
    return result


def get(table, key):
    return table.get(key)


def get_or(table, key, fallback):
    return table.get(key, fallback)


def item(table, key):
    return table[key]


def has(table, key):
    return key in table, key not in table


def branch(table, key):
    if key in table:
        return "in"
    return "out"


def branch_not(table, key):
    if key not in table:
        return "out"
    return "in"


def put(table, key, value):
    table[key] = value
    return len(table), table[key]


def add(group, key):
    result = group.add(key)
    return result, len(group)


class Key:
    """Equal by value, and says so."""

    def __init__(self, value, log=None):
        self.value = value
        self.log = log

    def __hash__(self):
        return hash(self.value)

    def __eq__(self, other):
        if self.log is not None:
            self.log.append(self.value)
        if self.value == "bad":
            raise RuntimeError("no comparison")
        return self.value == (other.value if isinstance(other, Key) else other)

    def __repr__(self):
        return f"Key({self.value!r})"


class Identity:
    def __repr__(self):
        return "identity"


class BadHash:
    def __hash__(self):
        raise RuntimeError("no hash")


class Default(dict):
    def __missing__(self, key):
        return "missing " + str(key)


class Mine(dict):
    def get(self, key, fallback=None):
        return "mine"

    def __getitem__(self, key):
        return "my item"

    def __setitem__(self, key, value):
        dict.__setitem__(self, key, ("stored by me", value))

    def __contains__(self, key):
        return "yes"


class Name(str):
    pass


class Number(int):
    pass


identity = Identity()
keys = [
    "a", "".join(["a", "b"]), Name("a"), 1, -1, -2, 0, True, 1.0, Number(1), 2**61 - 1, 2**61, 2**70, None, (1, 2), identity,
    Identity(), int, Key(1), Key("a"), Key("bad"), BadHash(), [], b"a", "\u20ac", float("nan"), frozenset((1,)),
]
contents = {"a": 1, "ab": 2, "\u20ac": 3}
mixed = {**contents, 1: "one", -2: "minus two", identity: "identity", None: "none", int: "int", (1, 2): "pair", 2**61: "big"}
collisions = {2**61 - 1 + i: i for i in range(5)}
with_objects = {Key("a"): 1, Key(1): 2, Key("bad"): 3}
large = {f"key{i}": i for i in range(300)} | {i: i for i in range(300)}
huge = {i * 64: i for i in range(70_000)}
deleted = {str(i): i for i in range(50)}
for i in range(40):
    del deleted[str(i)]


class Holder:
    def __init__(self):
        self.a = 1
        self.ab = None


tables = [{}, contents, mixed, collisions, with_objects, large, huge, deleted, Holder().__dict__, Default(a=1), Mine(a=1)]
for index, table in enumerate(tables):
    for function in get, item, has, branch, branch_not:
        print(index, function.__name__, [warm(function, table, key, n=12) for key in keys])
    print(index, [warm(get_or, table, key, "else", n=12) for key in keys])
for group in {"a", 1}, frozenset(("a", 2**61 - 1)), set(large), {Key("a"), Key("bad")}, ["a", 1], "xay", range(3):
    print([warm(has, group, key, n=12) for key in keys])
for key in keys:
    print(warm(get, contents, key), warm(has, {"a", 1}, key), warm(item, mixed, key))

print(warm(get, 3, "a"), warm(item, 3, "a"), warm(item, [1, 2], 1), warm(has, 3, "a"), warm(get, None, 1))

for make in (dict, lambda: {"a": 0}, lambda: {1: 0, "x": 1}, Default, Mine, lambda: Holder().__dict__):
    for key in keys:
        print(warm(put, make(), key, "value", n=30))
        print(warm(put, make(), key, 3.5, n=3))
for make in (set, lambda: {"a", 1}, lambda: set(large), lambda: {Key("a"), Key("bad")}):
    for key in keys:
        print(warm(add, make(), key, n=12))
print(warm(add, frozenset(), 1), warm(put, (1, 2), 0, 1), warm(put, [1, 2], 0, 7))


# Comparisons are made as often, and in the same order.
def compare_log(n):
    log = []
    table = {Key(1, log): "one", "x": 2}
    group = {Key(2, log), "y"}
    found = 0
    for i in range(n):
        found += table.get(1) == "one"
        found += 1 in table
        found += 2 in group
        found += "x" in table
        table[1] = "one"
        group.add(2)
    return found, len(log), log[:12], list(table)


print(compare_log(200))


# Values that die when they are replaced see the dictionary as it is then, and the frame.
class Loud:
    def __init__(self, name, table):
        self.name = name
        self.table = table

    def __del__(self):
        frame = sys._getframe(1)
        print("dies", self.name, {k: getattr(v, "name", v) for k, v in self.table.items()}, frame.f_locals.get("i"))


def replace(n):
    table = {}
    for i in range(n):
        table["k"] = i if i % 40 else Loud(i, table)
    return table["k"]


print(replace(130))


def keep_reading(n):
    table = {"k": [1]}
    total = 0
    for i in range(n):
        old = table["k"]
        table["k"] = [i]
        total += old[0] + table["k"][0]
    return total


print(keep_reading(300))


def take_and_replace(n):
    table = {"k": "".join(["a", "b"])}
    seen = []
    for i in range(n):
        value = table.get("k")
        table["k"] = "".join(["c", str(i)])
        seen.append(value + table["k"])
    return seen[-1], len(seen)


print(take_and_replace(300))


def own_globals(n):
    names = globals()
    for i in range(n):
        names["changing"] = "".join(["v", str(i)])
        if changing != "v" + str(i):
            return "stale", i
        names["changing"] = None
    return changing


changing = 0
print(own_globals(300))


def through_dict(n):
    holder = Holder()
    names = holder.__dict__
    for i in range(n):
        before = holder.a
        names["a"] = [i]
        if holder.a != [i] or before == holder.a:
            return "stale", i
    return holder.a


print(through_dict(300))


def grow(n):
    table = {}
    group = set()
    for i in range(n):
        table[i * 7919 % 1009] = i
        group.add(i * 7919 % 1009)
    return len(table), len(group), list(table.items())[:5], sorted(group)[:5]


print(grow(3000))


def deletes(n):
    table = {}
    for i in range(n):
        table[i] = i
        if i % 3 == 0:
            del table[i // 2]
            table.pop(i // 4, None)
    return len(table), list(table)[:10]


print(deletes(600))


# Lists.
class Stack(list):
    pass


class Watched(list):
    def append(self, value):
        list.append(self, ("watched", value))

    def pop(self, index=-1):
        return "popped by me"


def push_pop(stack, values):
    results = []
    for value in values:
        results.append(stack.append(value))
        results.append(len(stack))
        if value == 3:
            results.append(stack.pop())
            results.append(stack.pop())
    return results


def drain(stack):
    total = []
    while True:
        total.append(stack.pop())


def wrong(stack, how):
    if how == 0:
        stack.append()
    if how == 1:
        stack.append(1, 2)
    if how == 2:
        stack.pop("x")
    if how == 3:
        stack.append(value=1)
    stack.pop()
    return stack.pop()


for make in list, Stack, Watched:
    print(warm(push_pop, make(), [1, 2, 3, 4, None], n=30))
    for how in range(5):
        print(warm(wrong, make([1, 2]), how, n=4))
for size in 0, 1, 5, 1000:
    for make in list, Stack:
        print(attempt(drain, make(range(size))))
for i in range(60):
    attempt(drain, [1])


class Noisy:
    def __del__(self):
        print("noisy dies", sys._getframe(1).f_code.co_name, sys._getframe(1).f_locals.get("i"))


def temporaries(n):
    for i in range(n):
        [].append(Noisy() if i % 50 == 0 else i)
        [Noisy() if i % 50 == 1 else i].pop()
        x = [Noisy() if i % 50 == 2 else i, 1].pop()
        {"a": Noisy() if i % 50 == 3 else i}.get("a")
        {"a": Noisy() if i % 50 == 4 else i}.get("b")
        {Noisy() if i % 50 == 5 else i}.add(3)
        "a" in {"a": Noisy() if i % 50 == 6 else i}
        {"a": Noisy() if i % 50 == 7 else i}["a"]
        {}["x"] = Noisy() if i % 50 == 8 else i
    return x


print(temporaries(110))


def iterate_and_append(values):
    for value in values:
        if len(values) < 400:
            values.append(value + 1)
        if value == 150:
            values.pop()
    return len(values), values[-1]


print(iterate_and_append([1, 2]))
