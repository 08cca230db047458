"""Words in a tree of letters: insert, look up, complete, and correct one wrong letter."""


class Node:
    def __init__(self):
        self.children = {}
        self.is_word = False
        self.count = 0


class Trie:
    def __init__(self):
        self.root = Node()
        self.size = 0

    def insert(self, word):
        node = self.root
        for letter in word:
            if letter not in node.children:
                node.children[letter] = Node()
            node = node.children[letter]
            node.count += 1
        if not node.is_word:
            node.is_word = True
            self.size += 1

    def find(self, prefix):
        node = self.root
        for letter in prefix:
            node = node.children.get(letter)
            if node is None:
                return None
        return node

    def __contains__(self, word):
        node = self.find(word)
        return node is not None and node.is_word

    def __iter__(self):
        return self._walk(self.root, "")

    def _walk(self, node, prefix):
        if node.is_word:
            yield prefix
        for letter in sorted(node.children):
            yield from self._walk(node.children[letter], prefix + letter)

    def complete(self, prefix, limit=5):
        node = self.find(prefix)
        if node is None:
            return []
        found = []
        for word in self._walk(node, prefix):
            found.append(word)
            if len(found) == limit:
                break
        return found

    def correct(self, word):
        results = set()

        def search(node, i, changed, so_far):
            if i == len(word):
                if node.is_word:
                    results.add(so_far)
                return
            for letter, child in node.children.items():
                if letter == word[i]:
                    search(child, i + 1, changed, so_far + letter)
                elif not changed:
                    search(child, i + 1, True, so_far + letter)

        search(self.root, 0, False, "")
        return sorted(results)


def make_words():
    starts = ["ba", "co", "di", "fa", "mo", "ne", "pra", "sto", "tri", "u", "gla", "ho", "lea", "spe", "wi"]
    middles = ["", "ll", "nd", "ck", "rt", "mb", "sti", "pp", "ven", "tter"]
    ends = ["a", "e", "er", "ing", "ed", "es", "ly", "on"]
    return [s + m + e for s in starts for m in middles for e in ends]


def run():
    trie = Trie()
    words = make_words()
    for word in words:
        trie.insert(word)
    hits = sum(word[:-1] in trie for word in words)
    completions = [trie.complete(prefix) for prefix in ("ba", "trim", "stor", "zz")]
    for word in words:
        completions.append(trie.complete(word[:3], 3))
    corrections = 0
    for i, word in enumerate(words):
        k = i % len(word)
        corrections += len(trie.correct(word[:k] + "x" + word[k + 1:]))
    return trie.size, len(list(trie)), hits, corrections, completions[:3], trie.find("pra").count
