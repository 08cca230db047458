"""Indices out of range whose IndexError is handled where it is raised, now and then negative."""

from array import array


def read(items, indices):
    found = []
    for i in indices:
        try:
            found.append(items[i])
        except IndexError as error:
            found.append(str(error))
    return found


def last(rows):
    found = []
    for row in rows:
        try:
            found.append((row[0], row[-1], row[2], row[-3]))
        except IndexError:
            found.append(len(row))
    return found


def write(items, indices):
    failed = 0
    for i in indices:
        try:
            items[i] = abs(i) * 2 % 200
        except IndexError as error:
            failed += len(str(error))
    return failed, list(items)


def scan(text):
    """As a tokeniser does."""
    tokens, at = [], 0
    while True:
        try:
            char = text[at]
        except IndexError:
            return tokens
        at += 1
        if char == "\\":
            try:
                char += text[at]
            except IndexError:
                tokens.append("end")
                continue
            at += 1
        tokens.append(char)


def matrix(rows, n):
    total = 0.0
    for i in range(-1, n):
        for k in range(n):
            try:
                total += rows[i][k]
            except IndexError:
                total -= 0.5
    return total


def unhandled(items, i):
    try:
        return items[i]
    except KeyError:
        return None


for items in ([1, 2, 3], (4.5, 5.5, 6.5), "abc", b"xyz", bytearray(b"uvw"), array("d", [1.0, 2.0, 3.0]), range(3), ["s"] * 3):
    for _ in range(40):
        read(items, (0, 1, 5, 2, -1))
    print(read(items, (0, 2, 3, -1, -3, -4, 10**30, True)))
for _ in range(40):
    last([[1, 2, 3], [1]])
print(last([[1, 2, 3, 4], [1], [], (7, 8, 9), "pqr", "p"]))
for items in ([0] * 4, [1.5] * 4, ["x"] * 4, bytearray(4), array("l", [0] * 4)):
    for _ in range(40):
        write(items, (0, 3, 4, -1))
    print(write(items, (1, 2, -4, -5, 4, 99)))
for _ in range(60):
    scan(r"a\bc")
print(scan("x\\yz"), scan("q\\"), scan(""))
rows = [[1.0, 2.0, 3.0], [4.0, 5.0], [], [6.0] * 9]
for _ in range(20):
    matrix(rows, 5)
print(matrix(rows, 6))
for _ in range(60):
    unhandled([1], 0)
try:
    unhandled([1], 1)
except IndexError as error:
    print(error, error.__traceback__.tb_next.tb_lineno)
