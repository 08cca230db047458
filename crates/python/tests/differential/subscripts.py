"""Items of lists, tuples, strings and dicts: negative and wrong indices, slices, stores."""


def get(container, index):
    return container[index]


def put(container, index, value):
    container[index] = value
    return container


def remove(container, index):
    del container[index]
    return container


def sum_by_index(items):
    total = 0
    for i in range(len(items)):
        total += items[i] - items[-i - 1] // 2
    return total


for container in ([10, 20, 30], (10, 20, 30), "xyz", b"xyz", range(5, 8), bytearray(b"xyz")):
    for index in (0, 2, -1, -3, 3, -4, True, 2**70, slice(1, None), slice(None, None, -1), 1.0):
        try:
            print(get(container, index), end=" ")
        except (IndexError, TypeError) as error:
            print(type(error).__name__, error, end="; ")
    print()
for _ in range(200):
    sum_by_index([1, 2, 3, 4])
print(sum_by_index([5, 6, 7]), sum_by_index((5, 6.5, 7)))
print(put([1, 2, 3], -1, 9), put({}, "k", 1), put([1, 2, 3], slice(0, 2), [7]))
print(remove([1, 2, 3], 0), remove({1: 2}, 1))
for bad in (([1], 1, 0), ((1,), 0, 0), ([1], "a", 0), ("abc", 0, "x")):
    try:
        put(*bad)
    except (IndexError, TypeError) as error:
        print(type(error).__name__, error)
print(get({"a": 1}, "a"))


class Missing(dict):
    def __missing__(self, key):
        return ("missing", key)


print(get(Missing(), 5))
get({"a": 1}, "b")
