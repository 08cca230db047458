"""Generators: driven by loops, send, throw and close; suspended in compiled callers."""


def squares(n):
    for i in range(n):
        yield i * i


def total(items):
    result = 0
    for item in items:
        result += item
    return result


def averager():
    count = 0
    total = 0.0
    average = None
    while True:
        value = yield average
        count += 1
        total += value
        average = total / count


def guarded(log):
    try:
        for i in range(10):
            yield i
    except ValueError as error:
        log.append(str(error))
        yield "recovered"
    finally:
        log.append("closed")


def delegate(n):
    result = yield from squares(n)
    yield result
    return "done"


print(total(squares(100)), total(i + 0.5 for i in range(10)), list(squares(5)))
average = averager()
next(average)
print([average.send(value) for value in (1, 2, 4.5, 2**60)])
log = []
generator = guarded(log)
print(next(generator), next(generator), generator.throw(ValueError("stop")), log)
generator.close()
print(log, list(delegate(3)))
abandoned = guarded(log)
next(abandoned)
del abandoned
print(log)


def interleave(n):
    a, b = squares(n), squares(n)
    next(b)
    out = 0
    for x in a:
        out += x * next(b, -1)
    return out


print(interleave(20))


def failing(n):
    for i in range(n):
        yield 10 // (n - 2 - i)


total(failing(5))
