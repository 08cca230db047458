"""Comprehensions with conditions, nesting, captured names, and failures inside."""


def squares(n):
    return [i * i for i in range(n) if i % 2]


def table(n):
    return [[i * j for j in range(n)] for i in range(n)]


def flat(rows):
    return [x for row in rows for x in row if x]


def keyed(words):
    return {word: len(word) for word in words}, {len(word) for word in words}


def capture(n):
    factor = n * 10
    return [lambda: i * factor for i in range(3)]


def outer_name(n):
    i = "kept"
    result = [i for i in range(n)]
    return i, result


def lazily(n):
    return sum(x / 2 for x in range(n)), max((-x for x in range(n)), default=None)


print(squares(10), table(3), flat(table(3)), keyed(["a", "bb", "cc"]))
print([function() for function in capture(2)], outer_name(3), lazily(5), lazily(0))
for _ in range(50):
    squares(20)


def failing(values):
    return [10 // value for value in values]


print(failing([1, 2, 5]))
failing([1, 0])
