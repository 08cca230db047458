"""Dynamic programming in its usual forms: memo dicts, tables of lists, recursion with a cache."""

from functools import lru_cache


def knapsack(items, capacity):
    table = [[0] * (capacity + 1) for _ in range(len(items) + 1)]
    for i, (weight, value) in enumerate(items, 1):
        for c in range(capacity + 1):
            best = table[i - 1][c]
            if weight <= c and table[i - 1][c - weight] + value > best:
                best = table[i - 1][c - weight] + value
            table[i][c] = best
    chosen = []
    c = capacity
    for i in range(len(items), 0, -1):
        if table[i][c] != table[i - 1][c]:
            chosen.append(i - 1)
            c -= items[i - 1][0]
    return table[-1][-1], chosen[::-1]


def edit_distance(a, b):
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (x != y)))
        previous = current
    return previous[-1]


def change(coins, amount, memo=None):
    if memo is None:
        memo = {}
    if amount in memo:
        return memo[amount]
    if amount == 0:
        return 0
    best = None
    for coin in coins:
        if coin <= amount:
            rest = change(coins, amount - coin, memo)
            if rest is not None and (best is None or rest + 1 < best):
                best = rest + 1
    memo[amount] = best
    return best


def common_subsequence(a, b):
    @lru_cache(maxsize=None)
    def length(i, j):
        if i == len(a) or j == len(b):
            return 0
        if a[i] == b[j]:
            return 1 + length(i + 1, j + 1)
        return max(length(i + 1, j), length(i, j + 1))

    result = []
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            result.append(a[i])
            i, j = i + 1, j + 1
        elif length(i + 1, j) >= length(i, j + 1):
            i += 1
        else:
            j += 1
    return "".join(result)


def run():
    items = [(3 + i * 7 % 19, 10 + i * 13 % 47) for i in range(180)]
    best, chosen = knapsack(items, 900)
    distance = edit_distance("the quick brown fox jumps" * 8, "a lazy dog sleeps under it" * 8)
    coins = [change((1, 7, 13, 29), amount) for amount in (50, 99, 900)]
    common = common_subsequence("dynamic programming is fun" * 3, "programs in dynamic languages" * 3)
    return best, chosen, distance, coins, common
