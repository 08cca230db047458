"""Events of the audit are raised by compiled code as by the interpreter, also for hooks that come late."""

import sys


class Thing:
    pass


things = [Thing() for _ in range(5)]
heard = []


def same(values):
    memo = {}
    for value in values:
        memo[id(value)] = value
    return [memo[id(value)] is value for value in values], len(memo)


def many(values, n, install):
    total = 0
    for i in range(n):
        if i == install:
            sys.addaudithook(hook)
        total += id(values[i % 5]) == id(values[(i + 1) % 5])
    return total


def hook(event, args):
    if event == "builtins.id":
        heard.append(args[0])


for i in range(200):
    result = same(things)
print(result, id(things[0]) in {id(things[0])}, id(1) == id(1), type(id(None)))
print(many(things, 3000, -1), len(heard))
print(many(things, 3000, 2900), len(heard), len(set(heard)))
print(many(things, 300, -1), len(heard), heard[-1] == id(things[0]))
print(same(things), len(heard))
