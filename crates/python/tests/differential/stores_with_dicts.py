"""Attributes stored in objects whose dictionary somebody has: it shows what is stored, in order and in number."""

import gc

ROUNDS = 3000


class Plain:
    def __init__(self):
        self.x = 0
        self.y = 0.5


class Late(Plain):
    pass


class Loud:
    def __del__(self):
        deaths.append(len(deaths))


deaths = []


def store(p, rounds):
    for i in range(rounds):
        p.x = i
        p.y = i * 0.5
        p.o = [i]
    return p.x, p.y, p.o


def seen_at_once(p, rounds):
    d = p.__dict__
    log = []
    for i in range(rounds):
        before = d["x"], len(d), "late" in d
        p.x = i
        p.late = i * 2
        after = d["x"], len(d), "late" in d
        if i < 3 or i == rounds - 1:
            log.append((before, after))
        if i % 100 == 50:
            del p.late
    return log


def turns(p, rounds):
    """The dictionary comes in mid-loop, is written to itself, and goes."""
    log = []
    for i in range(rounds):
        p.x = i
        p.y = i * 0.25
        if i == 500:
            d = p.__dict__
        elif i == 1000:
            d["x"] = "by the dictionary"
            log.append((p.x, p.y))
        elif i == 1500:
            d["new"] = 1
        elif i == 2000:
            p.__dict__ = dict(d)
        elif i == 2500:
            d = None
            del p.__dict__
    return log, p.__dict__, d


def first_stores(make, rounds):
    total = 0
    for i in range(rounds):
        p = make()
        d = p.__dict__
        p.first = i
        p.second = -i
        total += len(d) + d["first"]
        if list(d) != ["x", "y", "first", "second"]:
            raise AssertionError(d)
    return total, d


def dying(p, rounds):
    d = p.__dict__
    for i in range(rounds):
        p.o = Loud()
        if d["o"] is not p.o:
            raise AssertionError
    return len(deaths)


def outlived(rounds):
    kept = []
    for i in range(rounds):
        p = Plain()
        d = p.__dict__
        p.x = i
        p.o = (i,)
        p = None
        kept.append(d)
        if len(kept) > 3:
            del kept[0]
    return kept


def iterated(p, rounds):
    errors = 0
    for i in range(rounds):
        try:
            for name in p.__dict__:
                p.x = i
                if i % 7 == 0:
                    p.grown = i
        except RuntimeError as error:
            errors += 1
            text = str(error)
        if i % 7 == 3 and "grown" in p.__dict__:
            del p.grown
    return errors, text


for cls in Plain, Late:
    plain, shown = cls(), cls()
    d = shown.__dict__
    print(store(plain, ROUNDS), store(shown, ROUNDS), d, len(d), list(d.items()))
    print(seen_at_once(shown, ROUNDS), d, len(d))
    print(turns(cls(), ROUNDS))
    print(first_stores(cls, ROUNDS))
    print(dying(shown, 500), len(deaths))
    print(outlived(ROUNDS))
    print(iterated(cls(), ROUNDS))
    gc.collect()
    print(sorted(shown.__dict__), shown.__dict__ is d, len(deaths))


def contained(items, key, rounds):
    """What a container holds is asked before and after it is written to."""
    hits = 0
    for i in range(rounds):
        before = key in items
        items[0] = i % 2
        hits += before * 2 + (key in items)
    return hits


print(contained([0, 5], 1, ROUNDS))
