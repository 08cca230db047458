"""range in all its forms, as a loop and as an object; variables after the loop; huge bounds."""


def collect(*bounds):
    out = []
    for i in range(*bounds):
        out.append(i)
    return out


def loop(start, stop, step):
    count = 0
    i = None
    for i in range(start, stop, step):
        count += 1
        if count == 7:
            break
    return count, i


def changed(n):
    out = []
    for i in range(n):
        out.append(i)
        i = i * 10
        n = 0
        out.append(i)
    return out


print(collect(4), collect(2, 5), collect(5, 2), collect(5, 0, -2), collect(-3, 3, 3))
for bounds in ((0, 10, 3), (10, 0, -1), (0, 0, 1), (0, -5, 1), (2**63 - 2, 2**63 + 2, 1),
               (-2**63 + 1, -2**63 - 3, -1), (0, 2**70, 2**65), (True, 5, 2)):
    print(loop(*bounds))
print(changed(4))
for bad in ((0, 1, 0), (0.5, 2, 1), ("a", 2, 1)):
    try:
        loop(*bad)
    except (TypeError, ValueError) as error:
        print(type(error).__name__, error)


def sum_ranges(n):
    total = 0
    for i in range(n):
        for j in range(i, n, 2):
            total += i * j
        for k in range(n, i, -3):
            total -= k
    return total


print(sum_ranges(60))


def shadow(n):
    range = lambda count: [count, count + 1]
    total = 0
    for i in range(n):
        total += i
    return total


print(shadow(10))
