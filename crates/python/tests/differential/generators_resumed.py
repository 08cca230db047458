"""Generators that go on in compiled code: driven by C functions, loops and each other; looked at, sent to, thrown into and
left while they are suspended."""

import gc
import inspect
import sys
import threading
import traceback
import weakref


def numbers(n):
    for i in range(n):
        yield i


def halves(n):
    x = 0.5
    while n > 0:
        y = x * 3.0
        yield y
        yield y
        x = y / 2.0
        n -= 1


def same_object(generator):
    return all(first is second for first, second in zip(generator, generator))


def pairs(items):
    for key, value in enumerate(items):
        if key % 3:
            yield key, value


def tree(depth):
    if depth > 0:
        yield from tree(depth - 1)
        got = yield depth
        if got:
            yield ("got", got)
        yield from tree(depth - 1)
    return depth


def words(text):
    word = ""
    for letter in text:
        if letter == " ":
            yield word
            word = ""
        else:
            word += letter
    yield word


for turn in range(60):
    results = [
        sum(numbers(50)),
        list(pairs("abcdefg")),
        dict(pairs("abcdefg")),
        "-".join(words("the quick brown fox")),
        max(halves(6)),
        same_object(halves(20)),
        any(x > 40 for x in numbers(50)),
        [b for a, b in zip(numbers(5), halves(9))],
        sum(tree(5)),
        sorted(numbers(6), key=lambda x: -x),
        {x: y for x, y in zip(words("a b c"), numbers(9))},
    ]
print(results)


def returned(generator):
    """What it yields, and the value of StopIteration."""
    yielded = []
    while True:
        try:
            yielded.append(next(generator))
        except StopIteration as stop:
            return yielded, stop.value


def with_result(n):
    total = 0
    for x in numbers(n):
        total += x
        yield x
    return total, (n,)


def outer(n):
    first = yield from with_result(n)
    second = yield from [1, 2]
    third = yield from iter(str(n))
    return first, second, third


for n in (0, 1, 3) * 20:
    answer = returned(outer(n)), returned(numbers(n))
print(answer)


def crowded(f):
    """Suspends with much on its stack."""
    a = [1, (yield "a"), 2.5]
    b = f(1, (yield "b"), *(yield "c"), key=(yield "d"))
    c = {(yield "e"): (yield "f"), "k": [x for x in (yield "g")]}
    for i in (1, 2):
        for j in range(i):
            d = (i, j, f"{(yield 'h')!r:>4}{i}", a[0] + (yield "i") * j)
            yield d
    return a, b, c


def feed(generator, values):
    out = [next(generator)]
    try:
        for value in values:
            out.append(generator.send(value))
    except StopIteration as stop:
        out.append(stop.value)
    return out


def gather(*args, **kwargs):
    return args, kwargs


VALUES = [10, 20, (7, 8), 0.5, "key", None, "xyz", 3, 4, None, 5, 6, None, 8, 9, None, None]
for turn in range(40):
    fed = feed(crowded(gather), VALUES)
print(fed)


def unbound(flag):
    if flag:
        x = 1
    yield flag
    yield x
    del x
    try:
        yield x
    except UnboundLocalError as error:
        yield str(error)


def looked_at(n):
    total, step = 0.0, 1
    for i in range(n):
        total += i * 0.5
        step = step * 3 % 7
        yield total
    return total


def states(generator):
    seen = [inspect.getgeneratorstate(generator)]
    for value in generator:
        frame = generator.gi_frame
        here = {k: v for k, v in frame.f_locals.items() if k != "n"}
        seen.append((value, frame.f_lineno - frame.f_code.co_firstlineno, frame.f_lasti, here, generator.gi_running))
        seen.append((inspect.getgeneratorstate(generator), frame.f_back, generator.gi_yieldfrom))
    seen.append((inspect.getgeneratorstate(generator), generator.gi_frame))
    return seen


for turn in range(40):
    for flag in (True, False):
        try:
            found = list(unbound(flag))
        except UnboundLocalError as error:
            found = repr(error)
    list(looked_at(30))
print(found, list(unbound(True)))
print(states(looked_at(3)))


def changed_from_outside(n):
    x = 1.0
    for i in range(n):
        x = x + 1.0
        yield x


def change(n):
    generator = changed_from_outside(n)
    out = [next(generator)]
    generator.gi_frame.f_locals["x"] = 100.0
    out.append(next(generator))
    generator.gi_frame.f_locals["x"] = 7
    out += generator
    return out


for turn in range(30):
    list(changed_from_outside(40))
print(change(5))


def waits(inner):
    return (yield from inner)


inner = numbers(4)
waiting = waits(inner)
print(next(waiting), waiting.gi_yieldfrom is inner, inner.gi_yieldfrom)


def itself():
    yield 1
    try:
        next(me)
    except ValueError as error:
        yield str(error)
    try:
        me.send(1)
    except ValueError as error:
        yield str(error)


for turn in range(30):
    me = itself()
    print_me = list(me)
print(print_me)
fresh = numbers(3)
try:
    fresh.send(1)
except TypeError as error:
    print(error, list(fresh), list(fresh))


def fails(n):
    for i in range(n):
        yield 10 // (3 - i)


def passes_on(n):
    yield from fails(n)


def consumes(n):
    return sum(passes_on(n))


def lines(error):
    return [(f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]


for turn in range(60):
    sum(passes_on(2)) if turn % 2 else None
    try:
        consumes(9)
    except ZeroDivisionError as error:
        last = error
print(lines(last))


def stops():
    yield 1
    raise StopIteration("inside")


def handles(log):
    while True:
        try:
            got = yield len(log)
            log.append(got)
            if got == "raise":
                raise KeyError(got)
        except KeyError as error:
            log.append(("handled", sys.exception() is error))
            inner = yield "in handler"
            log.append((inner, sys.exception() is error, repr(error)))
        except GeneratorExit:
            log.append("exit")
            raise
        finally:
            log.append("finally")


for turn in range(30):
    try:
        list(stops())
    except RuntimeError as error:
        caught = error, error.__cause__, error.__context__
    log = []
    handler = handles(log)
    next(handler)
    answers = [handler.send("a"), handler.send("raise"), handler.send("b"), handler.throw(KeyError("thrown")), sys.exception()]
    try:
        raise ValueError("outside")
    except ValueError:
        answers += [handler.send(None), handler.send("raise"), repr(sys.exception())]
    handler.close()
print(caught, answers, log)


class Dies:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        order.append(self.name)


def holds(n):
    kept = Dies("local")
    for i in range(n):
        other = Dies(i)
        yield i
    order.append("end")


for turn in range(30):
    order = []
    for x in holds(3):
        order.append(("got", x))
    half = holds(5)
    next(half), next(half)
    order.append("dropping")
    del half
print(order)


def cycle():
    generator = ring()
    next(generator)
    holder.append(generator)
    return weakref.ref(generator)


def ring():
    myself = holder
    try:
        yield myself
        yield myself
    finally:
        order.append("ring closed")


for turn in range(5):
    order, holder = [], []
    reference = cycle()
    holder = None
    gc.collect()
print(order, reference())


def collects(n):
    for i in range(n):
        if i % 10 == 0:
            gc.collect()
        yield [i], sys._getframe().f_code.co_name, sys._getframe(1).f_code.co_name


def consumer():
    return [b + c for a, b, c in collects(40)][-1]


for turn in range(5):
    caller = consumer()
print(caller)


def counted():
    n = 0

    def inner(limit):
        nonlocal n
        while n < limit:
            n += 1
            yield n, limit

    return inner, lambda: n


for turn in range(30):
    inner, count = counted()
    both = list(inner(3)), count(), list(inner(5)), count()
print(both)


def deep(n):
    if n:
        yield from deep(n - 1)
    yield n


sys.setrecursionlimit(3000)
print(sum(deep(500)), sum(deep(2000)))
try:
    sum(deep(5000))
except RecursionError as error:
    print("RecursionError")


def in_thread(out):
    for turn in range(50):
        out.append(sum(numbers(200)) + sum(x * 2 for x in numbers(50)))


outs = [[] for _ in range(3)]
threads = [threading.Thread(target=in_thread, args=(out,)) for out in outs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print([set(out) for out in outs])


def grows(n):
    x = 1
    for i in range(n):
        x *= 7
        yield x


for turn in range(30):
    large = list(grows(40))[-1], sum(grows(30))
print(large)


def redefined(n):
    for i in range(n):
        yield helper(i)


def helper(i):
    return i


before = redefined(6)
for turn in range(30):
    sum(redefined(20))
print([next(before) for _ in range(3)], end=" ")


def helper(i):
    return -i


print(list(before))


class Matrix:
    def __init__(self, n):
        self.rows = [[i * j for j in range(n)] for i in range(n)]

    def __iter__(self):
        for row in self.rows:
            yield from row

    def diagonal(self):
        return (row[i] for i, row in enumerate(self.rows))


for turn in range(30):
    matrix = Matrix(7)
    sums = sum(matrix), sum(matrix.diagonal()), [x for x in matrix][-1], 42 in matrix, tuple(matrix)[:9]
print(sums)


def comprehends(n):
    for i in range(n):
        yield [j for j in range(i)], [lambda: j for j in range(2)][0](), {k: v for k, v in enumerate("ab")}
    j = "bound"
    yield [j for j in range(2)], j


def first_comprehends(n):
    found = [x for x in range(n)]
    x = yield found
    yield [x for x in range(2)], x


for turn in range(40):
    fresh = first_comprehends(3)
    comprehended = list(comprehends(3)), [next(fresh), fresh.send("sent")]
print(comprehended)
