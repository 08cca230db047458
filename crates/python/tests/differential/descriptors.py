"""Descriptors, metaclasses, __getattr__, __setattr__, __call__ and operators run in hot loops."""


class Tracked:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner):
        if instance is None:
            return self
        return instance.__dict__.get(self.name, 0) + 1

    def __set__(self, instance, value):
        if value == 13:
            raise ValueError("unlucky")
        instance.__dict__[self.name] = value


class Meta(type):
    made = 0

    def __call__(cls, *args):
        Meta.made += 1
        return super().__call__(*args)


class Thing(metaclass=Meta):
    level = Tracked()

    def __init__(self, level=0):
        self.level = level

    def __getattr__(self, name):
        if name.startswith("is_"):
            return name == "is_" + str(self.level)
        raise AttributeError(name)

    def __call__(self, x):
        return self.level + x

    def __eq__(self, other):
        return self.level == getattr(other, "level", other)

    def __hash__(self):
        return hash(self.level)

    def __lt__(self, other):
        return self.level < other.level

    def __contains__(self, x):
        return x < self.level

    def __iter__(self):
        return iter(range(self.level))

    def __neg__(self):
        return Thing(-self.level)


def climb(thing, n):
    for i in range(n):
        thing.level = thing.level + i
    return thing.level


def use(things):
    total = 0
    for thing in things:
        total += thing(1) + thing.level
        if thing.is_5:
            total += 1000
        if 3 in thing:
            total += 100
        for x in thing:
            total += x
        if thing == 6 or thing < things[0]:
            total += 10000
    return total


def create(n):
    return [Thing(i) for i in range(n)]


print(climb(Thing(), 5), climb(Thing(1.5), 10))
print(use(create(10)), Meta.made, max(create(4)).level, sorted(create(3))[0].level, (-Thing(4)).level)
for _ in range(30):
    create(4)
print(Meta.made, len(set(create(5) + create(5))))
try:
    create(20)
except ValueError as error:
    print(error, Meta.made)
print(hasattr(Thing(3), "other"), Thing(3).is_4)
climb(Thing(12), 2)
