"""Memory that is refused at any point of handlers and generators. How often it is asked for differs; what comes of it is
an exception each time, even where the interpreter loses that on its way."""

import _testcapi


def fail(x):
    if x:
        raise ValueError(x)


def handlers(n):
    total = 0
    for i in range(n):
        try:
            fail(i % 2)
            total += i * 1000003
        except ValueError as error:
            total += 1.5
            try:
                {}[i * 100000]
            except KeyError:
                total = total * 2 % 1e9
        finally:
            total += 1
    return total


def numbers(n):
    for i in range(n):
        try:
            yield i * 1000
            fail(i % 3)
        except ValueError:
            yield -i


def generators(n):
    return sum(numbers(n))


class Swallows:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return error[0] is ValueError


def contexts(n):
    for i in range(n):
        with Swallows(), Swallows():
            fail(i % 2)
    return n


for function in handlers, generators, contexts:
    for _ in range(60):
        function(12)
    failed = 0
    for start in range(1, 300):
        _testcapi.set_nomemory(start, start + 1 + start % 7)
        try:
            function(12)
        except (MemoryError, SystemError, ValueError):
            failed += 1
        finally:
            _testcapi.remove_mem_hooks()
    print(function.__name__, failed > 5, function(12))
