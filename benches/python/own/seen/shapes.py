"""Shapes in a drawing: base and derived classes, methods that call super(), areas and moves."""

import math


class Shape:
    count = 0

    def __init__(self, x, y):
        self.x = x
        self.y = y
        Shape.count += 1

    def area(self):
        raise NotImplementedError

    def bounds(self):
        raise NotImplementedError

    def move(self, dx, dy):
        self.x += dx
        self.y += dy

    def describe(self):
        return f"{type(self).__name__} at {self.x:.1f},{self.y:.1f}"

    def touches(self, other):
        ax0, ay0, ax1, ay1 = self.bounds()
        bx0, by0, bx1, by1 = other.bounds()
        return ax0 <= bx1 and bx0 <= ax1 and ay0 <= by1 and by0 <= ay1


class Circle(Shape):
    def __init__(self, x, y, radius):
        super().__init__(x, y)
        self.radius = radius

    def area(self):
        return math.pi * self.radius ** 2

    def bounds(self):
        r = self.radius
        return self.x - r, self.y - r, self.x + r, self.y + r


class Rectangle(Shape):
    def __init__(self, x, y, width, height):
        super().__init__(x, y)
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height

    def bounds(self):
        return self.x, self.y, self.x + self.width, self.y + self.height

    def describe(self):
        return super().describe() + f" {self.width}x{self.height}"


class Square(Rectangle):
    def __init__(self, x, y, side):
        super().__init__(x, y, side, side)


class Drawing:
    def __init__(self, shapes):
        self.shapes = shapes

    def area(self):
        return sum(shape.area() for shape in self.shapes)

    def collisions(self):
        found = 0
        for i, a in enumerate(self.shapes):
            for b in self.shapes[i + 1:]:
                if a.touches(b):
                    found += 1
        return found

    def step(self, t):
        for i, shape in enumerate(self.shapes):
            shape.move(math.sin(t + i), 0.5 if i % 2 else -0.5)


def make(i):
    x, y = i * 37 % 101, i * 53 % 97
    if i % 3 == 0:
        return Circle(x, y, 1 + i % 5)
    if i % 3 == 1:
        return Rectangle(x, y, 2 + i % 4, 3)
    return Square(x, y, 1 + i % 6)


def run():
    Shape.count = 0
    drawing = Drawing([make(i) for i in range(100)])
    collisions = 0
    for t in range(20):
        collisions += drawing.collisions()
        drawing.step(t)
    texts = [shape.describe() for shape in drawing.shapes]
    return Shape.count, collisions, round(drawing.area(), 6), texts[0], texts[-1]
