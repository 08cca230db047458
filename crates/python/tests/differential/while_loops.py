"""while with break, continue and else, nested, and conditions with effects."""


def search(limit, wanted):
    i = 0
    skipped = 0
    while i < limit:
        i += 1
        if i % 3 == 0:
            skipped += 1
            continue
        if i == wanted:
            break
    else:
        return "no", i, skipped
    return "yes", i, skipped


def nested(n):
    trail = []
    i = 0
    while i < n:
        j = 0
        while True:
            j += 1
            if j > i:
                break
            if (i + j) % 4 == 0:
                continue
            trail.append(i * 10 + j)
        i += 1
    return trail


def pop_all(items):
    total = 0
    while items:
        total = total * 7 + items.pop()
    return total


print(search(10, 4), search(10, 6), search(10, 99), search(0, 1))
print(nested(6))
for _ in range(50):
    value = pop_all([1, 2, 3, 4, 5])
print(value, pop_all([]))


def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


print([collatz(n) for n in range(1, 60)])
