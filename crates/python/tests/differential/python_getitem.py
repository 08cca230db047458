"""Subscripts of classes that have `__getitem__` in Python: known, changed, failing, with keys that die."""


class Table:
    def __init__(self):
        self.asked = 0

    def __getitem__(self, key):
        self.asked += 1
        return key


class Other:
    def __getitem__(self, key):
        raise KeyError(key)


class Key:
    def __del__(self):
        LOG.append("died")


LOG = []


def get(table, key):
    return table[key]


def total(table, n):
    out = 0
    for i in range(n):
        out += table[i]
    return out


def with_keys(table, n):
    for _ in range(n):
        table[Key()]
        LOG.append("asked")
        kept = table[Key()]
    return type(kept).__name__


def main():
    table, key = Table(), []
    for _ in range(3):
        for _ in range(100):
            get(table, key)
        print(total(table, 500), with_keys(table, 50), table.asked)
    print(LOG[:6], len(LOG))
    for _ in range(60):
        try:
            get(Other(), 1)
        except KeyError as error:
            last = error
    print(repr(last), last.__traceback__.tb_next.tb_frame.f_code.co_name)
    Table.__getitem__ = lambda self, key: 7
    print(get(table, key), total(table, 100), get([1, 2], 1))


if __name__ == "__main__":
    for _ in range(3):
        main()
