"""Functions that are new to every turn are traced, each call of them, also before anything was compiled."""


def before_any_tool(n):
    total = 0
    for i in range(n):
        total += i
    return total


print(before_any_tool(50), before_any_tool(60), before_any_tool(70))

import sys

SOURCE = """
def f():
    def g(x{n}):
        for i in range(3):
            x{n} += i
        return x{n}
    g(1)
    g(2)
    return g(3)
"""


early = []
namespace = {}
exec(SOURCE.format(n=0), namespace)
f = namespace["f"]
sys.settrace(lambda frame, event, arg: early.append(event))
f()
sys.settrace(None)
print(early)


def turn(n):
    namespace = {}
    exec(SOURCE.format(n=n), namespace)
    f = namespace["f"]
    events = []

    def trace(frame, event, arg):
        events.append(event)
        return trace

    sys.settrace(trace)
    f()
    sys.settrace(None)
    for _ in range(50):
        f()
    return events.count("call"), events.count("line"), events.count("return")


seen = {turn(n) for n in range(60)}
print(seen)
