"""Tests for None and identity in loops over linked structures."""


class Node:
    def __init__(self, value, next=None):
        self.value = value
        self.next = next


def build(n):
    head = None
    for i in range(n):
        head = Node(i, head)
    return head


def length(node):
    count = 0
    while node is not None:
        count += 1
        node = node.next
    return count


def find(node, wanted):
    while node is not None and node.value != wanted:
        node = node.next
    return None if node is None else node.value


def reverse(node):
    previous = None
    while node is not None:
        node.next, previous, node = previous, node, node.next
    return previous


chain = build(200)
print(length(chain), length(None), find(chain, 5), find(chain, 500), find(chain, 5.0))
print(reverse(chain).value, length(chain))
chain.next = chain
seen = 0


def cyclic(node, limit):
    global seen
    start = node
    while node is not None:
        seen += 1
        node = node.next
        if node is start:
            return "cycle"
    return "end"


print(cyclic(chain, 10), seen)
length(5)
