"""What Martlet knows of a function: run it with `cargo xtask run examples/python/inspect_it.py`."""

import martlet


@martlet.jit
def dot(a, b):
    total = 0.0
    for x, y in zip(a, b):
        total += x * y
    return total


for _ in range(100):
    dot([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])

print("result:", dot([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]))
print("versions:", martlet.inspect(dot).versions())
print("reason:", martlet.inspect(dot).reason())
