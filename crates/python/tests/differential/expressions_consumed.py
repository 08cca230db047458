"""Generator expressions given to any, all, sum, min, max, set and tuple: results, errors, what leaves them half way."""
import sys
import traceback


class Item:
    def __init__(self, number, flag=False):
        self.number = number
        self.flag = flag

    def is_big(self):
        return self.number > 5

    def kept(self):
        self.seen = True
        return self.number


class Loud:
    def __init__(self, log, truth):
        self.log = log
        self.truth = truth

    def __bool__(self):
        self.log.append("asked")
        return self.truth

    def __del__(self):
        log.append("gone")


def results(items, row, table, limit):
    pairs = [(item.number, item.flag) for item in items]
    return (
        any(item.flag for item in items if item),
        all(item.number >= 0 for item in items),
        any(item.is_big() for item in items),
        sum(1 if item.flag else 0 for item in items),
        sum(item.flag for item in items),
        sum(item.number * limit for item in items if item.number in table),
        min(item.number for item in items),
        max(number for number, flag in pairs if not flag),
        tuple(row[i] for i in range(len(row))),
        tuple((item.number, item) [0] for item in items),
        len(set(row[i] + i for i in range(len(row)))),
        sorted(set(row[i] - i for i in range(len(row)))),
        tuple(k for k in row[1:3]),
        any(x is None for x in row),
        all(x != limit for x in row),
        tuple(-x for x in tuple(row)),
        sum(len(set(a + b for a in row)) for b in row),
    )


def empty(items):
    return any(x for x in items), all(x for x in items), sum(x for x in items), set(x for x in items), tuple(x for x in items)


def least(items):
    return min(x for x in items)


def total(items, start):
    return sum(x + start for x in items)


def collected(items):
    return set(x for x in items)


def halves(items):
    return tuple(10 // x for x in items)


def marked(items):
    return tuple(item.kept() for item in items)


def truths(items):
    return any(item for item in items), all(item for item in items)


def attempted(call, *args):
    try:
        return call(*args)
    except Exception as error:
        stack = traceback.extract_tb(error.__traceback__)
        return type(error).__name__, str(error), [(frame.name, frame.lineno) for frame in stack]


def unbound(items, sets):
    if sets:
        late = 3
    return sum(x + late for x in items)


def in_handlers(rows):
    found = []
    for row in rows:
        try:
            found.append(tuple(12 // x for x in row))
        except ZeroDivisionError:
            found.append(sum(x for x in row))
        except TypeError as error:
            found.append(str(error))
    return found


def growing(items):
    return sum(items.append(0) or x for x in items[:3]) + len(items)


def who_asks(items):
    return set(sys._getframe().f_code.co_name for _ in items)


def shadowed(items, any):
    return any(x for x in items)


items = [Item(i, i == 7) for i in range(9)]
row = (3, 1, 4, 1, 5, 9, 2, 6)
for limit in range(400):
    found = results(items, row, {1, 2, 3}, limit)
    if limit % 100 == 0:
        print(found)
for _ in range(400):
    found = empty([]), empty([0, 1]), empty(range(3)), attempted(least, [])
print(found)
for _ in range(300):
    total([1, 2, 3], 4), halves([1, 2, 5]), collected([1, 2, 2]), least([3, 2]), unbound([1, 2], True)
    in_handlers([[1, 2], [3, 0]])
print(total([1, 2**62, 2**62, 5], 1), total([0.1] * 10, 0.2), total([True, 2], 3), total([2**80], 1))
print(attempted(total, [1, "a"], 1), attempted(total, ["a", "b"], "c"))
print(attempted(halves, [1, 2, 0, 4]), attempted(halves, [1, None]), halves([2.5, 4]))
print(attempted(collected, [1, [2]]), sorted(collected(["a", "b", "a", (1, 2), 3.5]), key=str))
print(attempted(least, [1, "a"]), least(["b", "a"]), least([2.5, 1, True]), least([True, 1]))
print(attempted(unbound, [1], False), unbound([4], True))
print(in_handlers([[1, 2], [3, 0], [1, "a"], [0.5]]))
print(total(list(range(30000)), 1), total(range(20000), 2), len(collected(range(15000))))
for _ in range(300):
    marked(items)
print(all(item.seen for item in items), marked(items))
log = []
for _ in range(300):
    truths([1, 0]), truths([[], [1]]), truths(["", ()])
print(truths([Loud(log, False), Loud(log, True), Loud(log, False)]), log)
print(attempted(truths, [Item, 0]), truths([float("nan"), 0.0]), truths([{}, {1: 2}]))
for _ in range(300):
    growing([1, 2, 3]), who_asks([1]), shadowed([1], any)
print(growing([1, 2, 3]), who_asks([1, 2]), shadowed([1, 0], list), shadowed([0, 1], any))


def watched(items):
    return sum(x * 2 for x in items)


for _ in range(300):
    watched([1, 2])
names = []
sys.settrace(lambda frame, event, arg: names.append(frame.f_code.co_name))
watched([1, 2])
sys.settrace(None)
print(names, watched([5]))


def module_of(items):
    return max(abs(x) for x in items) + min(len(str(x)) for x in items)


for _ in range(300):
    module_of([-3, 20])
abs = len
print(attempted(module_of, [1]), attempted(module_of, ["abc", "d"]))
del abs
print(module_of([-7]))


class Mark:
    """Made in the expression, and its death is seen."""

    def __init__(self, x):
        pass

    def __del__(self):
        deaths.append(1)


def made(items):
    return tuple(Mark(x) for x in items if x + 1)


def made_and_lost(items):
    return sum(1 if Mark(x) else 0 for x in items)


deaths = []
for _ in range(400):
    made([1, 2]), made_and_lost([1, 2])
print(len(deaths))
print(len(made([1, 2, 2**70])), made_and_lost([2**70, 1]), attempted(made, [1, 2, "a"]), len(deaths))
