"""A loop over floats: how many points of a grid stay in the Mandelbrot set."""


def escapes(re, im, limit):
    x = y = 0.0
    for step in range(limit):
        xx = x * x
        yy = y * y
        if xx + yy > 4.0:
            return step
        y = 2.0 * x * y + im
        x = xx - yy + re
    return limit


def count_inside(size, limit):
    inside = 0
    for row in range(size):
        im = 2.5 * row / size - 1.25
        for column in range(size):
            re = 3.0 * column / size - 2.25
            if escapes(re, im, limit) == limit:
                inside += 1
    return inside


def run():
    return count_inside(100, 100)


if __name__ == "__main__":
    print(run())
