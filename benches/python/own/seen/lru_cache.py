"""A cache that forgets what was least recently used, twice: by a linked list and by a dict's order."""


class Node:
    __slots__ = ("key", "value", "before", "after")

    def __init__(self, key, value):
        self.key = key
        self.value = value
        self.before = None
        self.after = None


class LinkedCache:
    def __init__(self, capacity):
        self.capacity = capacity
        self.nodes = {}
        self.head = Node(None, None)
        self.tail = Node(None, None)
        self.head.after = self.tail
        self.tail.before = self.head
        self.hits = self.misses = 0

    def _unlink(self, node):
        node.before.after = node.after
        node.after.before = node.before

    def _push(self, node):
        node.before = self.head
        node.after = self.head.after
        self.head.after.before = node
        self.head.after = node

    def get(self, key, default=None):
        node = self.nodes.get(key)
        if node is None:
            self.misses += 1
            return default
        self.hits += 1
        self._unlink(node)
        self._push(node)
        return node.value

    def put(self, key, value):
        if key in self.nodes:
            node = self.nodes[key]
            node.value = value
            self._unlink(node)
        else:
            if len(self.nodes) >= self.capacity:
                oldest = self.tail.before
                self._unlink(oldest)
                del self.nodes[oldest.key]
            node = self.nodes[key] = Node(key, value)
        self._push(node)

    def keys(self):
        node = self.head.after
        while node is not self.tail:
            yield node.key
            node = node.after


class DictCache:
    def __init__(self, capacity):
        self.capacity = capacity
        self.data = {}
        self.hits = self.misses = 0

    def get(self, key, default=None):
        try:
            value = self.data.pop(key)
        except KeyError:
            self.misses += 1
            return default
        self.data[key] = value
        self.hits += 1
        return value

    def put(self, key, value):
        self.data.pop(key, None)
        self.data[key] = value
        if len(self.data) > self.capacity:
            del self.data[next(iter(self.data))]

    def keys(self):
        return reversed(self.data)


def exercise(cache, requests):
    total = 0
    for key in requests:
        value = cache.get(key)
        if value is None:
            value = len(key) * 31 % 17
            cache.put(key, value)
        total += value
    return total, cache.hits, cache.misses, list(cache.keys())[:4]


def run():
    requests = [f"page/{(i * i) % 173 % (20 + i % 90)}" for i in range(48000)]
    return exercise(LinkedCache(48), requests), exercise(DictCache(48), requests)
