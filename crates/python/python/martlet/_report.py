"""Why is this slow: what became of each line of a function, as text and as a page.

What stands here only arranges what the extension tells: where samples saw time being spent, how often machine code was
left and why, and what the compiler says of its own translation.
"""

import collections
import dis
import html
import inspect
import json
import os
import string

from martlet import _martlet

# So many functions of a program are told of line by line, those first that took most time: each is compiled once more.
MAX_FUNCTIONS = 40
SUFFIXES = (".html", ".htm", ".txt")

KINDS = {
    "generic": "generic",
    "boxing": "boxing",
    "call": "call",
    "leaves": "goes on in the interpreter",
}


# Why machine code is left, as the extension names it.
REASONS = {
    "type": "a value of a class not seen before",
    "overflow": "an integer too large for a register",
    "guard": "a guess that did not hold",
    "identity": "another object than before",
    "callee": "another function than before",
    "global": "a global or builtin that changed",
    "attribute": "an attribute or method that is not where it was",
    "default": "a default value that changed",
    "null": "something that is not where it was",
    "unbound": "a variable that is not bound",
    "never_ran": "code that had not run when this was compiled",
    "inlined": "something that cannot be done in an inlined function",
    "empty_loop": "a loop with nothing to do",
    "return": "the function returns, of which only the loop is machine code",
    "handlers": "the end of a loop inside of an exception handler's range, of which only the loop is machine code",
    "invalid": "something changed that the code relies on",
    "poll": "a signal, another thread, or a better version",
    "raised": "an exception",
    "raised_again": "an exception that is raised once more",
    "never_caught": "an exception whose handler had not run when this was compiled",
}


class Report:
    """What is known of one function, or of all of a program. `str(report)` is the text, `report.html()` the page."""

    def __init__(self, functions, heading):
        self.functions = functions
        self.heading = heading

    def __str__(self):
        return as_text(self)

    def __repr__(self):
        return f"<martlet report on {', '.join(it.name for it in self.functions) or 'nothing'}>"

    def html(self):
        """The report as a page that needs nothing else."""
        return as_html(self)

    def write(self, path):
        """Writes the page into a file that ends in .html, or the text into one that ends in .txt."""
        path = os.fspath(path)
        check_name(path)
        text = str(self) if path.lower().endswith(".txt") else self.html()
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)


def check_name(path):
    """A report is a page or a text.

    Raises ValueError for other files.
    """
    if not path.lower().endswith(SUFFIXES):
        raise ValueError(f"a report is written to a file that ends in .html or .txt, not to {path!r}")


class Function:
    """What is known of one function: `code`, and the extension's account of it."""

    def __init__(self, code, account):
        self.code = code
        self.name = account["name"]
        self.account = account
        self.line_of = lines_of(code)
        self.loops = loops_of(code)
        self.first, self.source = source_of(code)
        self.versions = []
        time = account["time"] or {"total": 0, "at": []}
        self.total = time["total"]
        self.times = collections.Counter()
        self.machine = self.interpreter = 0
        for offset, machine, interpreter in time["at"]:
            self.machine += machine
            self.interpreter += interpreter
            self.times[self.line_of_loop(offset)] += machine + interpreter

    def line_of_loop(self, offset):
        """The line of the innermost loop around a place: samples know no more."""
        around = [loop for loop in self.loops if loop[0] <= offset <= loop[1]]
        return min(around, key=lambda loop: loop[1] - loop[0])[2] if around else self.code.co_firstlineno

    @property
    def place(self):
        return f"{self.code.co_filename}:{self.code.co_firstlineno}"

    @property
    def exits(self):
        return sum(it["count"] for it in self.account["exits"])

    def share(self, time):
        return f"{100 * time / self.total:.1f} %" if self.total and time else ""

    def state(self):
        """What became of it, in sentences."""
        versions, refusal = self.account["versions"], self.account["refusal"]
        said = []
        for version in versions:
            if version["current"]:
                said.append(f"machine code, entered at {self.entry(version['loop'])}")
        if refusal:
            said.append(f"not compiled: {refusal}")
        if not versions and not refusal:
            said.append("not compiled: it was not asked for; it did not get hot enough, or there was no time for it")
        fallen = [it for it in versions if not it["current"] and it["state"].startswith(("Retired", "Freed"))]
        if fallen:
            said.append(f"{len(fallen)} earlier version{'s' if len(fallen) > 1 else ''}, given up")
        return said or ["being compiled, or given up"]

    def entry(self, loop):
        if loop is None:
            return "each place where it goes on" if self.account["resumable"] else "its start"
        return f"the loop of line {self.line_of.get(loop)}"

    def translate(self, object):
        """Asks the compiler about each version there is."""
        loops = {it["loop"] for it in self.account["versions"] if it["current"]}
        if not loops:
            # Whatever there was has been given up; its exits tell why.
            loops = {it["loop"] for it in self.account["versions"]}
        for loop in sorted(loops, key=lambda it: -1 if it is None else it):
            try:
                told = json.loads(_martlet.lines(object, loop))
            except (RuntimeError, ValueError) as error:
                self.versions.append(Version(self, loop, {"notes": []}, str(error)))
            else:
                self.versions.append(Version(self, loop, told, None))
        shown = {it.loop for it in self.versions}
        others = {it["loop"] for it in self.account["exits"]} - shown
        for loop in sorted(others, key=lambda it: -1 if it is None else it):
            self.versions.append(Version(self, loop, {"notes": []}, "it was given up"))


class Version:
    """One way into a function: the listings of its translation, and remarks by line."""

    def __init__(self, function, loop, told, failure):
        self.title = f"entered at {function.entry(loop)}"
        self.loop = loop
        self.failure = failure
        self.listings = {name: told.get(name, []) for name in ("bytecode", "hir", "asm")}
        # By line: (kind, text, how often, whether it is told in the text)
        self.remarks = collections.defaultdict(list)
        exits = collections.Counter()
        for it in function.account["exits"]:
            if it["loop"] == loop:
                within = ", in a function inlined here" if it["inlined"] else ""
                exits[function.line_of.get(it["offset"]), it["reason"], within] += it["count"]
        for (line, reason, within), count in exits.most_common():
            times = f"{count} times" if count > 1 else "once"
            self.remarks[line].append(("exit", f"left {times}: {explained(reason)}{within}", True))
        order = list(KINDS)
        for (line, kind, text, rare), operands in sorted(notes_of(told).items(), key=lambda it: order.index(it[0][1])):
            known = " or ".join(f"({it})" for it in sorted(operands) if it)
            of = f"; operands: {known}" if known else ""
            aside = "; on a rare path" if rare else ""
            told_in_text = not rare and kind != "leaves"
            self.remarks[line].append((kind, f"{KINDS[kind]}: {text}{of}{aside}", told_in_text))


def notes_of(told):
    """What the compiler remarked: one remark for all versions of a place, with all that is known of its operands."""
    notes = collections.defaultdict(set)
    for it in told["notes"]:
        within = f" (in `{it['within'][0]}`, line {it['within'][1]})" if it["within"] else ""
        text = explained(it["text"]) if it["kind"] == "leaves" else it["text"]
        notes[it["line"], it["kind"], text + within, it["rare"]].add(it["operands"])
    return notes


def explained(reason):
    return f"{reason}: {REASONS[reason]}" if reason in REASONS else reason


def lines_of(code):
    """The line of each code unit."""
    return {
        unit: line
        for start, end, line in code.co_lines()
        for unit in range(start // 2, end // 2)
    }


def loops_of(code):
    """First and last code unit of each loop, and the line it begins in."""
    lines = lines_of(code)
    loops = []
    for it in dis.get_instructions(code):
        if it.baseopname.startswith("JUMP_BACKWARD"):
            header, end = it.jump_target // 2, it.offset // 2
            within = [lines.get(unit) for unit in range(header, end + 1)]
            loops.append((header, end, min((line for line in within if line), default=code.co_firstlineno)))
    return loops


def source_of(code):
    """Number of the first line, and the lines, as far as they can be had."""
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError, SyntaxError, IndexError):
        lines, first = [], code.co_firstlineno
    return max(first, 1), [line.rstrip("\n") for line in lines]


def of(object):
    """The report on one function."""
    code = getattr(object, "__func__", object).__code__
    function = Function(code, json.loads(_martlet.account(object)))
    function.translate(object)
    return Report([function], None)


def of_program():
    """The report on everything that was noted since the start."""
    own = os.path.dirname(__file__) + os.sep
    codes = [it for it in _martlet.profiled() if not it.co_filename.startswith(own)]
    functions = [Function(code, json.loads(_martlet.account(code))) for code in codes]
    functions.sort(key=lambda it: (it.machine + it.interpreter, it.exits), reverse=True)
    for function in functions[:MAX_FUNCTIONS]:
        function.translate(function.code)
    return Report(functions, heading_of(functions))


def heading_of(functions):
    if not functions:
        return ["Nothing was compiled, and no sample found Python code at work: the program was too short for that."]
    time = functions[0].account["time"]
    total = time["total"]
    machine = sum(it.machine for it in functions)
    said = ["Time is processor time that samples saw. They are taken at back edges and at calls, so that the time of a line is that of its loop."]
    if total:
        said.append(
            f"{total / 1e6:.2f} s were seen: {100 * min(machine / total, 1):.1f} % in machine code, "
            f"{100 * time['outside'] / total:.1f} % in C functions."
        )
    if len(functions) > MAX_FUNCTIONS:
        said.append(f"{len(functions) - MAX_FUNCTIONS} functions that took least time are told of without their lines.")
    return said


# Text.

def as_text(report):
    out = [*(report.heading or []), ""] if report.heading else []
    for function in report.functions:
        out.extend(function_text(function))
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def function_text(function):
    yield f"{function.name}  {function.place}"
    if times := time_text(function):
        yield f"  {times}"
    for sentence in function.state():
        yield f"  {sentence}"
    bare = Version(function, None, {"notes": []}, None) if not function.versions else None
    shown = [bare] if bare else function.versions
    for index, version in enumerate(shown):
        times = function.times if index == 0 else {}
        remarks = {
            line: [text for _, text, told in remarks if told] for line, remarks in version.remarks.items()
        }
        lines = sorted({line for line, texts in remarks.items() if texts and line} | {it for it in times if it})
        if version is not bare:
            yield f"  {version.title}:"
            if version.failure:
                yield f"    no listing: {version.failure}"
            elif not lines:
                yield "    nothing in it is known to be slow"
        for line in lines:
            at = line - function.first
            source = function.source[at] if 0 <= at < len(function.source) else ""
            yield f"  {line:>6} {function.share(times.get(line, 0)):>7}  {source}"
            for text in remarks.get(line, []):
                yield f"                    ^ {text}"


def time_text(function):
    if not function.total:
        return ""
    machine, interpreter = function.share(function.machine) or "0 %", function.share(function.interpreter) or "0 %"
    return f"{machine} of the time in its machine code, {interpreter} in it in the interpreter"


# Page.

PAGE = string.Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<title>Martlet: why is this slow</title>
<style>
body { font: 14px sans-serif; margin: 1em; color: #222; background: #fff; }
table { border-collapse: collapse; } td, th { padding: 2px 10px; text-align: left; } td.n { text-align: right; }
.panes { display: grid; grid-template-columns: 3fr 2fr 3fr 2fr; gap: 6px; }
.pane { height: 32em; overflow: auto; border: 1px solid #bbb; position: relative; }
.pane h4 { margin: 0; padding: 3px 6px; position: sticky; top: 0; background: #eee; }
.row { font: 12px monospace; white-space: pre; padding: 0 6px; min-width: max-content; }
.row[data-line] { cursor: pointer; }
.row.on { background: #fff2b0; }
.row b { font-weight: normal; color: #888; }
.note { font: 12px sans-serif; padding: 0 6px 0 7em; white-space: pre; min-width: max-content; }
.exit { color: #b00020; } .generic { color: #a04000; } .boxing { color: #7a5c00; } .call { color: #00509e; }
.leaves, .rare { color: #888; }
</style>
</head>
<body>
<h1>Why is this slow</h1>
$heading
$summary
$functions
<script>
document.addEventListener("click", function (event) {
  var row = event.target.closest(".row[data-line]");
  if (!row) { return; }
  row.closest(".panes").querySelectorAll(".pane").forEach(function (pane) {
    var first = null;
    pane.querySelectorAll(".row").forEach(function (it) {
      var on = it.dataset.line === row.dataset.line;
      it.classList.toggle("on", on);
      first = first || (on ? it : null);
    });
    if (first) { if (!pane.contains(row)) { pane.scrollTop = first.offsetTop - 40; } }
  });
});
</script>
</body>
</html>
""")

PANES = {"bytecode": "Bytecode", "hir": "HIR", "asm": "Assembly"}

# What a page may not contain: controls but for tabs and ends of lines.
CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if code not in (9, 10, 13)}


def escape(text):
    clean = str(text).translate(CONTROLS).encode("utf-8", "backslashreplace").decode()
    return html.escape(clean)


def as_html(report):
    functions = list(enumerate(report.functions))
    heading = "\n".join(f"<p>{escape(it)}</p>" for it in report.heading or [])
    return PAGE.substitute(
        heading=heading,
        summary=summary_html(functions) if len(functions) > 1 else "",
        functions="\n".join(part for number, it in functions for part in function_html(number, it)),
    )


def summary_html(functions):
    rows = []
    for number, it in functions:
        name = f'<a href="#f{number}">{escape(it.name)}</a>' if it.versions else escape(it.name)
        cells = [it.share(it.machine), it.share(it.interpreter), it.exits or ""]
        rows.append(
            f"<tr><td>{name}</td>" + "".join(f'<td class="n">{escape(cell)}</td>' for cell in cells)
            + f"<td>{escape('; '.join(it.state()))}</td></tr>"
        )
    head = "<tr><th>function</th><th>machine code</th><th>interpreter</th><th>exits</th><th></th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def function_html(number, function):
    yield f'<h2 id="f{number}">{escape(function.name)}</h2>'
    for sentence in [function.place, time_text(function), *function.state()]:
        if sentence:
            yield f"<p>{escape(sentence)}</p>"
    for version in function.versions or [None]:
        if version:
            yield f"<h3>{escape(version.title)}</h3>"
            if version.failure:
                yield f"<p>no listing: {escape(version.failure)}</p>"
        yield '<div class="panes">'
        yield pane_html("Source", source_rows(function, version))
        for name, title in PANES.items() if version and not version.failure else ():
            listing = version.listings[name]
            yield pane_html(title, [row_html(it["line"], escape(it["text"])) for it in listing])
        yield "</div>"


def source_rows(function, version):
    remarks = version.remarks if version else {}
    told = {line for line in [*remarks, *function.times] if line}
    here = range(function.first, function.first + len(function.source))
    for line in sorted({*here, *told}):
        source = function.source[line - function.first] if line in here else ""
        share = function.share(function.times[line])
        yield row_html(line, f"<b>{line:>5} {share:>7}</b> {escape(source)}")
        for kind, text, important in remarks.get(line, ()):
            yield f'<div class="note {kind if important else "rare"}">{escape(text)}</div>'


def pane_html(title, rows):
    return f'<div class="pane"><h4>{title}</h4>\n' + "\n".join(rows) + "\n</div>"


def row_html(line, content):
    known = f' data-line="{line}"' if line else ""
    return f'<div class="row"{known}>{content}</div>'


# The command line.

def at_end(path):
    """Notes from now on, and writes the report at the end of this process: into a file, or to stderr."""
    import atexit

    if path:
        check_name(path)
        path = os.path.abspath(path)
        # What cannot be written shall be known before the program has run.
        open(path, "a").close()
    _martlet.start_profile()
    atexit.register(write_at_end, path, os.getpid())


def write_at_end(path, process):
    import sys

    if os.getpid() != process:
        return
    report = of_program()
    try:
        if path:
            report.write(path)
        else:
            sys.stderr.write("martlet: report\n" + str(report))
    except (OSError, ValueError) as error:
        print(f"martlet: {path}: {error}", file=sys.stderr)
