"""Strings, dicts and sets in loops: building, counting, methods, membership, formatting."""


def count_words(text):
    counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def join_all(parts):
    text = ""
    for part in parts:
        text += part
        text = text + "-"
    return text


def vowels(text):
    found = 0
    for letter in text:
        if letter in "aeiou":
            found += 1
        elif letter == "y":
            found += 10
    return found


def invert(mapping):
    out = {}
    for key, value in mapping.items():
        out[value] = key
    return out


def describe(values):
    out = []
    for i, value in enumerate(values):
        out.append(f"{i}:{value!r:>6}|{i * 1.5:.2f}")
    return " ".join(out)


print(count_words("a b a c b a"), count_words(""))
print(join_all(["x", "yy", "z"]), join_all([]))
print(vowels("the quick brown fox jumps lazily"), vowels(""))
print(invert({"a": 1, "b": 2}), describe([1, "two", 3.0, None]))
for _ in range(100):
    count_words("one two one")


def set_steps(n):
    seen = set()
    x = 1
    while x not in seen:
        seen.add(x)
        x = x * 7 % n
    return len(seen), x


print(set_steps(101), "%s %d %05.1f" % ("a", 5, 2.25), "abc" < "abd", "ab" * 3)


def mutate(mapping):
    for key in mapping:
        mapping[key + "x"] = 1


try:
    mutate({"a": 1})
except RuntimeError as error:
    print(error)
join_all(["x", 5])
