"""Programs of `pysource_codegen`, which knows every form of the grammar, made to run.

What it makes are trees over the names `name_0` to `name_5`. Here each is a function; the names stand for objects that
take part in every operation, say so, and now and then raise; loops are bounded. What a program prints is the list of
all operations, with the deaths of the objects among them.
"""

import ast
import warnings

from common import PREAMBLE, chooser
from pysource_codegen._codegen import AstGenerator

NAMES = [f"name_{i}" for i in range(6)]

THINGS = '''\
import types

count = 0
events = []


class Trouble(Exception):
    pass


def event(*what):
    """Notes an operation; some of them fail."""
    global count
    count += 1
    tick()
    events.append(" ".join([item if type(item) is str else show(item) for item in what]))
    if count % 23 == 11:
        raise Trouble(count)
    return count


class Things:
    """An iterator over a few things."""

    def __init__(self, left):
        self.left = left

    def __iter__(self):
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return Thing()

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.left == 0:
            raise StopAsyncIteration
        self.left -= 1
        return Thing()

    def __await__(self):
        yield Thing()
        return Thing()


class Thing:
    """An object of every protocol."""

    def __init__(self):
        global count
        count += 1
        self.number = count

    def __del__(self):
        events.append(f"del {self.number}")

    def __repr__(self):
        return "thing"

    def __call__(self, *args, **kwargs):
        n = event("call", args, kwargs)
        if len(args) == 1 and type(args[0]) in (types.FunctionType, type):
            return args[0]
        return Thing() if n % 5 else n

    def __iter__(self):
        return Things(event("iter") % 4)

    def __aiter__(self):
        return Things(event("aiter") % 3)

    def __await__(self):
        return Things(event("await") % 2).__await__()

    def __enter__(self):
        event("enter")
        return Thing()

    def __exit__(self, kind, error, tb):
        return event("exit", error) % 2 == 0

    async def __aenter__(self):
        event("aenter")
        return Thing()

    async def __aexit__(self, kind, error, tb):
        await Things(1)
        return event("aexit", error) % 2 == 0

    def __getattr__(self, name):
        if name[:5] != "name_":
            raise AttributeError(name)
        event("getattr", name)
        return Thing()

    def __bool__(self):
        return event("bool") % 3 != 0

    def __len__(self):
        return event("len") % 4

    def __hash__(self):
        return 1

    def __eq__(self, other):
        return event("eq", other) % 4 == 0

    def __index__(self):
        return event("index") % 5

    def __contains__(self, item):
        return event("contains", item) % 2 == 0

    def __getitem__(self, key):
        n = event("getitem", key)
        if n % 7 == 0:
            raise IndexError(n)
        return Thing()

    def __setitem__(self, key, value):
        event("setitem", key, value)

    def __delitem__(self, key):
        event("delitem", key)

    def __format__(self, spec):
        event("format", spec)
        return "thing"

    def __mro_entries__(self, bases):
        event("mro")
        return (Trouble,) if count % 2 else ()

    def keys(self):
        event("keys")
        return ["name_1", "name_3"]


def add_operators():
    def binary(name):
        def operation(self, other):
            n = event(name, other)
            return NotImplemented if n % 6 == 0 else n if n % 4 == 0 else Thing()

        return operation

    def unary(name):
        def operation(self):
            event(name)
            return Thing()

        return operation

    for name in "add sub mul matmul truediv floordiv mod pow lshift rshift and xor or".split():
        for prefix in ("", "r", "i"):
            if prefix != "i" or name not in ("sub", "mod", "xor"):
                setattr(Thing, f"__{prefix}{name}__", binary(prefix + name))
    for name in ("lt", "le", "gt", "ge"):
        setattr(Thing, f"__{name}__", binary(name))
    for name in ("neg", "pos", "invert"):
        setattr(Thing, f"__{name}__", unary(name))


add_operators()


def caught(error):
    events.append("caught " + show(error))


def fresh():
    """The names anew, as globals and as modules."""
    global count, name_0, name_1, name_2, name_3, name_4, name_5
    count = 0
    name_0, name_1, name_2, name_3 = Thing(), Thing(), Thing(), [Thing(), 3, Thing()]
    name_4, name_5 = 2**62, Trouble
    for name in ("name_0", "name_1", "name_2", "name_3", "name_4", "name_5"):
        module = sys.modules[name] = types.ModuleType(name)
        module.name_0, module.name_1, module.name_2 = Thing(), Thing(), Trouble
        module.__path__ = []


def run(number, function):
    """Calls a function of random code in several ways, each from the same beginning."""
    for way in range(5):
        fresh()
        events.clear()
        drive(f"snippet {number}.{way}", way, function)
        print("  events:", "; ".join(events))


'''


class Bounded(ast.NodeTransformer):
    """Lets every loop ask whether it may go on, and takes out what cannot be the same twice."""

    def visit_While(self, node):
        self.generic_visit(node)
        node.body.insert(0, ast.parse("tick()").body[0])
        return node

    visit_For = visit_AsyncFor = visit_While

    def visit_Global(self, node):
        # Names that are used before, as a whole program would never have them.
        return ast.Pass()


def statements(chosen):
    """Some statements of random code."""
    generator = AstGenerator(
        chosen.getrandbits(64),
        node_limit=chosen.choice([100, 200, 500]),
        depth_limit=chosen.choice([6, 8, 10]),
    )
    for statement in generator.generate("Module").body:
        if not isinstance(statement, ast.Pass):
            yield Bounded().visit(statement)


def guarded(statement):
    """The statement, with a handler that lets the function go on."""
    guard = ast.parse("try: pass\nexcept Exception as error: caught(error)").body[0]
    guard.body = [statement]
    return guard


def snippet(chosen, number):
    """The text of a function of random code; none if this attempt led to none."""
    function = ast.parse(f"{chosen.choice(['', '', 'async '])}def snippet_{number}(): pass").body[0]
    local = chosen.sample(NAMES[:4], chosen.randint(1, 4))
    function.body = [ast.parse(f"{name} = Thing()").body[0] for name in local]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for statement in statements(chosen):
                function.body.append(guarded(statement) if chosen.random() < 0.9 else statement)
            text = ast.unparse(ast.fix_missing_locations(function))
            compile(text, "snippet", "exec")
        except (SyntaxError, ValueError, RecursionError, AttributeError, TypeError):
            return None
    return text


def program(seed):
    """The text of a program."""
    chosen = chooser(f"source {seed}")
    parts = [PREAMBLE, THINGS]
    for number in range(chosen.randint(3, 7)):
        if text := snippet(chosen, number):
            parts.append(f"{text}\n\n\nrun({number}, snippet_{number})\n\n\n")
    parts.append('fresh()\ngc.collect()\nprint("last:", "; ".join(events))\n')
    return "".join(parts)
