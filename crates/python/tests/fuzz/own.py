"""Programs that aim at what a compiler of Python may get wrong.

Loops over all kinds of iterables, exceptions through every nesting of handlers, generators and coroutines left and
entered everywhere, ints that overflow machine words, finalisers that change what the code around them relies on,
functions, methods, globals and code objects that are replaced while they run.

Variables have kinds, told by their first letter, which most values keep to: code of the right types runs on and gets
specialised; a wrong one now and then makes sites polymorphic, and raises.
"""

from common import PREAMBLE, chooser, indented

SUPPORT = '''\
g0, g1, g2 = 3, 1.5, 2**62
h0, h1 = [1, 2, 3], {"a": 1, "b": 2.5}


class Watched:
    """Its death is seen, and may change a global, raise, or call."""

    def __init__(self, number=0, deed=0):
        self.number = number
        self.deed = deed

    def __del__(self):
        global g0, g1
        print("  del", show(self.number))
        if self.deed == 1:
            g0 = self.number
        elif self.deed == 2:
            g1 += 1
        elif self.deed == 3:
            raise KeyError(self.number)
        elif self.deed == 4:
            h0.append(1)
            del h0[:-3]

    a = 4

    def get(self, other=1):
        return self.number + other

    def m(self, v=1):
        return v


class Scope:
    """A context that notes what goes through it, and may swallow it."""

    def __init__(self, number, swallows=False):
        self.number = number
        self.swallows = swallows

    def __enter__(self):
        return self.number

    def __exit__(self, kind, error, tb):
        print("  exit", show(self.number), show(error))
        return self.swallows

    async def __aenter__(self):
        await Pause(self.number)
        return self.number

    async def __aexit__(self, kind, error, tb):
        await Pause(1)
        print("  aexit", show(self.number), show(error))
        return self.swallows


class Pause:
    """Suspends whoever awaits it."""

    def __init__(self, number):
        self.number = number

    def __await__(self):
        return (yield self.number)


class Steps:
    """An iterator in Python, for both kinds of loops."""

    def __init__(self, n):
        self.left = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.left <= 0:
            raise StopIteration
        self.left -= 1
        return self.left

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.left <= 0:
            raise StopAsyncIteration
        self.left -= 1
        if self.left % 2:
            await Pause(self.left)
        return self.left


'''

INTS = ["0", "1", "2", "3", "(-1)", "5", "7", "10", "255", "256", "257", "1000", "(-7)", "2**30", "(2**31 - 1)", "(-(2**31))",
        "2**60", "2**62", "(2**63 - 1)", "(-(2**63))", "2**64", "10**20", "True"]
FLOATS = ["0.0", "-0.0", "1.5", "0.1", "-2.25", "1e308", "float('inf')", "float('nan')", "3.0", "2.0**53", "1e-320"]
STRINGS = ["''", "'a'", "'abc'", "'\\u20ac'", "'hello world'", "'1'", "'b'"]
ERRORS = ["ValueError", "KeyError", "TypeError", "ZeroDivisionError", "IndexError", "Exception", "AttributeError",
          "LookupError", "ArithmeticError", "StopIteration", "UnboundLocalError"]
KINDS = "iiiiixxsslldto"


class Scope:
    """What may be named and done at a place of the program."""

    def __init__(self, names, *, resumable=None, in_loop=False, depth=0, cells=(), protected=(), walrus=True):
        self.names = names
        self.resumable = resumable
        self.in_loop = in_loop
        self.depth = depth
        self.cells = list(cells)
        self.protected = set(protected)
        self.walrus = walrus

    def inner(self, **changes):
        """The same, one block further in."""
        scope = Scope(list(self.names), resumable=self.resumable, in_loop=self.in_loop, depth=self.depth + 1,
                      cells=self.cells, protected=self.protected, walrus=self.walrus)
        for name, value in changes.items():
            setattr(scope, name, value)
        return scope


class Writer:
    """Writes one program."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.functions = []
        self.classes = []
        self.calls_left = 0
        self.fresh = 0

    def pick(self, *options):
        return self.chosen.choice(options)

    def chance(self, probability):
        return self.chosen.random() < probability

    # Expressions.

    def name(self, kind, scope):
        """A name of this kind; sometimes one that is not bound yet."""
        own = [name for name in scope.names if name[0] == kind]
        if own and self.chance(0.9):
            return self.chosen.choice(own)
        if self.chance(0.02):
            return f"{kind}{self.chosen.randint(0, 4)}"
        return {"i": self.pick("g0", "g2"), "x": "g1", "l": "h0", "d": "h1"}.get(kind) or self.constant(scope, kind)

    def target(self, kind, scope):
        """A name to assign to, a new one at times."""
        own = [name for name in scope.names if name[0] == kind and name not in scope.protected]
        if own and self.chance(0.6):
            return self.chosen.choice(own)
        name = f"{kind}{self.chosen.randint(0, 4)}"
        if name in scope.protected:
            return f"{kind}9"
        if name not in scope.names:
            scope.names.append(name)
        return name

    def expression(self, scope, kind=None, depth=2):
        if kind is None:
            kind = self.chosen.choice(KINDS)
        if self.chance(0.015):
            kind = self.chosen.choice(KINDS)
        if depth <= 0 or self.chance(0.2):
            return self.leaf(scope, kind)
        if self.chance(0.06):
            return f"({self.expression(scope, kind, depth - 1)} if {self.condition(scope, depth - 1)} else {self.expression(scope, kind, depth - 1)})"
        if self.chance(0.05):
            call = self.call(scope, depth)
            if call:
                return call
        if self.chance(0.03) and scope.walrus:
            return f"({self.target(kind, scope)} := {self.expression(scope, kind, depth - 1)})"
        if scope.resumable and self.chance(0.08):
            return self.suspension(scope, depth)
        return getattr(self, f"expression_{kind}")(scope, depth - 1)

    def leaf(self, scope, kind):
        return self.name(kind, scope) if self.chance(0.65) else self.constant(scope, kind)

    def constant(self, scope, kind):
        return {
            "i": lambda: self.chosen.choice(INTS),
            "x": lambda: self.chosen.choice(FLOATS),
            "s": lambda: self.chosen.choice(STRINGS),
            "l": lambda: self.pick("[]", "[1, 2, 3]", "list(range(5))", "[1.5, 2, 'a']", "[0] * 4"),
            "d": lambda: self.pick("{}", "{'a': 1}", "{1: 2, 'b': 3.5}", "dict(a=1, b=2)"),
            "t": lambda: self.pick("()", "(1, 2)", "(1, 'a', 2.5)", "(0,)"),
            "o": lambda: self.pick("None", *[self.watched() for _ in range(6)], *[self.instance(scope) for _ in range(6)]),
        }[kind]()

    def watched(self):
        self.fresh += 1
        return f"Watched({self.fresh}, {self.pick(0, 0, 0, 1, 2, 3, 4)})"

    def instance(self, scope):
        if not self.classes:
            return "Watched()"
        return f"{self.chosen.choice(self.classes)}({self.chosen.choice(INTS)})"

    def expression_i(self, scope, depth):
        e = lambda kind="i": self.expression(scope, kind, depth)
        form = self.chosen.randrange(20)
        if form < 5:
            return f"({e()} {self.pick('+', '-', '+')} {e()})"
        if form < 7:
            return f"({e()} * {self.pick('3', '-1', '2**31', '7', '1000003')})"
        if form < 9:
            return f"({e()} {self.pick('//', '%')} {self.pick('7', '3', '-5', '2**33', e())})"
        if form == 9:
            return f"({e()} {self.pick('&', '|', '^')} {e()})"
        if form == 10:
            return self.pick(f"({e()} << ({e()} & 7))", f"({e()} >> ({e()} & 63))", f"({e()} >> 1)")
        if form == 11:
            return f"({self.pick('-', '~', '+', '-')}{e()})"
        if form == 12:
            return f"{self.pick('abs', 'int', 'hash', 'int', 'round')}({e(self.pick('i', 'x', 'i'))})"
        if form == 13:
            return f"len({e(self.pick('l', 's', 't', 'd'))})"
        if form == 14:
            return f"({e('l')} or [4])[{self.pick('0', '-1', '0', '-1', '1', e())}]"
        if form == 15:
            return f"{self.pick('min', 'max')}({e()}, {e()})"
        if form == 16:
            return f"sum({self.comprehension(scope, 'i', depth, '[]')})"
        if form == 17:
            return f"(({e()} * {e()}) % {self.pick('(2**61 - 1)', '1000003', '(2**64 + 13)')})"
        if form == 18:
            return f"({e('o')}).{self.pick('number', 'get()', 'a', 'm()', f'get({e()})', f'm({e()})')}"
        return f"({e('d')}).get({self.pick(repr('a'), '1', e())}, {e()})"

    def expression_x(self, scope, depth):
        e = lambda kind="x": self.expression(scope, kind, depth)
        form = self.chosen.randrange(8)
        if form < 4:
            return f"({e(self.pick('x', 'x', 'i'))} {self.pick('+', '-', '*', '/')} {e(self.pick('x', 'x', 'i'))})"
        if form == 4:
            return f"({e('i')} / {e('i')})"
        if form == 5:
            return f"(-{e()})"
        if form == 6:
            return f"({e()} {self.pick('//', '%')} {e(self.pick('x', 'i'))})"
        return f"{self.pick('abs', 'float', 'float')}({e(self.pick('x', 'i'))})"

    def expression_s(self, scope, depth):
        e = lambda kind="s": self.expression(scope, kind, depth)
        form = self.chosen.randrange(8)
        if form == 0:
            return f"({e()} + {e()})[:40]"
        if form == 1:
            return f"str({e(self.pick('i', 'x', 's'))})[:30]"
        if form == 2:
            return f"({e()} + '.')[{self.pick('0', '-1', '1:', ':2', '::-1', e('i'))}]"
        if form == 3:
            return f"f'{{{self.name('i', scope)}}}-{{{self.name('x', scope)}!r}}'"
        if form == 4:
            return f"f'{{{self.name('i', scope)}:{self.pick('>6', '05d', 'x', ',', '.2f')}}}'"
        if form == 5:
            return f"({e()}).{self.pick('upper()', 'strip()', 'replace(chr(97), chr(98))', 'join([chr(97), chr(98)])')}"
        if form == 6:
            return f"'%s %r' % ({e(self.pick('i', 's', 'x'))}, {e('i')})"
        return f"({e()} * {self.pick('2', '0', '1')})[:50]"

    def expression_l(self, scope, depth):
        e = lambda kind=None: self.expression(scope, kind, depth)
        form = self.chosen.randrange(8)
        if form == 0:
            return f"[{e()}, {e()}, *{e('l')}][:12]"
        if form == 1:
            return f"({e('l')} + {e('l')})[:12]"
        if form == 2:
            return f"{e('l')}[{self.pick('1:', ':2', '::-1', '::2', ':')}]"
        if form == 3:
            return f"list({e(self.pick('l', 't', 's', 'd'))})"
        if form == 4:
            return f"sorted({e('l')}, key={self.pick('str', 'repr and str', 'lambda v: str(v)')})"
        if form == 5:
            return f"[{e('i')}, {e('i')}, {e('i')}]"
        if form == 6:
            return f"[*map({self.function_value(scope, depth)}, {e('l')})]"
        return self.comprehension(scope, None, depth, "[]")

    def expression_d(self, scope, depth):
        e = lambda kind=None: self.expression(scope, kind, depth)
        form = self.chosen.randrange(4)
        if form == 0:
            return f"{{'a': {e()}, {e('i')}: {e()}}}"
        if form == 1:
            return f"{{**{e('d')}, 'b': {e()}}}"
        if form == 2:
            return f"dict(a={e()}, **{e('d')})"
        return f"{{{self.comprehension_item(scope, 'i')}: 1 for {self.comprehension_tail(scope, depth)}}}"

    def expression_t(self, scope, depth):
        e = lambda kind=None: self.expression(scope, kind, depth)
        form = self.chosen.randrange(4)
        if form == 0:
            return f"({e()}, {e()})"
        if form == 1:
            return f"({e()}, *{e('t')})[:6]"
        if form == 2:
            return f"divmod({e('i')}, {e('i')})"
        return f"tuple({self.comprehension(scope, None, depth, '()')})"

    def expression_o(self, scope, depth):
        return self.pick(self.leaf(scope, "o"), self.instance(scope), self.watched(), f"[{self.watched()}, {self.watched()}].pop()",
                         f"({self.watched()}, {self.expression(scope, None, depth)})[0]")

    def comprehension_item(self, scope, kind):
        return self.pick("v", f"(v + {self.name('i', scope)})", f"(v, {self.name(kind or 'i', scope)})[0]", "v * 2")

    def comprehension_tail(self, scope, depth):
        plain = scope.inner(resumable=None, walrus=False)
        tail = f"v in {self.iterable(plain, depth)}"
        if self.chance(0.3):
            tail += f" if {self.pick('v', 'v != 1', f'v is not {self.name(self.chosen.choice(KINDS), scope)}')}"
        return tail

    def comprehension(self, scope, kind, depth, brackets):
        return f"{brackets[0]}{self.comprehension_item(scope, kind)} for {self.comprehension_tail(scope, depth)}{brackets[1]}"

    def iterable(self, scope, depth):
        e = lambda kind: self.expression(scope, kind, depth - 1)
        return self.pick(
            f"range({self.pick('3', '5', '7', '0', '2, 6', '6, 0, -2')})",
            f"range({self.pick('4', '9', '20')})",
            e("l"), e("t"), e("s"), e("d"),
            f"Steps({self.pick('3', '5')})",
            f"enumerate({e('l')})",
            f"zip({e('l')}, range(4))",
            f"reversed({e('l')})",
            f"({self.comprehension_item(scope, 'i')} for v in {self.name('l', scope)})",
            f"range({e('i')} & 7)",
            *[f"{name}({e('i')}, {e('l')})" for name, resumable in self.functions if resumable == "generator"][:2],
        )

    def condition(self, scope, depth):
        e = lambda kind: self.expression(scope, kind, depth)
        form = self.chosen.randrange(11)
        if form < 3:
            return f"{e('i')} {self.pick('<', '<=', '==', '!=', '>', '>=')} {e(self.pick('i', 'i', 'x'))}"
        if form == 3:
            return f"{e('i')} {self.pick('<', '<=')} {e('i')} {self.pick('<', '<=', '!=')} {e('i')}"
        if form == 4:
            return f"{e('o')} is {self.pick('', 'not ')}None"
        if form == 5:
            return f"{e('i')} {self.pick('in', 'not in')} {e(self.pick('l', 't', 'd'))}"
        if form == 6:
            return f"not {self.condition(scope, depth - 1) if depth > 0 else e('i')}"
        if form == 7 and depth > 0:
            return f"({self.condition(scope, depth - 1)} {self.pick('and', 'or')} {self.condition(scope, depth - 1)})"
        if form == 8:
            return f"isinstance({e(self.chosen.choice(KINDS))}, {self.pick('int', 'float', 'str', '(int, float)')})"
        if form == 9:
            return f"{e('x')} {self.pick('<', '<=', '==', '!=', '>', '>=')} {e('x')}"
        return e(self.chosen.choice(KINDS))

    def function_value(self, scope, depth):
        own = [name for name in scope.names if name[0] == "f"]
        if own and self.chance(0.5):
            return self.chosen.choice(own)
        plain = scope.inner(resumable=None, walrus=False)
        return self.pick(f"(lambda v, w=1: {self.expression(plain, 'i', depth - 1)})", "(lambda v: v)", "str", "abs")

    def arguments(self, scope, depth):
        e = lambda kind: self.expression(scope, kind, depth - 1)
        return self.pick(
            f"{e('i')}, {e('l')}", f"{e('i')}", f"{e('i')}, {e('l')}, {e('o')}", f"{e('i')}, l0={e('l')}",
            f"*({e('i')}, {e('l')})", f"i0={e('i')}", f"{e('i')}, **{{'o0': {e('o')}}}",
            f"{e('i')}, {e('l')}, {e('o')}, {e('x')}", f"{e('x')}",
        )

    def call(self, scope, depth):
        """A call of a function written earlier, so that there is no endless recursion."""
        own = [name for name in scope.names if name[0] == "f"]
        if own and self.chance(0.4):
            return f"{self.chosen.choice(own)}({self.expression(scope, 'i', depth - 1)})"
        callees = [name for name, resumable in self.functions if resumable is None]
        if not callees or self.calls_left == 0:
            return None
        self.calls_left -= 1
        return f"{self.chosen.choice(callees)}({self.arguments(scope, depth)})"

    def suspension(self, scope, depth):
        plain = scope.inner(resumable=None, walrus=False)
        value = self.expression(plain, None, depth - 1)
        if scope.resumable == "generator":
            others = [name for name, resumable in self.functions if resumable == "generator"]
            if others and self.chance(0.3):
                return f"(yield from {self.chosen.choice(others)}({self.expression(plain, 'i', 0)}, {self.expression(plain, 'l', 0)}))"
            return self.pick(f"(yield {value})", f"(yield {value})", f"(yield from {self.expression(plain, 'l', 1)})", f"(yield from Steps(2))")
        others = [name for name, resumable in self.functions if resumable == "coroutine"]
        if scope.resumable == "async generator" and self.chance(0.5):
            return f"(yield {value})"
        if others and self.chance(0.3):
            return f"(await {self.chosen.choice(others)}({self.expression(plain, 'i', 0)}, {self.expression(plain, 'l', 0)}))"
        return f"(await Pause({value}))"

    # Statements.

    def block(self, scope, n=None):
        lines = []
        for _ in range(n or self.chosen.randint(1, 3)):
            lines += self.statement(scope)
        return lines

    def statement(self, scope):
        simple = ["assign"] * 8 + ["augment"] * 6 + ["unpack", "store", "store", "delete", "say", "rebind", "redefine",
                                                     "raise_", "leave", "leave", "effect", "effect", "cell", "assert_"]
        compound = ["branch"] * 4 + ["for_"] * 5 + ["while_"] * 2 + ["try_"] * 5 + ["with_"] * 2 + ["define", "match"]
        if scope.depth < 3 and self.chance(0.4):
            return getattr(self, self.chosen.choice(compound))(scope)
        return getattr(self, self.chosen.choice(simple))(scope)

    def assign(self, scope):
        kind = self.chosen.choice(KINDS)
        value = self.expression(scope, kind)
        return [f"{self.target(kind, scope)} = {value}"]

    def augment(self, scope):
        kind = self.pick("i", "i", "i", "x", "s", "l")
        name = self.name(kind, scope)
        if name not in scope.names or name in scope.protected:
            return self.assign(scope)
        value = self.expression(scope, kind)
        if kind == "s":
            return [f"{name} = ({name} + {value})[-30:]"]
        if kind == "l":
            return [f"{name} += {value}", f"del {name}[12:]"]
        return [f"{name} {self.pick('+', '-', '+') if kind == 'i' else self.pick('+', '-', '*')}= {value}"]

    def unpack(self, scope):
        a, b = self.target(self.chosen.choice(KINDS), scope), self.target(self.chosen.choice(KINDS), scope)
        if a == b:
            return self.assign(scope)
        return [self.pick(
            f"{a}, {b} = {self.expression(scope, 't')}",
            f"{a}, {b} = {self.expression(scope)}, {self.expression(scope)}",
            f"{a}, *{b} = {self.expression(scope, 'l')}",
            f"{a} = {b} = {self.expression(scope)}",
        )]

    def store(self, scope):
        e = lambda kind=None: self.expression(scope, kind, 1)
        return [self.pick(
            f"{self.name('l', scope)}[{self.pick('0', '-1', '1', e('i'))}] = {e()}",
            f"{self.name('l', scope)}.append({e()})",
            f"{self.name('d', scope)}[{self.pick(repr('a'), '1', e('s'))}] = {e()}",
            f"{self.name('o', scope)}.{self.pick('number', 'a', 'b')} = {e()}",
            f"{self.name('o', scope)}.{self.pick('number', 'a')} += {e('i')}",
            f"{self.name('l', scope)}[{self.pick('0', '-1', '1')}] += {e('i')}",
            f"{self.name('l', scope)}[1:2] = {e('l')}",
        )]

    def delete(self, scope):
        own = [name for name in scope.names if name not in scope.protected and name[0] in "ixsldto"]
        if not own or self.chance(0.5):
            return [f"del {self.name('l', scope)}[{self.pick('0', '-1:', '8:')}]"]
        name = self.chosen.choice(own)
        scope.names.remove(name)
        return [f"del {name}"]

    def say(self, scope):
        return [f"print('  at', show({self.expression(scope)}))"]

    def effect(self, scope):
        return [self.expression(scope, self.chosen.choice(KINDS))]

    def rebind(self, scope):
        """A global changes, through the dictionary, so that the function may read it as well."""
        return [self.pick(
            f"globals()['g0'] = {self.expression(scope, self.pick('i', 'i', 'i', 'x'), 1)}",
            f"globals()['g1'] = {self.expression(scope, self.pick('x', 'x', 'i'), 1)}",
            f"globals()['g2'] = {self.pick('2**62', '5', '2**63', '-1')}",
            f"h0[:] = {self.pick('[1, 2, 3]', '[]', '[2**62, 1.5]', '[0.5, 0.25]')}",
        )]

    def redefine(self, scope):
        """A function, method, class or builtin becomes another while code that uses it may be running."""
        callees = [name for name, resumable in self.functions if resumable is None]
        options = []
        if len(callees) >= 2:
            a, b = self.chosen.sample(callees, 2)
            low, high = sorted((a, b), key=callees.index)
            # Never to one that calls more: there is no endless recursion.
            options += [f"globals()['{high}'] = {low}", f"{high}.__code__ = {low}.__code__", f"{high}.__defaults__ = (1, [2], None, 0.5)"]
        for name in self.classes:
            options += [
                f"{name}.m = lambda self, v=1: v",
                f"{name}.a = {self.expression(scope.inner(resumable=None, walrus=False), 'i', 1)}",
                f"{name}.get = {self.chosen.choice(self.classes)}.m",
                f"{name}.__len__ = lambda self: 2",
                f"{self.name('o', scope)}.__class__ = {name}",
            ]
        options += ["globals()['len'] = lambda v: 3", "globals().pop('len', None)", "globals().pop('abs', None)",
                    "globals()['abs'] = lambda v: v"]
        return [self.chosen.choice(options)]

    def raise_(self, scope):
        if scope.depth < 2 and self.chance(0.7):
            return self.assign(scope)
        return [f"if {self.condition(scope, 1)}:", "    " + self.pick(
            f"raise {self.chosen.choice(ERRORS)}({self.expression(scope, 'i', 1)})",
            f"raise {self.chosen.choice(ERRORS)}",
            f"raise {self.chosen.choice(ERRORS)}({self.expression(scope, 's', 1)}) from {self.pick('None', 'ValueError(1)')}",
            "raise",
        )]

    def leave(self, scope):
        if scope.depth == 0:
            return self.assign(scope)
        options = ["return" if scope.resumable == "async generator" else f"return {self.expression(scope)}"]
        if scope.in_loop:
            options += ["break", "continue", "continue"]
        leave = self.chosen.choice(options)
        return [f"if {self.condition(scope, 1)}:", f"    {leave}"]

    def assert_(self, scope):
        return [f"assert {self.condition(scope, 1)}, {self.expression(scope, 's', 1)}"]

    def cell(self, scope):
        if not scope.cells:
            return self.assign(scope)
        name = self.chosen.choice(scope.cells)
        return [f"{name} = {self.expression(scope, name[0], 1)}"]

    def branch(self, scope):
        lines = [f"if {self.condition(scope, 2)}:", *indented(self.block(scope.inner()))]
        if self.chance(0.3):
            lines += [f"elif {self.condition(scope, 2)}:", *indented(self.block(scope.inner()))]
        if self.chance(0.5):
            lines += ["else:", *indented(self.block(scope.inner()))]
        return lines

    def for_(self, scope):
        inside = scope.inner(in_loop=True)
        if scope.resumable in ("coroutine", "async generator") and self.chance(0.4):
            generators = [name for name, resumable in self.functions if resumable == "async generator"]
            iterable = self.pick("Steps(4)", "Steps(3)", *[f"{name}(2, [1])" for name in generators])
            head = f"async for {self.target('i', scope)} in {iterable}:"
        else:
            target = self.pick(self.target("i", scope), self.target("i", scope), self.target("o", scope))
            if self.chance(0.15):
                target = f"{self.target('i', scope)}, {self.target('l', scope)}"
            head = f"for {target} in {self.iterable(scope, 2)}:"
        lines = [head, "    tick()", *indented(self.block(inside))]
        if self.chance(0.2):
            lines += ["else:", *indented(self.block(scope.inner()))]
        return lines

    def while_(self, scope):
        inside = scope.inner(in_loop=True)
        name = f"n{scope.depth}"
        lines = [f"{name} = {self.pick('0', '0', '0', '2**62 - 2', '-3')}",
                 f"while {name} {self.pick('<', '!=')} {name} + 1:" if self.chance(0.2) else f"while {name} < {self.pick('5', '9', '2**62 + 3', '3')}:",
                 "    tick()", f"    {name} += {self.pick('1', '1', '2', 'True')}", *indented(self.block(inside))]
        if self.chance(0.2):
            lines += ["else:", *indented(self.block(scope.inner()))]
        return lines

    def try_(self, scope):
        lines = ["try:", *indented(self.block(scope.inner(), self.chosen.randint(1, 4)))]
        handlers = self.chosen.choice([0, 1, 1, 1, 2])
        star = "*" if handlers and self.chance(0.08) else ""
        for _ in range(handlers):
            what = self.pick(*ERRORS, "(ValueError, TypeError)", "BaseException" if not star else "Exception", "Exception", "Exception")
            inside = scope.inner()
            if star:
                inside = scope.inner(in_loop=False, depth=9)
            alias = self.pick("", " as e0")
            body = self.assign(inside) if star else self.block(inside)
            if alias and self.chance(0.4):
                body.append("print('  caught', show(e0), show(e0.__context__))")
            if not star and self.chance(0.15):
                body.append("raise")
            lines += [f"except{star} {what}{alias}:", *indented(body)]
        if handlers and self.chance(0.25):
            lines += ["else:", *indented(self.block(scope.inner()))]
        if not handlers or self.chance(0.3):
            lines += ["finally:", *indented(self.block(scope.inner()))]
        return lines

    def with_(self, scope):
        keyword = "async with" if scope.resumable in ("coroutine", "async generator") and self.chance(0.5) else "with"
        self.fresh += 1
        head = f"{keyword} Scope({self.fresh}, {self.pick('True', 'False', 'False')})"
        if self.chance(0.4):
            head += f" as {self.target('i', scope)}"
        if self.chance(0.2):
            head += f", Scope({self.expression(scope.inner(resumable=None, walrus=False), 'i', 1)}, {self.pick('True', 'False')})"
        return [head + ":", *indented(self.block(scope.inner()))]

    def define(self, scope):
        """A closure over what is here, which may write to it, or hold it until it is resumed."""
        number = self.chosen.randint(0, 3)
        cells = [name for name in scope.names if name[0] in "ixl" and name not in scope.protected]
        written = self.chosen.sample(cells, 1) if cells and self.chance(0.5) else []
        protected = [name for name in scope.names if name not in written]
        inside = Scope(["i7", *cells], depth=3, cells=written, protected=protected + ["i7"])
        body = [f"nonlocal {name}" for name in written]
        body += self.assign_cells(inside, written)
        body += self.block(inside, self.chosen.randint(0, 1) or 1)
        body.append(f"return {self.expression(inside, 'i')}")
        if f"f{number}" not in scope.names:
            scope.names.append(f"f{number}")
        return [f"def f{number}(i7=1, *rest):", *indented(body)]

    def assign_cells(self, scope, written):
        return [f"{name} = {self.expression(scope, name[0], 1)}" for name in written]

    def match(self, scope):
        name = self.target("i", scope)
        lines = [f"match {self.expression(scope, None, 1)}:"]
        for pattern in self.chosen.sample(
            ["0 | 1", f"[{name}, *_]", "{'a': 1, **rest}", "Watched(number=1)", "str()", f"int() as {name}", "(1, 2)", f"{{'a': {name}}}", "None", "float(1.5)"], 3
        ):
            guard = f" if {self.condition(scope.inner(), 1)}" if self.chance(0.2) else ""
            lines += [f"    case {pattern}{guard}:", *indented(self.block(scope.inner(), 1), 2)]
        return lines + ["    case _:", "        pass"]

    # Functions and classes.

    def function(self, name, resumable=None, *, method=False, level=0):
        self.calls_left = 2
        parameters = self.pick("i0, l0=None, o0=None, x0=0.5", "i0=1, l0=(1, 2), *rest", "i0, l0=[1], /, o0=None, *, x0=2.0",
                               "i0, *rest, **more", "i0, l0=None, o0=None, x0=1.0")
        names = [part.split("=")[0].strip() for part in ["i0", "l0", "o0", "x0"] if part in parameters]
        # What a star or a class passes may live longer than in the interpreter: it is not rebound.
        scope = Scope([*names, "self"] if method else names, resumable=resumable, protected=["o0", "l0", "self"])
        body = []
        for _ in range(self.chosen.randint(1, 5)):
            lines = self.statement(scope)
            if self.chance(0.75):
                lines = ["try:", *indented(lines), "except Exception as error:", f"    print('  caught', show(error){self.pick('', ', show(error.__context__)')})"]
            body += lines
        if resumable:
            body.insert(0, "yield i0" if "generator" in resumable else "await Pause(i0)")
        if resumable != "async generator":
            body.append(f"return {self.expression(scope)}")
        keyword = "async def" if resumable in ("coroutine", "async generator") else "def"
        first = "self, " if method else ""
        return [f"{keyword} {name}({first}{parameters}):", *indented(body), "", ""]

    def class_(self, number):
        name = f"C{number}"
        base = self.pick("", "(Watched)", *[f"({it})" for it in self.classes])
        body = [f"a = {self.chosen.choice(INTS)}"]
        if not base and self.chance(0.3):
            body.append("__slots__ = ('number', 'b')")
        if not base:
            body += ["def __init__(self, number=0):", "    self.number = number"]
            if self.chance(0.5):
                body += ["    self.b = 1.5"]
        elif self.chance(0.5):
            body += ["def __init__(self, number=0, *rest):", "    super().__init__(number)", "    self.b = number"]
        methods = {
            "m": ["def m(self, v=1):", f"    return {self.pick('self.number + v', 'self.a', 'v * 2', 'self.number')}"],
            "get": ["def get(self, other=1):", f"    return {self.pick('self.m(other)', 'self.number', 'other', 'self.b')}"],
            "add": ["def __add__(self, other):", f"    return {self.pick('self.number + 1', 'NotImplemented', 'self', 'other')}"],
            "radd": ["def __radd__(self, other):", f"    return {self.pick('other', '7', '2**63')}"],
            "lt": ["def __lt__(self, other):", f"    return {self.pick('self.number < 3', 'NotImplemented', '[]', '1')}"],
            "eq": ["def __eq__(self, other):", f"    return {self.pick('self is other', 'NotImplemented', 'self.number')}",
                   "def __hash__(self):", "    return 3"],
            "bool": ["def __bool__(self):", f"    return {self.pick('self.number == 1', 'False', 'True')}"],
            "len": ["def __len__(self):", f"    return {self.pick('3', 'self.number', '-1')}"],
            "iter": ["def __iter__(self):", f"    return {self.pick('iter([1, 2])', 'Steps(2)')}"],
            "getitem": ["def __getitem__(self, key):", f"    return {self.pick('key', 'self.number', '[1, 2][key]')}"],
            "getattr": ["def __getattr__(self, name):", "    if name == 'number':", "        raise AttributeError(name)", f"    return {self.pick('5', 'name')}"],
            "property": ["@property", "def b(self):", f"    return {self.pick('self.number', '1.5')}"],
            "call": ["def __call__(self, v=1):", "    return v"],
        }
        for key in self.chosen.sample(list(methods), self.chosen.randint(3, 7)):
            if key == "property" and any("self.b =" in line or "'b'" in line for line in body):
                continue
            body += methods[key]
        self.classes.append(name)
        return [f"class {name}{base}:", *indented(body), "", ""]

    def program(self):
        lines = []
        for number in range(self.chosen.randint(1, 3)):
            lines += self.class_(number)
        kinds = [None] * 5 + ["generator"] * 2 + ["coroutine", "async generator"]
        for number in range(self.chosen.randint(4, 7)):
            resumable = self.chosen.choice(kinds)
            name = f"{ {None: 'p', 'generator': 'y', 'coroutine': 'c', 'async generator': 'z'}[resumable]}{number}"
            lines += self.function(name, resumable)
            self.functions.append((name, resumable))
        lines += [f"for turn in range({self.pick(4, 6, 12)}):", "    gc.collect()"]
        scope = Scope([])
        for name, _ in self.functions:
            for _ in range(2):
                plain = [self.constant(scope, kind) for kind in ("i", "l", "o")]
                arguments = self.pick("turn", f"turn, {plain[1]}", f"{plain[0]}, {plain[1]}", f"turn + {plain[0]}", f"{plain[0]}, [1, 2, 3]",
                                      f"turn, {plain[1]}, {plain[2]}", f"turn * {plain[0]}, [turn, 2.5]")
                call = f"{name}, {arguments}" if self.chance(0.5) else f"lambda: {name}({arguments})"
                lines.append(f"    drive({name!r}, turn % 4, {call})")
            if self.chance(0.2):
                lines += [f"    if turn == {self.pick(2, 3, 5)}:", "        try:", *indented(self.redefine(scope), 3), "        except Exception as error:", "            print(show(error))"]
        if self.chance(0.5):
            module = self.block(Scope(["turn"], depth=1), 4)
            if not any(line.lstrip().startswith("return") for line in module):
                lines += ["try:", *indented(module), "except Exception:", "    traceback.print_exc(file=sys.stdout)"]
        lines += ["gc.collect()", "print(show([g0, g1, g2, h0, h1]))"]
        return "\n".join(lines) + "\n"


def program(seed):
    """The text of a program."""
    attempt = 0
    while True:
        text = PREAMBLE + SUPPORT + Writer(chooser(f"own {seed} {attempt}")).program()
        try:
            compile(text, "program", "exec")
        except SyntaxError:
            attempt += 1
            continue
        return text
