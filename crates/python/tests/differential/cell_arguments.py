"""Arguments that closures share are cells once the function has begun: their numbers are not the slot's."""


def counter(start, step):
    def advance():
        nonlocal start
        start += step
        return start

    for _ in range(200):
        advance()
    while start > 150:
        start -= step
    return start, step


for _ in range(30):
    result = counter(5, 3)
print(result, counter(1.5, 2))
