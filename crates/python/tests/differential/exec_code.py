"""Code made at run time: exec, eval, many functions on one code object, replaced code."""


def make(source):
    namespace = {}
    exec(compile(source, "<made>", "exec"), namespace)
    return namespace


template = """
def f(n):
    total = {start}
    for i in range(n):
        total += i {operator} {constant}
    return total
"""
for start, operator, constant in ((0, "*", 2), (0.5, "+", 1), (1, "//", 3), (0, "%", -7), (2, "**", 2)):
    f = make(template.format(start=start, operator=operator, constant=constant))["f"]
    for _ in range(20):
        result = f(60)
    print(operator, result)


def adder(step):
    def add(n):
        total = 0
        for _ in range(n):
            total += step
        return total

    return add


adders = [adder(step) for step in (1, 2.5, "x", 2**62, True)]
for add in adders:
    for _ in range(3):
        try:
            result = add(10)
        except TypeError as error:
            result = str(error)
    print(result)
print(len({add.__code__ for add in adders}))


def base(x, y=3):
    return x * 10 + y


renamed = base.__code__.replace(co_name="renamed", co_firstlineno=1000)
other = type(base)(renamed, {"__builtins__": __builtins__}, "other", (4,))
print(base(1), other(1), other.__name__, other.__code__.co_name)
for _ in range(50):
    base(2)
    other(2)
shared = {"value": 5}
exec("def g(n):\n    t = 0\n    for i in range(n):\n        t += value\n    return t", shared)
print(shared["g"](10))
shared["value"] = 0.5
print(shared["g"](10))
del shared["value"]
try:
    shared["g"](10)
except NameError as error:
    print(error)


def module_coroutine(value):
    """Code of a module that awaits, as a function's: its globals are its locals."""
    import ast
    import types

    @types.coroutine
    def pause(value):
        return (yield value)

    source = "seen = [await pause(value)]\nfor i in range(3):\n    seen.append(i + (await pause(i)))"
    code = compile(source, "<module>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    space = {"pause": pause, "value": value}
    call = types.FunctionType(code, space)

    def start():
        return call()

    coroutine = start()
    sent = [coroutine.send(None)]
    try:
        while True:
            sent.append(coroutine.send(len(sent)))
    except StopIteration:
        return sent, space["seen"], space["i"]


for value in 1, 2.5, "text":
    print(module_coroutine(value))
try:
    make("def f(n):\n    return n +\n")
except SyntaxError as error:
    print(error.lineno, error.msg)
make("def f(n):\n    return n / 0\n\nf(1)")
