"""Tracers, profilers and monitors that come while an exception is on its way, or at the end of a line: what they hear of."""

import sys
import time

events = sys.monitoring.events
TOOL = 3
HEARD = ["PY_RETURN", "RAISE", "RERAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "LINE"]
NAMES = {"caller", "handles", "passes", "does_not_handle", "cleans_up", "swallows", "repeats", "yields", "consumes",
         "instance_dies", "raising", "dies_on_the_way", "dies_before_cleaning_up", "line_ends", "loop_line_ends", "truth"}
heard = []
refuses = None


class Refused(Exception):
    pass


def hear(*what):
    global refuses
    heard.append(what)
    if what[:2] == refuses:
        refuses = None
        raise Refused


def tracer(frame, event, arg):
    code = frame.f_code
    if code.co_name in NAMES:
        hear(code.co_name, event, frame.f_lineno - code.co_firstlineno, type(arg).__name__)
    return tracer


def profiler(frame, event, arg):
    if frame.f_code.co_name in NAMES:
        hear(frame.f_code.co_name, event)


def listener(event):
    def callback(code, place, *args):
        if code.co_name in NAMES:
            line = place - code.co_firstlineno if event == "LINE" else None
            hear(code.co_name, event, line, [type(arg).__name__ for arg in args])
    return callback


def arrive(kind):
    if kind == "tracer":
        sys.settrace(tracer)
        frame = sys._getframe(1)
        while frame is not None:
            frame.f_trace = tracer
            frame = frame.f_back
    elif kind == "profiler":
        sys.setprofile(profiler)
    elif kind == "monitor":
        sys.monitoring.use_tool_id(TOOL, "listener")
        for event in HEARD:
            sys.monitoring.register_callback(TOOL, getattr(events, event), listener(event))
        sys.monitoring.set_events(TOOL, sum(getattr(events, event) for event in HEARD))


def leave():
    sys.settrace(None)
    sys.setprofile(None)
    if sys.monitoring.get_tool(TOOL) is not None:
        sys.monitoring.set_events(TOOL, 0)
        for event in HEARD:
            sys.monitoring.register_callback(TOOL, getattr(events, event), None)
        sys.monitoring.free_tool_id(TOOL)


def raising(kind):
    if kind:
        arrive(kind)
    raise ValueError


class Brings:
    def __init__(self, kind):
        self.kind = kind

    def arrive(self):
        if self.kind:
            kind, self.kind = self.kind, None
            arrive(kind)

    def __del__(self):
        self.arrive()

    def __bool__(self):
        self.arrive()
        return True


class Context:
    def __init__(self, swallows):
        self.swallows = swallows

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.swallows


def handles(kind):
    try:
        raising(kind)
    except ValueError:
        return 1


def passes(kind):
    raising(kind)


def does_not_handle(kind):
    try:
        raising(kind)
    except KeyError:
        return 2


def cleans_up(kind):
    try:
        raising(kind)
    finally:
        kind = None


def swallows(kind):
    with Context(True):
        with Context(False):
            raising(kind)
    return 3


def repeats(kind):
    for i in range(3):
        try:
            if i == 1:
                raising(kind)
        except ValueError as error:
            continue
    return i


def yields(kind):
    try:
        yield 1
        raising(kind)
    except ValueError:
        yield 2
    raising(None)


def consumes(kind):
    results = []
    try:
        for item in yields(kind):
            results.append(item)
    except ValueError:
        results.append(3)
    return results


def instance_dies(kind):
    brings = Brings(kind)
    raise ValueError


def dies_on_the_way(kind):
    try:
        [Brings(kind), raising(None)]
    except ValueError:
        result = 5
    return result


def dies_before_cleaning_up(kind):
    try:
        Brings(kind) + raising(None)
    finally:
        return 6


def line_ends(kind):
    brings = Brings(kind)
    brings = None
    result = 1
    return result


def loop_line_ends(kind):
    for i in range(3):
        brings = Brings(kind if i == 1 else None)
        del brings
        result = i
    return result


def truth(kind):
    if Brings(kind):
        result = 1
    return result


def caller(function, kind):
    try:
        return function(kind)
    except ValueError:
        return 4


def run(function, kind):
    try:
        return caller(function, kind)
    except Refused as error:
        trace, places = error.__traceback__, []
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_name in NAMES:
                places.append((code.co_name, trace.tb_lineno - code.co_firstlineno))
            trace = trace.tb_next
        return "refused", places, type(error.__context__).__name__


def warm_up(functions):
    """Long enough that it is seen that the tools have gone."""
    end = time.perf_counter() + 0.01
    while time.perf_counter() < end:
        for function in functions:
            caller(function, None)


FUNCTIONS = [handles, passes, does_not_handle, cleans_up, swallows, repeats, consumes, instance_dies, dies_on_the_way,
             dies_before_cleaning_up, line_ends, loop_line_ends, truth]

for kind in "tracer", "profiler", "monitor":
    for function in FUNCTIONS:
        warm_up([function, handles])
        refuses = None
        heard.clear()
        result = run(function, kind)
        leave()
        print(kind, function.__name__, result)
        for line in heard:
            print("   ", *line)
        # Each thing that was heard of is refused once.
        for refused in dict.fromkeys(line[:2] for line in heard):
            if refused[1] == "EXCEPTION_HANDLED" and function in (repeats, consumes):
                continue  # whether the traceback has their frames depends on where their loops were entered
            warm_up([function])
            heard.clear()
            refuses = refused
            result = run(function, kind)
            leave()
            print("  refused", *refused, len(heard), result)
