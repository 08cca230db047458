"""Exceptions that are raised and handled in one hot function: by subscripts, calls, attributes, iteration, and by raise."""

import sys


class Plain:
    pass


class Raising:
    def __getitem__(self, key):
        raise IndexError(key)

    def __add__(self, other):
        raise OverflowError(other)

    def __iter__(self):
        return self

    def __next__(self):
        self.left -= 1
        if self.left < 0:
            raise LookupError("no more")
        return self.left

    def __bool__(self):
        raise ArithmeticError("bool")

    def __eq__(self, other):
        raise TypeError("eq")


def lookups(table, keys):
    found = missing = 0
    for key in keys:
        try:
            found += table[key]
        except KeyError:
            missing += 1
        except TypeError as error:
            missing += len(error.args[0])
    return found, missing


def stops(lists):
    total = 0
    for items in lists:
        iterator = iter(items)
        while True:
            try:
                total += next(iterator)
            except StopIteration:
                break
    return total


def returned_by_generator(n):
    def counts(k):
        yield k
        return -k

    total = 0
    for k in range(n):
        generator = counts(k)
        try:
            while True:
                total += next(generator)
        except StopIteration as stop:
            total += 3 * stop.value
    return total


def attributes(objects):
    n = 0
    for it in objects:
        try:
            n += it.x
        except AttributeError as error:
            n += len(error.name)
        try:
            n += getattr(it, "y")
        except AttributeError:
            n += 100
    return n


def conversions(texts):
    numbers, bad = [], []
    for text in texts:
        try:
            number = int(text)
        except (ValueError, TypeError) as error:
            bad.append(str(error))
            continue
        else:
            numbers.append(number)
        finally:
            numbers.append(None)
    return numbers, bad


def own(n):
    caught = {}
    for i in range(n):
        try:
            if i % 3 == 0:
                raise ValueError(i)
            if i % 3 == 1:
                raise KeyError
            caught["none"] = caught.get("none", 0) + i
        except ValueError as error:
            caught["value"] = caught.get("value", 0) + error.args[0]
        except KeyError:
            caught["key"] = caught.get("key", 0) + 1
    return caught


def operators(n):
    raising, seen = Raising(), []
    for i in range(n):
        for what in range(5):
            try:
                if what == 0:
                    raising[i]
                elif what == 1:
                    raising + i
                elif what == 2:
                    raising.left = i
                    for k in raising:
                        i += k
                elif what == 3:
                    if raising:
                        pass
                else:
                    raising == i
            except (LookupError, ArithmeticError, TypeError) as error:
                seen.append((type(error).__name__, error.args, i))
    return seen


def nested(n, table):
    log = []
    for i in range(n):
        try:
            try:
                try:
                    log.append(table[i])
                finally:
                    log.append("inner")
            except IndexError:
                log.append("never")
            finally:
                log.append("outer")
        except KeyError as error:
            log.append(error.args)
    return log


def in_handlers(n, table):
    log = []
    for i in range(n):
        try:
            table[i]
        except KeyError as error:
            try:
                table[i, i]
            except KeyError as other:
                log.append((error.args, other.args, other.__context__ is error, sys.exception() is other))
            log.append(sys.exception() is error)
            for k in range(2):
                try:
                    int("x")
                except ValueError as third:
                    log.append(third.__context__ is error)
        log.append(sys.exception())
        try:
            error
        except UnboundLocalError as unbound:
            log.append(str(unbound))
    return log


def raised_from(n):
    log = []
    for i in range(n):
        try:
            try:
                [][i]
            except IndexError as error:
                raise RuntimeError(i) from error
        except RuntimeError as error:
            log.append((error.args, type(error.__cause__).__name__, error.__context__ is error.__cause__,
                        error.__suppress_context__))
        try:
            try:
                [][i]
            except IndexError:
                raise KeyError(i) from None
        except KeyError as error:
            log.append((error.__cause__, type(error.__context__).__name__, error.__suppress_context__))
    return log


def again():
    raise


def bare(n, table):
    log = []
    for i in range(n):
        try:
            try:
                table[i]
            except KeyError:
                if i % 2:
                    raise
                again()
        except KeyError as error:
            lines = []
            trace = error.__traceback__
            while trace is not None:
                lines.append((trace.tb_frame.f_code.co_name, trace.tb_lineno, trace.tb_lasti))
                trace = trace.tb_next
            log.append(lines)
    try:
        again()
    except RuntimeError as error:
        log.append(str(error))
    return log


def returns(table, key):
    try:
        return table[key]
    except KeyError:
        return -1
    finally:
        table[key] = 0


def unhandled(table, key):
    try:
        return table[key]
    except IndexError:
        return None


def through(n):
    log = []
    for i in range(n):
        try:
            unhandled({}, i)
        except KeyError as error:
            log.append(error.args[0])
            log.append(error.__traceback__.tb_next.tb_lineno - unhandled.__code__.co_firstlineno)
    return log


def comprehension(rows):
    sums = []
    for row in rows:
        x = "kept"
        try:
            sums.append(sum([10 // x for x in row]))
        except ZeroDivisionError:
            sums.append(x)
    return sums


def unpacking(rows):
    n = 0
    for row in rows:
        try:
            a, b = row
            n += a * b
        except ValueError as error:
            n += len(str(error))
        except TypeError:
            n += 1000
    return n


def kinds_change(rows):
    total = 0
    for row in rows:
        try:
            total += row
        except TypeError:
            total = str(total)
            total = float(total) + 0.5
    return total


class Swallow:
    def __init__(self, *kinds):
        self.kinds = kinds
        self.log = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.log.append((kind and kind.__name__, value and value.args, trace and trace.tb_lineno))
        return kind is not None and issubclass(kind, self.kinds)


def managed(n):
    swallow = Swallow(ValueError)
    outer = Swallow(KeyError)
    for i in range(n):
        with outer:
            with swallow as same:
                if i % 3 == 1:
                    raise ValueError(i)
                if i % 3 == 2:
                    raise KeyError(i)
                same.log.append(i)
            swallow.log.append("behind")
    return swallow.log, outer.log


def deep(n):
    return deep(n + 1) + 1


def too_deep(times):
    n = 0
    for _ in range(times):
        try:
            deep(0)
        except RecursionError:
            n += 1
    return n


table = {i: i for i in range(0, 40, 2)}
for _ in range(30):
    lookups(table, range(40))
print(lookups(table, range(50)), lookups(table, [1, 2, [], 4, {}]))
print(stops([[1, 2], [], [3]] * 40))
print(returned_by_generator(60))
first, second = Plain(), Plain()
first.x, second.y = 5, 7
print(attributes([first, second, Plain()] * 40))
print(conversions(["1", "x", None, "22"] * 3), len(conversions(["1", "x"] * 50)[0]))
print(own(90))
print(operators(4), len(operators(40)))
print(nested(5, table), len(nested(60, table)))
print(in_handlers(4, {2: 2}), len(in_handlers(50, {})))
print(raised_from(3), len(raised_from(60)))
print(bare(4, {}), len(bare(40, {})))
box = {}
print([returns(box, i % 7) for i in range(60)])
print(through(2), len(through(60)))
print(comprehension([[1, 2], [5, 0, 2], [0]] * 20))
print(unpacking([(1, 2), (1,), (1, 2, 3), None] * 20))
print(kinds_change([1, 2, "x", 3.5] * 20))
for _ in range(20):
    managed(6)
print(managed(6))
print(too_deep(3))
