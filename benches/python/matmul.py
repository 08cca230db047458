"""A product of matrices that are lists of lists of floats."""


def matrix(n, seed):
    rows = []
    value = seed
    for _ in range(n):
        row = []
        for _ in range(n):
            value = (value * 1103515245 + 12345) % 2147483648
            row.append(value / 2147483648.0)
        rows.append(row)
    return rows


def multiply(a, b, n):
    product = []
    for i in range(n):
        row = a[i]
        out = [0.0] * n
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += row[k] * b[k][j]
            out[j] = total
        product.append(out)
    return product


def run():
    n = 80
    c = multiply(matrix(n, 1), matrix(n, 2), n)
    return c[n // 2][n // 3]


if __name__ == "__main__":
    print(run())
