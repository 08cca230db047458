"""Runs a program as `python` would: the same `__main__`, `sys.argv`, `sys.path[0]`, exit status and tracebacks.

The program runs in a `__main__` module of its own, on an empty stack of frames.
"""

import sys

import martlet
from martlet import _martlet

USAGE = """\
usage: python -m martlet [--stats] [--report[=FILE]] script.py [arg ...]
       python -m martlet [--stats] [--report[=FILE]] -m module [arg ...]
       python -m martlet [--stats] [--report[=FILE]] -c code [arg ...]
       python -m martlet [--stats] [--report[=FILE]] - [arg ...]      (the program comes from stdin)

--stats          end with a table of what was compiled, on stderr
--report         end with a report on what is slow in each line, on stderr
--report=FILE    the same as a page (FILE.html) or as a text (FILE.txt); --report FILE.html works, too
Environment: MARTLET_STATS=1 or file.json, MARTLET_OFF, MARTLET_LOG, MARTLET_DUMP; see README.md.
"""


def main():
    args = sys.argv[1:]
    while args and args[0].startswith("--"):
        option = args.pop(0)
        if option == "--stats":
            _martlet.report_to("1")
        elif option == "--report" or option.startswith("--report="):
            report_at_end(report_file(option, args))
        elif option == "--help":
            print(USAGE, end="")
            return
        elif option == "--version":
            print("martlet 0.1.0, Python " + sys.version.split()[0])
            return
        else:
            fail(f"unknown option {option}\n{USAGE}")
    if args and args[0] == "-h":
        print(USAGE, end="")
        return
    if args and args[0][:2] in ("-m", "-c") and len(args[0]) > 2:
        args[:1] = args[0][:2], args[0][2:]
    if not args or args[0] in ("-m", "-c") and len(args) < 2:
        fail(USAGE)
    if args[0] == "-m":
        status = run_module(args[1], args[1:])
    elif args[0] == "-c":
        status = run_command(args[1], ["-c"] + args[2:])
    elif args[0].startswith("-") and args[0] != "-":
        fail(f"unknown option {args[0]}\n{USAGE}")
    else:
        status = run_script(args[0], args)
    if status > 0 and not prompts():
        if sys.flags.inspect:
            # Then SystemExit is an exception like others, and the program's own has been shown already.
            sys.excepthook = lambda *_: None
        sys.exit(status)
    # Below zero: SIGINT was not handled. The interpreter remembers, and ends itself by that signal.


def prompts():
    """Whether the interpreter will ask for more now, as it does under `-i`; then that decides on the status."""
    import os

    if sys.flags.interactive:
        return True
    return bool(sys.flags.inspect or os.environ.get("PYTHONINSPECT")) and os.isatty(0)


def fail(message):
    sys.stderr.write("martlet: " + message.rstrip() + "\n")
    sys.exit(2)


def report_file(option, args):
    """Where the report goes: what stands behind `=`, or the next argument if it is such a file; None: to stderr."""
    if "=" in option:
        return option.partition("=")[2]
    is_file = args and args[0].lower().endswith((".html", ".htm", ".txt"))
    return args.pop(0) if is_file else None


def report_at_end(path):
    from martlet import _report

    if path == "":
        fail("--report=: a file is wanted")
    try:
        _report.at_end(path)
    except ValueError as error:
        fail(str(error))
    except OSError as error:
        fail(f"the report cannot be written to {path!r}: [Errno {error.errno}] {error.strerror}")


def fresh_main():
    """Another `__main__`, as it is when the interpreter has just started. Nothing here may hold it or its namespace:
    at the end of the program they die as they would without us."""
    import builtins
    from importlib.machinery import BuiltinImporter

    module = type(sys)("__main__")
    module.__annotations__ = {}
    module.__builtins__ = builtins
    module.__loader__ = BuiltinImporter
    sys.modules["__main__"] = module


def set_path(first):
    """`python -m` has put the current directory in front; put there what belongs to this program."""
    if not sys.flags.safe_path:
        sys.path[0] = first


def run_module(name, argv):
    import runpy

    sys.argv[:] = ["-m"] + argv[1:]
    fresh_main()
    martlet.enable()
    return _martlet.run_call(runpy._run_module_as_main, (name,))


def run_command(source, argv):
    sys.argv[:] = argv
    set_path("")
    try:
        text = source.encode()
    except UnicodeEncodeError as error:
        sys.stderr.write(f"Unable to decode the command from the command line:\nUnicodeEncodeError: {error}\n")
        return 1
    fresh_main()
    martlet.enable()
    return _martlet.run_command(text)


def run_script(script, argv):
    import os

    sys.argv[:] = argv
    if script == "-":
        set_path("")
        fresh_main()
        martlet.enable()
        return _martlet.run_stdin()
    # As the interpreter makes it: joined, and nothing else.
    path = script if os.path.isabs(script) else os.path.join(os.getcwd(), script)
    if has_importer(path):
        import runpy

        if sys.flags.safe_path:
            sys.path.insert(0, path)
        else:
            sys.path[0] = path
        fresh_main()
        martlet.enable()
        return _martlet.run_call(runpy._run_module_as_main, ("__main__", False))
    try:
        # Once: what is not a regular file cannot be opened again.
        file = os.open(script, os.O_RDONLY)
    except OSError as error:
        sys.stderr.write(
            f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n"
        )
        sys.exit(2)
    set_path(os.path.dirname(os.path.realpath(script)))
    fresh_main()
    martlet.enable()
    return _martlet.run_file(path, file)


def has_importer(path):
    """Whether it is a directory or a zip archive, with a `__main__` in it perhaps."""
    import os

    if not os.path.isdir(path) and path.endswith((".py", ".pyw")):
        return False
    for hook in sys.path_hooks:
        try:
            hook(path)
            return True
        except ImportError:
            pass
    return False
