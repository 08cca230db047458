"""`//`, `%` and divmod of every mix of signs, zero divisors, and big operands."""


def floor(a, b):
    return a // b


def modulo(a, b):
    return a % b


def both(a, b):
    return floor(a, b) * b + modulo(a, b) == a


VALUES = [0, 1, -1, 2, -2, 7, -7, 10, 2**31, -2**31, 2**62, -2**63, 2**63, 3**50]
for a in VALUES:
    line = []
    for b in VALUES:
        try:
            line.append((floor(a, b), modulo(a, b), both(a, b)))
        except ZeroDivisionError as error:
            line.append(str(error))
    print(a, line)


def count_down(n):
    total = 0
    for i in range(n):
        total += 100 // (n - 1 - i)
    return total


def rest(n):
    total = 0
    while True:
        total += 1000 % n
        n -= 1
    return total


for _ in range(3):
    for function in (count_down, rest):
        try:
            function(40)
        except ZeroDivisionError as error:
            print(function.__name__, error, error.__traceback__.tb_next.tb_lineno)
count_down(9)
