"""What can be seen of a frame that handles exceptions: its variables through tracebacks, deaths on the way, reference counts."""

import gc
import sys
import weakref

log = []


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        frame = sys._getframe(1)
        log.append((self.name, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno,
                    type(sys.exception()).__name__))


class Fails:
    def __getitem__(self, key):
        raise KeyError(key)

    def __call__(self, *args):
        raise ValueError(len(args))

    def __add__(self, other):
        raise OverflowError


def poke(error, **values):
    frame = error.__traceback__.tb_frame
    for name, value in values.items():
        frame.f_locals[name] = value


def poked_ints(n, table):
    total, seen = 0, []
    for i in range(n):
        try:
            total += table[i]
        except KeyError as error:
            poke(error, total=total + 1000)
            seen.append(total)
        if i % 5 == 0:
            seen.append(total)
    return total, seen


def poked_types(n, table):
    x, y = 1, [1]
    out = []
    for i in range(n):
        try:
            table[i]
        except KeyError as error:
            x += 1
            y.append(i)
            if i % 7 == 0:
                poke(error, x=1.5, y=(1, 2))
            elif i % 7 == 3:
                poke(error, x="s", y=None)
            out.append((x, y if i % 7 in (0, 3) else len(y)))
            x, y = i, [1]
        out.append(x + len(y))
    return out


def poked_unbound(n, table):
    out = []
    for i in range(n):
        try:
            table[i]
        except KeyError as error:
            poke(error, late=i)
            out.append(late)
            del late
            try:
                late
            except UnboundLocalError:
                out.append("unbound")
            poke(error, late=-i)
            out.append(late)
    if n < 0:
        late = None
    return out


def in_a_loop_of_a_handler(n, table):
    total = 0
    for i in range(n):
        try:
            table[i]
        except KeyError as error:
            for k in range(4):
                total += k
                if k == 2:
                    poke(error, total=total + 0.25)
    return total


def kept_exceptions(n, table):
    kept = []
    x = 0
    for i in range(n):
        try:
            x += table[i]
        except KeyError as error:
            kept.append(error)
        x += 1
    before = x
    if kept:
        poke(kept[0], x=-1)
    return before, x, len(kept), kept[-1].__traceback__.tb_frame is sys._getframe()


def outlived():
    """The frame lives on in the exception."""
    held = Noisy("held")
    value = 17
    try:
        {}[value]
    except KeyError as error:
        value += 1
        found = error
    value += 0.5
    return found


def temporaries(fails, n):
    for i in range(n):
        try:
            fails(Noisy("argument"), Noisy("second"))
        except ValueError:
            log.append("caught")
        try:
            [Noisy("item"), Noisy("other"), fails[i]]
        except KeyError:
            log.append("caught")
        try:
            Noisy("left") if i > 9 else (Noisy("low"), (Noisy("high"), fails + 1))
        except OverflowError:
            log.append("caught")


def callee(fails):
    local = Noisy("local of callee")
    fails()


def frames_die(fails, n):
    for i in range(n):
        try:
            callee(fails)
        except ValueError as error:
            log.append("handling")
        log.append("behind")
        try:
            callee(fails)
        except ValueError:
            log.append("handling")
            x = i
        log.append("behind")


def exception_dies(n):
    class Own(Exception):
        def __del__(self):
            log.append(("gone", sys.exception() is None, sys._getframe(1).f_lineno - frames_die.__code__.co_firstlineno))

    for i in range(n):
        try:
            raise Own(i)
        except Own as error:
            log.append("in")
        log.append("out")
        try:
            raise Own(i)
        except Own:
            log.append("in")
        log.append("out")


def loops_die(fails, n):
    for i in range(n):
        try:
            for a in [Noisy("in list"), 2]:
                for b in (a, 3):
                    a = b = None
                    fails[i]
        except KeyError:
            log.append("caught")


def counts(n, table):
    key, value = object(), object()
    base = sys.getrefcount(key), sys.getrefcount(table), sys.getrefcount(value)
    for i in range(n):
        try:
            table[key, value]
        except KeyError as error:
            other = error.args
        del other
    return [a - b for a, b in zip((sys.getrefcount(key), sys.getrefcount(table), sys.getrefcount(value)), base)]


def rebinding(n, table):
    """The function that is called is rebound by what dies on the way to the handler."""
    out = []
    for i in range(n):
        try:
            [Rebinds(i), table[i]]
        except KeyError:
            out.append(changing())
    return out


class Rebinds:
    def __init__(self, i):
        self.i = i

    def __del__(self):
        global changing
        i = self.i
        changing = lambda: i * 2


def changing():
    return None


def lines(n):
    out = []
    for i in range(n):
        try:
            if i % 2:
                int("x")
            else:
                (i
                 / 0)
        except (ValueError, ZeroDivisionError) as error:
            trace = error.__traceback__
            code = trace.tb_frame.f_code
            positions = list(code.co_positions())[trace.tb_lasti // 2]
            out.append((trace.tb_lineno - code.co_firstlineno, [p and p - code.co_firstlineno for p in positions[:2]],
                        positions[2:], trace.tb_next, trace.tb_frame.f_lineno - code.co_firstlineno))
    return out


def weak(n):
    class Error(Exception):
        pass

    alive = []
    for i in range(n):
        try:
            raise Error
        except Error as error:
            ref = weakref.ref(error)
            alive.append(ref() is not None)
        alive.append(ref() is None)
    return all(alive)


def show(n=14):
    global log
    for entry in log[:n]:
        print("  ", entry)
    print(len(log))
    log = []


print(poked_ints(9, {1: 1, 4: 4}), poked_ints(40, dict.fromkeys(range(0, 40, 3), 2))[0])
print(poked_types(12, {2: 0}), len(poked_types(60, {})))
print(poked_unbound(3, {}), len(poked_unbound(60, {})))
print(in_a_loop_of_a_handler(5, {}), in_a_loop_of_a_handler(60, {7: 0}))
print(kept_exceptions(5, {1: 1, 2: 2}), kept_exceptions(60, {3: 5}))
for _ in range(30):
    found = outlived()
print(found.__traceback__.tb_frame.f_locals["value"], sorted(found.__traceback__.tb_frame.f_locals))
del found
gc.collect()
show(2)
temporaries(Fails(), 2)
show(40)
temporaries(Fails(), 40)
show()
frames_die(Fails(), 2)
show(30)
frames_die(Fails(), 40)
show()
exception_dies(2)
show(20)
exception_dies(40)
show()
loops_die(Fails(), 2)
show()
loops_die(Fails(), 40)
show()
print(counts(3, {}), counts(60, {}))
print(rebinding(3, {}), rebinding(40, {})[-2:])
print(lines(2), len(set(map(str, lines(40)))))
print(weak(40))
