"""Attributes: instances, slots, properties, class attributes that change in mid-loop."""


class Point:
    kind = "point"

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def norm(self):
        return self.x * self.x + self.y * self.y

    @property
    def sum(self):
        return self.x + self.y


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


class Dynamic:
    def __getattr__(self, name):
        return len(name)


def walk(points):
    total = 0
    for point in points:
        total += point.x * 2 + point.y
        point.x += 1
    return total


def norms(points):
    total = 0
    for point in points:
        total += point.norm() + point.sum
    return total


points = [Point(1, 2), Point(3, 4.5), Point(2**40, 1)]
print(walk(points), walk([Slotted(1, 2), Point(3, 4)]), norms(points))


def change(i):
    if i == 10:
        Point.norm = lambda self: -1
    if i == 20:
        Point.sum = property(lambda self: 1000)
    if i == 30:
        points[0].norm = lambda: 5
    if i == 40:
        Point.__getattribute__ = lambda self, name: 3 if name == "sum" else object.__getattribute__(self, name)
    if i == 50:
        del Point.__getattribute__
        del points[0].norm


def loop(n):
    out = []
    for i in range(n):
        change(i)
        out.append(norms(points))
    return out


print(loop(60))
print(walk([Point(Dynamic().abc, Dynamic().x)]))
for target, name in ((Slotted(1, 2), "z"), (Point(1, 2), "nothing"), (5, "real_"), (Point, "gone")):
    try:
        getattr(target, name)
    except AttributeError as error:
        print(error)


def read(thing):
    return thing.x


half = Slotted.__new__(Slotted)
half.y = 1
points[0].__dict__["x"] = "from dict"
print(read(points[0]), read(Slotted(7, 8)))
points[1].__class__ = type("Other", (), {"x": property(lambda self: "other")})
print(read(points[1]))
read(half)
