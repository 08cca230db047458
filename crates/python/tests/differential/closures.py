"""Closures: shared and rebound cells, loops that make functions, nonlocal."""


def counter(start):
    count = start

    def step(by):
        nonlocal count
        count += by
        return count

    def peek():
        return count

    return step, peek


def makers(n):
    return [lambda x, i=i: x * i + n for i in range(n)]


def late(n):
    functions = []
    for i in range(n):
        functions.append(lambda: i)
    return [function() for function in functions]


def total(function, n):
    result = 0
    for i in range(n):
        result += function(i)
    return result


step, peek = counter(10)
print([step(i) for i in range(10)], peek())
print(total(step, 100), peek(), step(0.5), peek())
print([function(3) for function in makers(5)], late(4))
other_step, other_peek = counter(2**62)
print(total(other_step, 5), other_peek(), peek())
step.__closure__[0].cell_contents = -1
print(peek(), step(1))


def unset(flag):
    def read():
        return value

    if flag:
        value = 3
    return read


print(unset(1)())


def compose(f, g):
    return lambda x: f(g(x))


increment = lambda x: x + 1
composed = increment
for _ in range(20):
    composed = compose(increment, composed)
print(composed(0), composed(0.5))
unset(0)()
