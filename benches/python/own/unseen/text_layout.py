"""Paragraphs wrapped, centred, justified and set in columns."""

TEXT = """
It is a truth universally acknowledged, that a single man in possession of a good fortune, must be
in want of a wife. However little known the feelings or views of such a man may be on his first
entering a neighbourhood, this truth is so well fixed in the minds of the surrounding families, that
he is considered the rightful property of some one or other of their daughters.

My dear, said his lady to him one day, have you heard that the park is let at last?

He replied that he had not. But it is, returned she; for she has just been here, and she told me
all about it. He made no answer. Do you not want to know who has taken it? cried his wife impatiently.
"""


def paragraphs(text):
    current = []
    for line in text.splitlines():
        if line.strip():
            current.extend(line.split())
        elif current:
            yield current
            current = []
    if current:
        yield current


def wrap(words, width):
    lines = []
    line = []
    length = 0
    for word in words:
        extra = len(word) + (1 if line else 0)
        if length + extra > width:
            lines.append(line)
            line, length = [], 0
            extra = len(word)
        line.append(word)
        length += extra
    if line:
        lines.append(line)
    return lines


def justify(words, width):
    if len(words) == 1:
        return words[0].ljust(width)
    gaps = len(words) - 1
    spaces = width - sum(len(word) for word in words)
    size, more = divmod(spaces, gaps)
    text = ""
    for i, word in enumerate(words):
        text += word
        if i < gaps:
            text += " " * (size + (1 if i < more else 0))
    return text


def centre(line, width):
    missing = width - len(line)
    left = missing // 2
    return " " * left + line + " " * (missing - left)


def layout(text, width, style="left"):
    result = []
    for words in paragraphs(text):
        lines = wrap(words, width)
        for i, line in enumerate(lines):
            if style == "justify" and i < len(lines) - 1:
                result.append(justify(line, width))
            elif style == "centre":
                result.append(centre(" ".join(line), width))
            else:
                result.append(" ".join(line).ljust(width))
        result.append(" " * width)
    return result[:-1]


def columns(lines, count, gutter=" | "):
    height = -(-len(lines) // count)
    rows = []
    for y in range(height):
        cells = []
        for x in range(count):
            i = x * height + y
            cells.append(lines[i] if i < len(lines) else " " * len(lines[0]))
        rows.append(gutter.join(cells))
    return rows


def frame(rows):
    border = "+" + "-" * (len(rows[0]) + 2) + "+"
    return [border] + ["| " + row + " |" for row in rows] + [border]


def checksum(rows):
    total = 0
    for y, row in enumerate(rows):
        for x, c in enumerate(row):
            if c != " ":
                total = (total * 31 + ord(c) + x * y) % 1000003
    return total


def run():
    results = []
    for width in range(18, 62, 4):
        for style in ("left", "justify", "centre"):
            rows = frame(columns(layout(TEXT * 12, width, style), 2))
            results.append(checksum(rows))
    return len(rows), rows[1], results[:5], sum(results)
