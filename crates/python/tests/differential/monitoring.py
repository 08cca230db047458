"""sys.monitoring switched on in mid-loop: lines, calls, returns, branches, raises."""


def before_any_tool(n):
    total = 0
    for i in range(n):
        total += i
    return total


print(before_any_tool(50), before_any_tool(60))

import sys
import time

TOOL = 3
events = []
monitoring = sys.monitoring


def leaf(x):
    if x % 7 == 3:
        return -x
    return x


def fails(x):
    return 1 // (x - 31)


def switch(i):
    if i == 30:
        monitoring.set_events(TOOL, E.LINE | E.PY_START | E.PY_RETURN | E.RAISE | E.BRANCH)
    if i == 32:
        monitoring.set_events(TOOL, 0)


def loop(n):
    total = 0
    for i in range(n):
        switch(i)
        total += leaf(i)
        try:
            total += fails(i)
        except ZeroDivisionError:
            total += 1000
    return total


def record(kind):
    def callback(code, *details):
        if code.co_filename == __file__:
            events.append((kind, code.co_name, repr(details[0])))
    return callback


E = monitoring.events
for _ in range(2):
    monitoring.use_tool_id(TOOL, "test")
    for kind in ("LINE", "PY_START", "PY_RETURN", "RAISE", "BRANCH"):
        monitoring.register_callback(TOOL, getattr(E, kind), record(kind))
    print(loop(40), len(events))
    print(events)
    events.clear()
    monitoring.free_tool_id(TOOL)
print(loop(30), events)
# Soon it is noticed that the tool has gone.
time.sleep(0.2)
print(loop(30), loop(31), events)
