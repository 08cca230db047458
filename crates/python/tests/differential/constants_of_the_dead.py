"""What a small function has returned lives on when the function and its code are gone."""

import gc


def make(k):
    names = {}
    exec(f"def f(): return ('tuple{k}', {k}.5, (1, 'inner{k}'))", names)
    exec(f"def g(x): return 'some text {k}' if x else {{{k}, 'b'}}", names)
    return names["f"], names["g"]


f, g = make(1)
others = []


def replace(n):
    global f, g
    [].copy()
    if n:
        f, g = make(n)
        gc.collect()
        for i in range(50):
            others.append((str(i), i * 1.5, (i, i)))
    return n


def both(n):
    return [f(), g(1), replace(n), f(), g(0)]


for i in range(200):
    result = both(0)
print(result)
print(both(7))
print(both(0))
