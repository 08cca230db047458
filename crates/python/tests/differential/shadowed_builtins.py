"""Globals that shadow a builtin where a cache cannot see them: shared keys, equal strings, far behind."""

SOURCE = """
def call(x):
    return len(x)

def loop(n):
    results = []
    for i in range(n):
        results.append(len((i,)))
    return results[-1]
"""


def mine(x):
    return "mine"


class Namespace:
    pass


namespace = Namespace()
namespace.len = mine
namespace.call = namespace.loop = None
shared = namespace.__dict__
equal = {"".join(["l", "en"]): mine}
large = {f"name{i}": i for i in range(70_000)}
large["len"] = mine
for names in shared, equal, large:
    exec(SOURCE, names)
    for i in range(300):
        result = names["call"]("abc")
    print(result, names["loop"](3000))

late = Namespace()
late.len = mine
del late.len
late.call = late.loop = None
exec(SOURCE, late.__dict__)
for i in range(300):
    result = late.call("abc")
print(result)
late.len = mine
print(late.call("abc"), late.loop(300))
