"""try, except, else and finally: which run, in which order, and what is returned."""

log = []


def step(name, fail):
    log.append(name)
    if fail == name:
        raise KeyError(name)
    return name


def ordered(fail):
    try:
        step("body", fail)
    except KeyError as error:
        step("except", fail)
        return "caught " + error.args[0]
    else:
        step("else", fail)
    finally:
        step("finally", fail)
    return "end"


def overriding():
    for i in range(3):
        try:
            return i
        finally:
            if i < 2:
                continue
            return "finally"


def unwinding(n):
    total = 0
    for i in range(n):
        try:
            try:
                total += 10 // (i % 3)
            finally:
                total += 1
        except ZeroDivisionError:
            total += 100
    return total


for fail in (None, "body", "else", "except", "finally"):
    try:
        print(ordered(fail))
    except KeyError as error:
        print("raised", error)
print(log)
print(overriding())
print(unwinding(50))


def reraise(n):
    try:
        return step("x", "x" if n > 2 else None)
    except KeyError:
        log.append("again")
        raise


for n in range(3):
    reraise(n)


def manager_order():
    class Manager:
        def __init__(self, name, swallow):
            self.name, self.swallow = name, swallow

        def __enter__(self):
            log.append(("enter", self.name))
            return self

        def __exit__(self, kind, value, tb):
            log.append(("exit", self.name, kind and kind.__name__))
            return self.swallow

    with Manager("outer", True), Manager("inner", False):
        step("with", "with")
    return "after"


log.clear()
print(manager_order(), log)
reraise(3)
