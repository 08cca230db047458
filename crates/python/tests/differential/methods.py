"""Methods: bound, static, class, super, overridden in mid-loop, and `__class__` swapped."""


class Animal:
    count = 0

    def __init__(self, name):
        self.name = name
        Animal.count += 1

    def speak(self, n):
        return len(self.name) * n

    @staticmethod
    def helper(x):
        return x + 1

    @classmethod
    def make(cls, name):
        return cls(name)


class Dog(Animal):
    def speak(self, n):
        return super().speak(n) + 1000


class Cat(Animal):
    speak = lambda self, n: -n


def chorus(animals, n):
    total = 0
    for i in range(n):
        for animal in animals:
            total += animal.speak(i) + animal.helper(i)
    return total


animals = [Animal("a"), Dog("bello"), Cat("mia")]
print(chorus(animals, 20), Animal.count)
bound = animals[1].speak
print(bound(3), Dog.make("x").speak(2), Dog.speak(animals[1], 1))


def swap(i):
    if i == 5:
        animals[0].__class__ = Cat
    if i == 10:
        Dog.speak = Animal.speak
    if i == 15:
        Animal.helper = staticmethod(lambda x: x * 100)
    if i == 20:
        Cat.__bases__ = (Dog,)
        del Cat.speak


def loop(n):
    out = []
    for i in range(n):
        swap(i)
        out.append(chorus(animals, 2))
    return out


print(loop(25), bound(3))


class Vector:
    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        return Vector(self.x + other.x)

    def __getitem__(self, i):
        return self.x * i

    def __len__(self):
        return 3

    def __bool__(self):
        return self.x > 0


def use(v, n):
    total = Vector(0)
    hits = 0
    for i in range(n):
        total = total + v
        if total:
            hits += total[i] + len(total)
    return total.x, hits


print(use(Vector(1), 10), use(Vector(-1), 5), use(Vector(0.5), 4))
Vector.__len__ = lambda self: -1
use(Vector(1), 2)
