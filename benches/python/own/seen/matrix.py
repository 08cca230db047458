"""Matrices as lists of lists: product, transpose, determinant, inverse, power."""


def zeros(rows, columns):
    return [[0] * columns for _ in range(rows)]


def identity(n):
    result = zeros(n, n)
    for i in range(n):
        result[i][i] = 1
    return result


def transpose(m):
    return [list(column) for column in zip(*m)]


def multiply(a, b):
    result = zeros(len(a), len(b[0]))
    for i in range(len(a)):
        for j in range(len(b[0])):
            total = 0
            for k in range(len(b)):
                total += a[i][k] * b[k][j]
            result[i][j] = total
    return result


def add(a, b):
    return [[x + y for x, y in zip(p, q)] for p, q in zip(a, b)]


def scale(m, factor):
    return [[x * factor for x in row] for row in m]


def power(m, n):
    result = identity(len(m))
    while n > 0:
        if n % 2 == 1:
            result = multiply(result, m)
        m = multiply(m, m)
        n //= 2
    return result


def determinant(m):
    m = [row[:] for row in m]
    n = len(m)
    result = 1.0
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(m[r][i]))
        if m[pivot][i] == 0:
            return 0.0
        if pivot != i:
            m[i], m[pivot] = m[pivot], m[i]
            result = -result
        result *= m[i][i]
        for r in range(i + 1, n):
            factor = m[r][i] / m[i][i]
            for c in range(i, n):
                m[r][c] -= factor * m[i][c]
    return result


def inverse(m):
    n = len(m)
    work = [row[:] + unit for row, unit in zip(m, identity(n))]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(work[r][i]))
        work[i], work[pivot] = work[pivot], work[i]
        divisor = work[i][i]
        work[i] = [x / divisor for x in work[i]]
        for r in range(n):
            if r != i and work[r][i] != 0:
                factor = work[r][i]
                work[r] = [x - factor * y for x, y in zip(work[r], work[i])]
    return [row[n:] for row in work]


def run():
    n = 60
    m = [[((i * 7 + j * 3) % 11) + (20 if i == j else 0) for j in range(n)] for i in range(n)]
    product = multiply(m, transpose(m))
    back = multiply(m, inverse(m))
    off = max(abs(back[i][j] - (i == j)) for i in range(n) for j in range(n))
    fibonacci = power([[1, 1], [1, 0]], 300)[0][1]
    total = sum(map(sum, add(scale(m, 3), product)))
    small = power([[0.5, 0.25], [0.5, 0.75]], 50)
    return total, f"{determinant(m):.9e}", off < 1e-9, fibonacci, round(small[0][0], 9)
