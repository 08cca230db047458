"""Items got and set through `__getitem__` and `__setitem__` of Python classes, inlined into their callers: the program runs
long enough to get hot, so that what the first versions note is what the later ones are made for."""

import sys
import traceback
from array import array

ROUNDS = 60


class Grid:
    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.cells = array("d", [0.0]) * (width * height)

    def place(self, x, y):
        if 0 <= x < self.width and 0 <= y < self.height:
            return y * self.width + x
        raise IndexError(x, y)

    def __getitem__(self, where):
        x, y = where
        return self.cells[self.place(x, y)]

    def __setitem__(self, where, value):
        x, y = where
        self.cells[self.place(x, y)] = value


class Rows(Grid):
    """Rows or items, as the index is."""

    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.rows = [array("d", [0.0]) * width for _ in range(height)]

    def __getitem__(self, where):
        if isinstance(where, tuple):
            return self.rows[where[1]][where[0]]
        return self.rows[where]

    def __setitem__(self, where, value):
        if isinstance(where, tuple):
            self.rows[where[1]][where[0]] = value
        else:
            self.rows[where] = value


def smooth(grid, rounds):
    for _ in range(rounds):
        for y in range(1, grid.height - 1):
            for x in range(1, grid.width - 1):
                grid[x, y] = (grid[x - 1, y] + grid[x + 1, y] + grid[x, y - 1] + grid[x, y + 1]) * 0.25


def eliminate(rows):
    n = rows.height
    for j in range(n - 1):
        rows[j], rows[n - 1 - j] = rows[n - 1 - j], rows[j]
        for i in range(j + 1, n):
            for k in range(j + 1, n):
                rows[i][k] -= rows[i][j] * rows[j][k] / (1.0 + abs(rows[j][j]))


def numbers():
    for cls in (Grid, Rows):
        grid = cls(40, 40)
        grid[20, 20] = 100.0
        grid[1, 0] = 7
        for _ in range(ROUNDS):
            smooth(grid, 4)
        print(cls.__name__, repr(grid[20, 21]), repr(grid[2, 1]), repr(grid[38, 38]))
    rows = Rows(30, 30)
    for _ in range(ROUNDS):
        for y in range(30):
            for x in range(30):
                rows[x, y] = (x * 7 + y * 3) % 11 - 5
        eliminate(rows)
    print(repr(rows[29, 29]), repr(rows[29, 15]))


def failures():
    """What an inlined callee raises has all its frames."""
    grid = Grid(8, 8)

    def beyond(grid, n):
        total = 0.0
        for x in range(n):
            total += grid[x, 3]
            grid[x, 2] = total
        return total

    for _ in range(ROUNDS * 40):
        beyond(grid, 8)
    for wrong in (9, 12):
        try:
            beyond(grid, wrong)
        except IndexError as error:
            print("IndexError", error.args)
            for entry in traceback.extract_tb(error.__traceback__):
                print(" ", entry.name, entry.lineno, entry.line)
            frame = error.__traceback__.tb_next.tb_next.tb_frame
            print(" ", sorted(frame.f_locals), frame.f_locals.get("x"), frame.f_locals.get("y"))
    print(grid.cells.tolist()[16:24])


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("dies", self.name)


class Store:
    """A store whose result somebody could see die."""

    def __init__(self):
        self.kept = {}
        self.loud = False

    def __setitem__(self, key, value):
        self.last = key
        if self.loud:
            return Loud(value)
        return None

    def __getitem__(self, key):
        return key


def results():
    store = Store()

    def fill(store, n):
        for i in range(n):
            store[i, 1] = i
        return store.last

    for _ in range(ROUNDS * 30):
        fill(store, 30)
    print(fill(store, 30), type(store.last))
    store.loud = True
    print(fill(store, 3))
    first, second = store[1, 2], store[1, 2]
    print(first == second, first is second, sys.getrefcount(first) < 9)

    def keys(store, n):
        return [store[i, i + 1] for i in range(n)]

    for _ in range(ROUNDS * 30):
        all_keys = keys(store, 20)
    print(all_keys)


class Dies:
    """Its death tells what stands in an attribute by then."""

    def __init__(self, log, owner):
        self.log = log
        self.owner = owner

    def __del__(self):
        self.log.append(self.owner.text)


class Texts:
    text = ""

    def __setitem__(self, key, value):
        if key < 0:
            value = None
            print("cleared")
        self.text = key
        return value

    def keep(self, pair, text):
        self.text = text


def deaths():
    """What is passed to an inlined method dies where it dies when that is called."""
    texts, log = Texts(), []

    def store(texts, key, log, rounds):
        for i in range(rounds):
            texts[key] = Dies(log, texts)

    def keep(texts, log, i):
        texts.keep((Dies(log, texts), 1), i)

    for i in range(ROUNDS * 300):
        store(texts, i, log, 1)
        keep(texts, log, -i)
    print(len(log), log[:6], log[-4:], log == [n for i in range(ROUNDS * 300) for n in (i, -i)])
    del log[:]
    store(texts, -1, log, 2)
    print(log)


class Changing:
    def __init__(self):
        self.values = [1, 2, 3, 4]

    def __getitem__(self, index):
        return self.values[index]


def redefinitions():
    def total(things, n):
        result = 0
        for i in range(n):
            result += things[i % 4]
        return result

    things = Changing()
    for _ in range(ROUNDS * 20):
        total(things, 40)
    print(total(things, 40))
    Changing.__getitem__ = lambda self, index: self.values[index] * 100
    print(total(things, 40))
    for _ in range(ROUNDS * 20):
        total(things, 40)

    class Child(Changing):
        def __getitem__(self, index):
            return -index

    print(total(Child(), 40), total([5, 6, 7, 8], 40), total({0: 1, 1: 2, 2: 3, 3: 4}, 40))
    things.__class__ = Child
    print(total(things, 40))

    def while_running(things, n):
        result = 0
        for i in range(n):
            if i == n // 2:
                Changing.__getitem__ = lambda self, index: 1000
            result += things[i % 4]
        return result

    things = Changing()
    for _ in range(ROUNDS * 20):
        total(things, 40)
    print(while_running(things, 4000))
    del Changing.__getitem__
    try:
        total(things, 4)
    except TypeError as error:
        print(error)


numbers()
failures()
results()
deaths()
redefinitions()


def emptied(items):
    last = items.pop()
    return last, sys.getsizeof(items)


for _ in range(300):
    emptied([1, 2, 3])
for n in range(1, 10):
    grown = []
    for i in range(n):
        grown.append(i)
    print([emptied(grown) for _ in range(n)], emptied([n]))
