"""A few whole algorithms on lists of numbers: sorts, a sieve, a matrix, a queue."""


def insertion_sort(a):
    for i in range(1, len(a)):
        x = a[i]
        j = i - 1
        while j >= 0 and a[j] > x:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = x
    return a


def quicksort(a, low, high):
    if low >= high:
        return
    pivot = a[(low + high) // 2]
    i, j = low, high
    while i <= j:
        while a[i] < pivot:
            i += 1
        while a[j] > pivot:
            j -= 1
        if i <= j:
            a[i], a[j] = a[j], a[i]
            i += 1
            j -= 1
    quicksort(a, low, j)
    quicksort(a, i, high)


def primes(n):
    flags = [True] * (n + 1)
    out = []
    for i in range(2, n + 1):
        if flags[i]:
            out.append(i)
            for j in range(i * i, n + 1, i):
                flags[j] = False
    return out


def multiply(a, b):
    n = len(a)
    return [[sum(a[i][k] * b[k][j] for k in range(n)) for j in range(n)] for i in range(n)]


def pseudo(n):
    x, out = 12345, []
    for _ in range(n):
        x = (x * 1103515245 + 12345) % 2**31
        out.append(x % 1000)
    return out


numbers = pseudo(120)
print(insertion_sort(list(numbers)) == sorted(numbers))
mixed = [x / 2 if x % 2 else x for x in numbers]
quicksort(mixed, 0, len(mixed) - 1)
print(mixed == sorted(mixed), mixed[:5])
print(primes(200))
print(multiply([[1, 2], [3, 4]], [[0.5, 1], [1, 2]]))
letters = list("unladen swallow")
quicksort(letters, 0, len(letters) - 1)
print("".join(letters))
insertion_sort([3, 1, "x", 2])
