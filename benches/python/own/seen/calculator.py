"""A calculator: tokens by hand, a recursive descent parser, a tree of nodes that evaluate themselves."""


class Number:
    def __init__(self, value):
        self.value = value

    def evaluate(self, names):
        return self.value


class Name:
    def __init__(self, name):
        self.name = name

    def evaluate(self, names):
        if self.name not in names:
            raise NameError(self.name)
        return names[self.name]


class Negative:
    def __init__(self, operand):
        self.operand = operand

    def evaluate(self, names):
        return -self.operand.evaluate(names)


class Binary:
    def __init__(self, operator, left, right):
        self.operator = operator
        self.left = left
        self.right = right

    def evaluate(self, names):
        left = self.left.evaluate(names)
        right = self.right.evaluate(names)
        if self.operator == "+":
            return left + right
        elif self.operator == "-":
            return left - right
        elif self.operator == "*":
            return left * right
        elif self.operator == "/":
            return left // right if right else 0
        raise ValueError(self.operator)


def tokenize(text):
    tokens = []
    i = 0
    while i < len(text):
        c = text[i]
        if c.isspace():
            i += 1
        elif c.isdigit():
            start = i
            while i < len(text) and text[i].isdigit():
                i += 1
            tokens.append(("number", int(text[start:i])))
        elif c.isalpha():
            start = i
            while i < len(text) and text[i].isalnum():
                i += 1
            tokens.append(("name", text[start:i]))
        else:
            tokens.append(("op", c))
            i += 1
    tokens.append(("end", None))
    return tokens


class Parser:
    def __init__(self, tokens):
        self.tokens = tokens
        self.pos = 0

    def peek(self):
        return self.tokens[self.pos]

    def accept(self, *operators):
        kind, value = self.tokens[self.pos]
        if kind == "op" and value in operators:
            self.pos += 1
            return value
        return None

    def expression(self):
        left = self.term()
        while operator := self.accept("+", "-"):
            left = Binary(operator, left, self.term())
        return left

    def term(self):
        left = self.factor()
        while operator := self.accept("*", "/"):
            left = Binary(operator, left, self.factor())
        return left

    def factor(self):
        if self.accept("-"):
            return Negative(self.factor())
        if self.accept("("):
            inner = self.expression()
            if not self.accept(")"):
                raise SyntaxError("expected )")
            return inner
        kind, value = self.peek()
        self.pos += 1
        if kind == "number":
            return Number(value)
        if kind == "name":
            return Name(value)
        raise SyntaxError(f"unexpected {value!r}")


FORMULAS = [
    "1 + 2 * 3 - 4 / 2",
    "(a + b) * (a - b) + 17 * -c",
    "total / (count + 1) - (3 * (7 - x) + 2)",
    "((((x + 1) * 2 + y) * 3 + z) * 4 + 5) / 7",
    "x * x * x - 3 * x * x + 2 * x - 9",
    "unknown + 1",
    "(1 + 2",
]


def run():
    total, failures = 0, 0
    for n in range(600):
        names = {"a": n, "b": n + 3, "c": 5, "total": n * 100, "count": n % 9, "x": n, "y": 2, "z": -n}
        for formula in FORMULAS:
            try:
                tree = Parser(tokenize(formula)).expression()
                total += sum(tree.evaluate(names) for _ in range(3))
            except (NameError, SyntaxError):
                failures += 1
    return total, failures
