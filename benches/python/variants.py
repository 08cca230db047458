"""The programs of the table once more, with other names, other constants and other loop shapes.

What is asked of a program is asked of its variant: a gain must not hang on how it is written.
"""


def weighted(limit):
    acc = 7
    k = limit
    while k > 0:
        acc = acc + (k * 3 - 5) * k
        k -= 1
    return acc


def int_loop():
    return weighted(1_000_000)


def julia(width, height, steps):
    hits = 0
    y = 0
    while y < height:
        cy = y * 2.4 / height - 1.2
        for x in range(width):
            a, b = x * 3.2 / width - 1.6, cy
            n = 0
            while n < steps and a * a + b * b < 4.0:
                a, b = a * a - b * b - 0.4, 2.0 * a * b + 0.6
                n += 1
            if n == steps:
                hits += 1
        y += 1
    return hits


def mandelbrot():
    return julia(180, 150, 120)


def tribonacci(k, base):
    if k <= 2:
        return base
    else:
        left = tribonacci(k - 1, base)
        right = tribonacci(k - 2, base)
        return left + right + tribonacci(k - 3, base)


def fib():
    return tribonacci(23, 1)


def crossed_out(top):
    marks = [0] * top
    p = 3
    while p * p < top:
        if not marks[p]:
            q = p * p
            while q < top:
                marks[q] = 1
                q += 2 * p
        p += 2
    return top - sum(marks)


def sieve():
    return crossed_out(600_000)


def transposed_product(left, right):
    size = len(left)
    return [
        [dot(left[r], right[c], size) for c in range(size)]
        for r in range(size)
    ]


def dot(u, v, size):
    s = 0.0
    i = 0
    while i < size:
        s += u[i] * v[i]
        i += 1
    return s


def matmul():
    a = [[(r * 31 + c * 17) % 101 / 7.0 for c in range(75)] for r in range(75)]
    return transposed_product(a, a)[10][20]
