"""Tracers and profilers that come and go while generators wait for each other: what they see, and from where on."""

import sys
import threading

events = []


def tracer(frame, event, arg):
    if frame.f_code.co_name in NAMES:
        events.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
    return tracer


def profiler(frame, event, arg):
    if frame.f_code.co_name in NAMES:
        events.append((frame.f_code.co_name, event))


NAMES = {"inner", "middle", "outer", "leaf", "waits", "drive"}


def inner(n, act):
    for i in range(n):
        if i == n // 2:
            act()
        yield i * 2


def middle(n, act):
    result = yield from inner(n, act)
    yield "middle"
    return result


def outer(n, act):
    yield from middle(n, act)
    yield "outer"


async def leaf(n, act):
    for i in range(n):
        if i == n // 2:
            act()
        await Once(i)
    return n


class Once:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        return (yield self.value)


async def waits(n, act):
    return await leaf(n, act)


def drive(coroutine):
    out = []
    try:
        while True:
            out.append(coroutine.send(None))
    except StopIteration as stop:
        out.append(stop.value)
    return out


def nothing():
    pass


def consume(n, act):
    out = []
    for item in outer(n, act):
        out.append(item)
    return out


for turn in range(80):
    items = consume(10, nothing), drive(waits(10, nothing)), sum(inner(30, nothing))
print(items)


def start_tracing():
    sys.settrace(tracer)
    frame = sys._getframe()
    while frame is not None:
        frame.f_trace = tracer
        frame = frame.f_back


def watch(start, stop, call):
    for turn in range(30):
        call(nothing)
    events.clear()
    result = call(start)
    stop()
    print(result, len(events), events[:14])
    events.clear()
    print(call(nothing), events)


for call in (lambda act: consume(6, act), lambda act: drive(waits(6, act)), lambda act: list(outer(6, act))):
    watch(start_tracing, lambda: sys.settrace(None), call)
    watch(lambda: sys.setprofile(profiler), lambda: sys.setprofile(None), call)

tool = 2
sys.monitoring.use_tool_id(tool, "watch")
MONITORED = sys.monitoring.events.PY_YIELD | sys.monitoring.events.PY_RESUME | sys.monitoring.events.PY_RETURN
for name in ("PY_YIELD", "PY_RESUME", "PY_RETURN"):
    event = getattr(sys.monitoring.events, name)
    sys.monitoring.register_callback(
        tool, event, lambda code, *rest, name=name: code.co_name in NAMES and events.append((name, code.co_name))
    )
watch(
    lambda: sys.monitoring.set_events(tool, MONITORED),
    lambda: sys.monitoring.set_events(tool, 0),
    lambda act: consume(6, act),
)

# Exceptions that come by those that wait instrument nothing.
for name in ("RAISE", "EXCEPTION_HANDLED", "PY_UNWIND"):
    event = getattr(sys.monitoring.events, name)
    sys.monitoring.register_callback(
        tool,
        event,
        lambda code, offset, error, name=name: code.co_name in NAMES
        and events.append((name, code.co_name, offset, repr(error))),
    )
RAISED = sys.monitoring.events.RAISE | sys.monitoring.events.PY_UNWIND


def fail():
    raise KeyError("inside")


def failing(act):
    try:
        return consume(6, act)
    except KeyError as error:
        return repr(error)


def failing_task(act):
    try:
        return drive(waits(6, act))
    except KeyError as error:
        return repr(error)


for call in failing, failing_task:
    for turn in range(40):
        call(nothing), call(fail)
    sys.monitoring.set_events(tool, RAISED | sys.monitoring.events.EXCEPTION_HANDLED)
    result = call(fail)
    sys.monitoring.set_events(tool, 0)
    print(result, events)
    events.clear()
sys.monitoring.free_tool_id(tool)

# What left by an exception says where that was raised.
def places(call):
    try:
        call()
    except KeyError as error:
        trace, found = error.__traceback__, []
        while trace is not None:
            frame = trace.tb_frame
            found.append((frame.f_code.co_name, trace.tb_lineno, trace.tb_lasti, frame.f_lineno, frame.f_lasti))
            trace = trace.tb_next
        return found[1:]


for turn in range(40):
    left = places(lambda: consume(6, fail)), places(lambda: drive(waits(6, fail))), places(lambda: list(inner(4, fail)))
print(left)

# A generator that is suspended while tools come and go.
suspended = [outer(12, nothing) for _ in range(4)]
for generator in suspended:
    next(generator)
sys.settrace(tracer)
first = [next(generator) for generator in suspended]
sys.settrace(None)
events.clear()
print(first, [list(generator)[-3:] for generator in suspended], events)


def in_thread(out):
    for turn in range(100):
        out.append(tuple(consume(7, nothing)))


outs = [[], []]
threads = [threading.Thread(target=in_thread, args=(out,)) for out in outs]
for thread in threads:
    thread.start()
for turn in range(20):
    sys.setprofile(profiler)
    consume(3, nothing)
    sys.setprofile(None)
for thread in threads:
    thread.join()
print([set(out) for out in outs])
