"""settrace and setprofile switched on by a callee, in the middle of compiled loops."""

import sys

events = []


def tracer(frame, event, arg):
    if frame.f_code.co_filename == __file__:
        events.append((frame.f_code.co_name, event, frame.f_lineno))
    return tracer


def profiler(frame, event, arg):
    if frame.f_code.co_filename == __file__:
        name = arg.__name__ if event.startswith("c_") else frame.f_code.co_name
        events.append((name, event))


def start_tracing(i):
    if i == 30:
        sys.settrace(tracer)
        sys._getframe(1).f_trace = tracer
    if i == 33:
        sys.settrace(None)


def start_profiling(i):
    if i == 30:
        sys.setprofile(profiler)
    if i == 33:
        sys.setprofile(None)


def leaf(x):
    return x + 1


def traced(n):
    total = 0
    for i in range(n):
        start_tracing(i)
        total += leaf(i)
    return total


def profiled(n):
    total = 0
    for i in range(n):
        start_profiling(i)
        total += leaf(len([i]))
    return total


for _ in range(3):
    print(traced(40), len(events))
    print(events)
    events.clear()
    print(profiled(40), len(events))
    print(events)
    events.clear()
print(traced(20), events)
