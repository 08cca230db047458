"""A loop over small integers: sums of squares, kept below 64 bits."""


def sum_of_squares(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


def run():
    return sum_of_squares(1_000_000)


if __name__ == "__main__":
    print(run())
