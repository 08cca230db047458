"""Tuples, floats, big ints and None as keys; keys in which something of the program's has a say; lists that shrink."""
import collections
import sys

Point = collections.namedtuple("Point", "x y")


class Plain:
    pass


class Equal:
    log = []

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        self.log.append("hash")
        return self.number

    def __eq__(self, other):
        self.log.append("eq")
        return isinstance(other, Equal) and self.number == other.number


class Tuple(tuple):
    def __eq__(self, other):
        Equal.log.append("tuple eq")
        return tuple.__eq__(self, other)

    __hash__ = tuple.__hash__


class Unlike(tuple):
    def __hash__(self):
        return 7


def found(table, seen, row, key):
    return key in table, key in seen, key in row, table.get(key, "none")


def stored(keys):
    table, seen = {}, set()
    for key in keys:
        table[key] = len(table)
        seen.add(key)
    return table, seen


def item(table, key):
    try:
        return table[key]
    except (KeyError, TypeError) as error:
        return type(error).__name__


plain = Plain()
nan = float("nan")
keys = [
    (1, 2), (1, (2, "a")), Point(1, 2), (), (None, True), 2.5, -0.0, 2**62, 2**63 - 1, 10**30, -(10**30), None, True,
    (plain, 1), plain, nan, (nan,), "text", ("a", 1.5), (1.0, 2.0), -1, (-1, -2), ((((1,),),),), (((((((1,),),),),),),),
]
table, seen = stored(keys)
for _ in range(60):
    stored(keys)
    for key in keys:
        found(table, seen, keys, key)
        item(table, key)
for key in keys:
    print(found(table, seen, keys, key), item(table, key))
for key in [(1, 3), Point(1, 3), (1, 2.0), 1.0, 2, (float("nan"),), float("nan"), 2**62 + 1, (Plain(), 1), 10**30 + 1, [1], (1, [2])]:
    try:
        print(found(table, seen, keys, key))
    except TypeError as error:
        print(error)
    print(item(table, key))
equal = [Equal(1), (Equal(1), 2), Tuple((1, 2)), Unlike((1, 2))]
for key in equal:
    print(found(table, seen, keys, key), item(table, key), Equal.log)
    Equal.log.clear()
mixed, few = stored(equal + [(1, 2)])
print(Equal.log)
Equal.log.clear()
print([found(mixed, few, equal, key) for key in [(1, 2), Equal(1), (Equal(1), 2), Point(1, 2)]], Equal.log)
deep = 1
for _ in range(100000):
    deep = (deep,)
try:
    print(found(table, seen, [], deep))
except RecursionError as error:
    print(type(error).__name__)


class Board:
    def __init__(self, numbers):
        self.numbers = numbers
        self.hash = 0
        self.hashes = set()

    def update(self, number):
        self.hash ^= self.numbers[number]

    def add(self):
        self.hashes.add(self.hash)

    def dupe(self):
        return self.hash in self.hashes

    def scaled(self, factor, number):
        return factor * self.numbers[number] + number - 1


def played(board, n):
    dupes = 0
    for i in range(n):
        board.update(i % 5)
        dupes += board.dupe()
        board.add()
    return dupes, board.hash, len(board.hashes), board.scaled(n, 2), board.scaled(0.5, 3)


for numbers in [[3, 5, 9, 17, 33], [2**62 + 5, 2**63 - 1, 7, -(2**63), -1], [10**30, 1, 2, 3, 4**40]]:
    for _ in range(40):
        found_dupes = played(Board(numbers), 50)
    print(found_dupes)
print([Board([1.5, 2]).scaled(a, b) for a, b in [(1, 0), (2.5, 1), (True, 1), (2**62, 1), (2**63, 0)]])
for wrong in [("a", 0), (None, 1), ([1], 1), (1 + 2j, 1)]:
    try:
        print(Board([1, 2]).scaled(*wrong))
    except TypeError as error:
        print(error)


class Stack:
    def __init__(self):
        self.items = []

    def put(self, item):
        self.items.append(item)

    def drop(self):
        self.items.pop()


def filled(n):
    stack = Stack()
    sizes = set()
    for i in range(n):
        stack.put(i)
    for i in range(n):
        stack.drop()
        sizes.add(sys.getsizeof(stack.items))
    return sorted(sizes), stack.items


for _ in range(60):
    sizes = filled(90)
print(sizes)


def emptied(items, taken):
    while items:
        taken.append(items.pop())
    try:
        items.pop()
    except IndexError as error:
        return str(error), taken


for _ in range(60):
    last = emptied(list(range(40)), [])
print(last)
