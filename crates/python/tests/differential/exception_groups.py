"""`except*`: what is handled, what is left, what is raised in handlers, and what is being handled meanwhile."""

import sys


def shown(error):
    if isinstance(error, BaseExceptionGroup):
        inner = ", ".join(shown(it) for it in error.exceptions)
        return f"{type(error).__name__}({error.message!r}, [{inner}])"
    return repr(error)


def frames(error):
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        lines.append((code.co_name, traceback.tb_lineno - code.co_firstlineno))
        traceback = traceback.tb_next
    return lines


class Noisy(Exception):
    def __del__(self):
        print("    dies", *self.args)


class Sneaky(ExceptionGroup):
    def derive(self, exceptions):
        print("    derive", len(exceptions))
        return Sneaky(self.message, exceptions)


class Broken(ExceptionGroup):
    def split(self, matcher):
        raise RuntimeError("split")


def raised(kind):
    if kind == 0:
        raise ExceptionGroup("mixed", [ValueError(1), TypeError(2), OSError(3)])
    if kind == 1:
        raise ValueError("alone")
    if kind == 2:
        raise KeyError("nobody's")
    if kind == 3:
        inner = ExceptionGroup("inner", [ValueError(1), KeyError(2)])
        raise Sneaky("outer", [inner, TypeError(3)])
    if kind == 4:
        raise ExceptionGroup("noisy", [Noisy("a"), ValueError(1)])
    if kind == 5:
        raise BaseExceptionGroup("base", [KeyboardInterrupt(), ValueError(1)])
    if kind == 6:
        raise Broken("broken", [ValueError(1)])
    return "nothing"


def handles(kind):
    seen = []
    try:
        seen.append(raised(kind))
    except* ValueError as group:
        seen.append(("values", shown(group), sys.exception() is group))
    except* (TypeError, Noisy) as group:
        seen.append(("types", shown(group), shown(sys.exception())))
    else:
        seen.append("else")
    finally:
        seen.append(("finally", shown(sys.exception()) if sys.exception() else None))
    return seen


def raises_in_handler(kind):
    try:
        raised(kind)
    except* ValueError:
        raise KeyError("in handler")
    except* TypeError as group:
        raise group.exceptions[0]
    return "unharmed"


def reraises(kind):
    try:
        raised(kind)
    except* ValueError:
        raise
    except* OSError:
        pass
    return "unharmed"


def bad_type(kind, cls):
    result = "unharmed"
    try:
        raised(kind)
    except* cls:
        result = "handled"
    return result


def nested(kind):
    result = "inner"
    try:
        try:
            raised(kind)
        except* ValueError:
            pass
    except* TypeError as group:
        result = "outer", shown(group)
    return result


def in_loop(n):
    count = 0
    for i in range(n):
        try:
            raised(i % 5)
        except* ValueError as group:
            count += len(group.exceptions)
        except* Exception as group:
            count += 100
    return count


def caught(function, *args):
    try:
        return function(*args)
    except BaseException as error:
        context = error.__context__
        return shown(error), frames(error)[1:], shown(context) if context else None


for i in range(3):
    for kind in range(8):
        print(kind, caught(handles, kind))
        print(kind, caught(raises_in_handler, kind))
        print(kind, caught(reraises, kind))
        print(kind, caught(nested, kind))
    for cls in ExceptionGroup, (ValueError, ExceptionGroup), 5, ValueError:
        print(caught(bad_type, 1, cls), caught(bad_type, 7, cls))
    print(in_loop(40))
    print(sys.exception())
