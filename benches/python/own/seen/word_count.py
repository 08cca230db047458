"""Words of a text: counted, by length and first letter, with what stands next to what."""

import re
from collections import Counter, defaultdict

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind.",
    "It was the best of times; it was the worst of times -- so they said!",
    "She sells sea shells by the sea shore, doesn't she?",
    "A programmer's day: coffee, code, review, code, lunch, meetings, code.",
    "Never odd or even, said the man who liked a palindrome (or two).",
]
STOP = {"the", "a", "of", "or", "and", "it", "was", "by", "not", "so"}


def make_text(paragraphs):
    lines = []
    for i in range(paragraphs):
        words = SENTENCES[i % len(SENTENCES)].split()
        shift = i % len(words)
        lines.append(" ".join(words[shift:] + words[:shift]))
        if i % 6 == 5:
            lines.append("")
    return "\n".join(lines)


def clean(line):
    line = line.lower().strip()
    return re.sub(r"[^a-z' ]", " ", line)


def words_of(text):
    for line in text.split("\n"):
        for word in clean(line).split():
            word = word.strip("'")
            if word and word not in STOP:
                yield word


def is_palindrome(word):
    return len(word) > 2 and word == word[::-1]


def neighbours(words):
    pairs = defaultdict(lambda: defaultdict(int))
    previous = None
    for word in words:
        if previous is not None:
            pairs[previous][word] += 1
        previous = word
    return pairs


def longest(words):
    best = ""
    for word in words:
        if len(word) > len(best) or len(word) == len(best) and word < best:
            best = word
    return best


def run():
    text = make_text(5400)
    words = list(words_of(text))
    counts = Counter(words)
    by_length = {}
    for word, count in counts.items():
        by_length.setdefault(len(word), []).append((count, word))
    for entries in by_length.values():
        entries.sort(reverse=True)
    by_letter = defaultdict(set)
    for word in words:
        by_letter[word[0]].add(word)
    pairs = neighbours(words)
    common = max(((n, a, b) for a, following in pairs.items() for b, n in following.items()))
    top = [f"{word}={count}" for word, count in counts.most_common(5)]
    letters = "".join(f"{letter}{len(by_letter[letter])}" for letter in sorted(by_letter))
    return len(words), top, common, letters, longest(words), sum(map(is_palindrome, words))
