"""Functions with more locals, constants and names than one byte can number, and far jumps."""

COUNT = 300


def make(lines):
    namespace = {}
    exec("\n".join(lines), namespace)
    return namespace


many_locals = ["def many_locals(n):"]
many_locals += [f"    v{i} = n + {i * 1000 + 7}" for i in range(COUNT)]
many_locals += ["    total = 0", "    for k in range(n):"]
many_locals += [f"        total += v{i}" for i in range(0, COUNT, 7)]
many_locals += [f"        v{COUNT - 1} = total % 1000", f"    return total, v{COUNT - 1}, v5"]
f = make(many_locals)["many_locals"]
print(f(0), f(3), f(50), f(True))

many_names = [f"name{i} = {i}" for i in range(COUNT)]
many_names += ["def many_names(n):", "    total = 0", "    for i in range(n):"]
many_names += [f"        total += name{i} * i" for i in range(COUNT)]
many_names += ["    return total"]
names = make(many_names)
print(names["many_names"](10))
names["name299"] = 0.5
print(names["many_names"](10))

branches = ["def branches(x):", "    total = 0", "    while x > 0:"]
for i in range(120):
    branches += [f"        if x % {i + 2} == 0:", f"            total += {i}", "        else:", "            total -= 1"]
branches += ["        x -= 1", "    return total"]
g = make(branches)["branches"]
print(g(0), g(100))
h = make(["def arguments(" + ", ".join(f"a{i}={i}" for i in range(COUNT)) + "):",
          "    return a0 + a150 + a299 + " + " + ".join(f"a{i}" for i in range(0, COUNT, 50))])["arguments"]
print(h(), h(5), h(*range(COUNT, 0, -1)), h(a299=0.5, a0=2**64))


def deep_expression(a, b, c):
    return ((((a + b) * (b + c)) - ((c + a) * (a - b))) + (((a * b) + (b * c)) - ((a + (b - (c * (a + b)))))))


print(deep_expression(1, 2, 3), deep_expression(1.5, 2, 2**40))
f("x")
