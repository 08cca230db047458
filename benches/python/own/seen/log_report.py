"""A report from a web server's log: generators one after the other, sums by key, a table of text."""

from collections import namedtuple

Entry = namedtuple("Entry", "host time method path status size")

PATHS = ["/", "/index.html", "/about", "/img/logo.png", "/api/items?page=2", "/login", "/favicon.ico"]


def make_log(n):
    lines = []
    for i in range(n):
        host = f"10.0.{i * 7 % 5}.{i * 13 % 23}"
        clock = f"{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}"
        method = "POST" if i % 9 == 0 else "GET"
        path = PATHS[i * i % len(PATHS)]
        status = 500 if i % 97 == 0 else 404 if i % 11 == 0 else 200
        size = "-" if status == 500 else str(i * 37 % 5000)
        lines.append(f'{host} - - [{clock}] "{method} {path} HTTP/1.1" {status} {size}')
        if i % 50 == 49:
            lines.append("# rotated")
    return lines


def without_comments(lines):
    for line in lines:
        if not line.startswith("#"):
            yield line


def entries(lines):
    for line in lines:
        before, request, after = line.split('"')
        host, _, _, time = before.split()
        method, path, _ = request.split()
        status, size = after.split()
        yield Entry(host, time.strip("[]"), method, path, int(status), 0 if size == "-" else int(size))


def without_images(items):
    return (item for item in items if not item.path.endswith((".png", ".ico")))


class Summary:
    def __init__(self):
        self.requests = 0
        self.bytes = 0
        self.errors = 0

    def add(self, entry):
        self.requests += 1
        self.bytes += entry.size
        if entry.status >= 400:
            self.errors += 1

    @property
    def error_rate(self):
        return self.errors / self.requests if self.requests else 0.0


def summarize(items, key):
    summaries = {}
    for item in items:
        k = key(item)
        if k not in summaries:
            summaries[k] = Summary()
        summaries[k].add(item)
    return summaries


def table(title, summaries):
    lines = [title, "-" * len(title)]
    for key, summary in sorted(summaries.items(), key=lambda kv: (-kv[1].requests, kv[0])):
        lines.append(
            "{:<24} {:>6} {:>9} {:>6.1%}".format(key, summary.requests, summary.bytes, summary.error_rate)
        )
    return "\n".join(lines)


def run():
    log = make_log(12000)
    items = list(without_images(entries(without_comments(log))))
    by_path = table("Paths", summarize(items, lambda e: e.path.partition("?")[0]))
    by_host = table("Hosts", summarize(items, lambda e: e.host))
    by_hour = table("Minutes", summarize(items, lambda e: e.time[:5]))
    return len(items), len(by_host), len(by_hour), by_path
