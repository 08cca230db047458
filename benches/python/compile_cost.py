"""Three real functions of about 20, 100 and 500 bytecodes, for `cargo xtask bench compile`.

    python compile_cost.py small|medium|large

Each is called often enough that the interpreter has specialised it before it is compiled.
"""

import sys


def small(values):
    total = 0
    for value in values:
        total += value * value
    return total


def medium(a, b, n):
    """Gaussian elimination's inner part on a list of lists."""
    best = 0
    for column in range(n):
        pivot = column
        for row in range(column + 1, n):
            if a[row][column] > a[pivot][column]:
                pivot = row
        a[column], a[pivot] = a[pivot], a[column]
        divisor = a[column][column]
        if divisor == 0.0:
            continue
        for row in range(column + 1, n):
            factor = a[row][column] / divisor
            for k in range(column, n):
                a[row][k] -= factor * a[column][k]
            b[row] -= factor * b[column]
        best += 1
    return best


def large(text, table, n):
    """One step after another over numbers and lists, as long functions of programs are."""
    counts = [0] * 16
    lengths = [0.0] * 16
    low = high = 0
    mean = 0.0
    for index in range(n):
        value = table[index % len(table)]
        key = text[index % len(text)]
        bucket = (value * 7 + key * 3 + index) % 16
        counts[bucket] += 1
        lengths[bucket] += value / 3.0
        if value < low:
            low = value
        elif value > high:
            high = value
        mean += (value - mean) / (index + 1)
        if bucket == 3 and counts[bucket] > 2:
            counts[0] += counts[bucket] // 2
            counts[bucket] -= counts[bucket] // 2
    order = list(range(16))
    for i in range(15):
        smallest = i
        for j in range(i + 1, 16):
            if counts[order[j]] < counts[order[smallest]]:
                smallest = j
        order[i], order[smallest] = order[smallest], order[i]
    weight = 0.0
    for position in range(16):
        bucket = order[position]
        if counts[bucket] == 0:
            continue
        share = lengths[bucket] / counts[bucket]
        weight += share * (position + 1) - mean / 2.0
    previous = 0
    current = 1
    checks = []
    while current < 1000:
        previous, current = current, previous + current
        checks.append(current % 17)
    parity = 0
    for check in checks:
        parity = parity * 2 + check & 255
        if parity & 1:
            parity ^= 29
    x = weight
    for _ in range(12):
        if x == 0.0:
            break
        step = (x * x - 2.0) / (2.0 * x)
        x = x - step
        if -1e-9 < step < 1e-9:
            break
    grid = []
    for row in range(6):
        line = []
        for column in range(6):
            if row == column:
                line.append(1)
            elif row < column:
                line.append(row * column + low)
            else:
                line.append(row - column + high)
        grid.append(line)
    trace = 0
    anti = 0
    for row in range(6):
        trace += grid[row][row]
        anti += grid[row][5 - row]
    smooth = [0.0] * 16
    for i in range(16):
        left = lengths[i - 1] if i > 0 else lengths[0]
        right = lengths[i + 1] if i < 15 else lengths[15]
        smooth[i] = 0.25 * left + 0.5 * lengths[i] + 0.25 * right
    peak = smooth[0]
    peak_at = 0
    for i in range(1, 16):
        if smooth[i] > peak:
            peak = smooth[i]
            peak_at = i
    return low + high + parity + trace - anti + peak_at + int(x * 1000.0)


def main():
    name = sys.argv[1]
    for _ in range(20):
        if name == "small":
            small(list(range(50)))
        elif name == "medium":
            n = 8
            a = [[float((i * 7 + j * 13) % 11 + 1) for j in range(n)] for i in range(n)]
            medium(a, [float(i) for i in range(n)], n)
        else:
            large([3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1, 8, 2, 8], 40)


if __name__ == "__main__":
    main()
