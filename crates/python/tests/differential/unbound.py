"""Locals that are not bound, deleted, or bound on one path only; names that are not there."""


def sometimes(flag):
    if flag:
        value = 1
    return value


def deleted(n):
    value = n
    del value
    return value


def after_loop(items):
    for item in items:
        pass
    return item


def in_except():
    try:
        raise ValueError("gone")
    except ValueError as error:
        kept = str(error)
    print(kept)
    return error


def unknown(n):
    total = 0
    for i in range(n):
        total += i
        if i == n - 1:
            total += no_such_name
    return total


def delete_twice(n):
    x = n
    del x
    del x


for _ in range(50):
    sometimes(True)
    after_loop([1])
for function, argument in ((sometimes, False), (deleted, 1), (after_loop, []), (unknown, 5),
                           (delete_twice, 3)):
    try:
        print(function(argument))
    except NameError as error:
        print(type(error).__name__, error, error.name)
try:
    in_except()
except UnboundLocalError as error:
    print(error)
sometimes(0)
