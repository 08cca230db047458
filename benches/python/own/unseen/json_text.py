"""Nested lists and dicts to text and back: a printer and a reader, written by hand."""

ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
UNESCAPES = {"n": "\n", "t": "\t"}


def quote(text):
    return '"' + "".join(ESCAPES.get(c, c) for c in text) + '"'


def dump(value, indent=0):
    pad = "  " * (indent + 1)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, (list, tuple)):
        if not value:
            return "[]"
        inner = [pad + dump(item, indent + 1) for item in value]
        return "[\n" + ",\n".join(inner) + "\n" + "  " * indent + "]"
    if isinstance(value, dict):
        if not value:
            return "{}"
        inner = [f"{pad}{quote(k)}: {dump(v, indent + 1)}" for k, v in sorted(value.items())]
        return "{\n" + ",\n".join(inner) + "\n" + "  " * indent + "}"
    raise TypeError(type(value).__name__)


class Reader:
    def __init__(self, text):
        self.text = text
        self.pos = 0

    def skip(self):
        while self.pos < len(self.text) and self.text[self.pos] in " \n\t\r":
            self.pos += 1

    def expect(self, c):
        self.skip()
        if self.text[self.pos] != c:
            raise ValueError(f"expected {c} at {self.pos}")
        self.pos += 1

    def value(self):
        self.skip()
        c = self.text[self.pos]
        if c == "{":
            return dict(self.sequence("}", self.pair))
        if c == "[":
            return list(self.sequence("]", self.value))
        if c == '"':
            return self.string()
        for word, constant in (("null", None), ("true", True), ("false", False)):
            if self.text.startswith(word, self.pos):
                self.pos += len(word)
                return constant
        return self.number()

    def sequence(self, end, item):
        self.pos += 1
        self.skip()
        while self.text[self.pos] != end:
            yield item()
            self.skip()
            if self.text[self.pos] == ",":
                self.pos += 1
                self.skip()
        self.pos += 1

    def pair(self):
        key = self.string()
        self.expect(":")
        return key, self.value()

    def string(self):
        self.expect('"')
        parts = []
        while (c := self.text[self.pos]) != '"':
            if c == "\\":
                self.pos += 1
                c = self.text[self.pos]
                c = UNESCAPES.get(c, c)
            parts.append(c)
            self.pos += 1
        self.pos += 1
        return "".join(parts)

    def number(self):
        start = self.pos
        while self.pos < len(self.text) and self.text[self.pos] in "+-.0123456789e":
            self.pos += 1
        text = self.text[start:self.pos]
        return float(text) if "." in text or "e" in text else int(text)


def run():
    people = [
        {"name": f'Ann "{i}" O\tNeil', "age": 20 + i % 50, "tags": ["x", "y\n"] * (i % 3), "ratio": i / 8,
         "active": i % 2 == 0, "address": {"street": f"Lane {i}", "zip": None, "rooms": []}}
        for i in range(650)
    ]
    text = dump({"people": people, "count": len(people), "empty": {}})
    back = Reader(text).value()
    if back["people"] != people:
        raise AssertionError("not the same")
    return len(text), back["count"], sum(map(ord, text)) % 9973
