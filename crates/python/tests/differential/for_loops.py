"""for over many kinds of iterables, with break, continue and else; the variable afterwards."""


def first_even(items):
    for item in items:
        if item % 2:
            continue
        break
    else:
        return None
    return item


def last_of(items):
    item = "nothing"
    for item in items:
        pass
    return item


def total(items):
    result = 0
    for item in items:
        result += item
    return result


def countdown(n):
    while n:
        yield n
        n -= 1


class Counter:
    def __init__(self, stop):
        self.at, self.stop = 0, stop

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        if self.at > self.stop:
            raise StopIteration
        return self.at


class Indexed:
    def __getitem__(self, index):
        if index == 4:
            raise IndexError
        return index * index


for items in ([1, 3, 4, 5], (1, 3), [], {2: 1}, range(3, 9), Counter(3), Indexed(), countdown(4)):
    print(first_even(items))
for items in ([], "abc", range(0), range(5), {}, iter([7, 8])):
    print(last_of(items))
kinds = [[1, 2], (3, 4), {5, 6}, {7: 8}, range(9), countdown(5), Counter(4), Indexed(), b"ab"]
for _ in range(3):
    print([total(kind) for kind in kinds])


def grows(items):
    for item in items:
        if len(items) < 20:
            items.append(item + 1)
    return items


print(grows([1, 2]))
total(5)
