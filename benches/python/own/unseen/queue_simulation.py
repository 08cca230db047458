"""Customers at the tills of a shop: events on a heap, drawn from a seeded random generator."""

import heapq
import random
from collections import deque


class Customer:
    def __init__(self, number, arrival, items):
        self.number = number
        self.arrival = arrival
        self.items = items
        self.served_at = None

    def waited(self):
        return self.served_at - self.arrival


class Till:
    def __init__(self, number, speed):
        self.number = number
        self.speed = speed
        self.line = deque()
        self.current = None
        self.served = 0
        self.busy = 0.0

    def __len__(self):
        return len(self.line) + (self.current is not None)


class Shop:
    def __init__(self, n_tills, seed):
        self.random = random.Random(seed)
        self.tills = [Till(i, 0.8 + i * 0.1) for i in range(n_tills)]
        self.now = 0.0
        self.events = []
        self.sequence = 0
        self.waits = []
        self.gave_up = 0

    def schedule(self, delay, action, *args):
        self.sequence += 1
        heapq.heappush(self.events, (self.now + delay, self.sequence, action, args))

    def arrive(self, number, last):
        customer = Customer(number, self.now, self.random.randint(1, 25))
        till = min(self.tills, key=len)
        if len(till) > 6 and self.random.random() < 0.5:
            self.gave_up += 1
        else:
            till.line.append(customer)
            if till.current is None:
                self.start(till)
        if number < last:
            self.schedule(self.random.expovariate(0.185), self.arrive, number + 1, last)

    def start(self, till):
        customer = till.line.popleft()
        customer.served_at = self.now
        till.current = customer
        duration = (5 + customer.items * 1.4) * till.speed
        till.busy += duration
        self.schedule(duration, self.finish, till)

    def finish(self, till):
        self.waits.append(till.current.waited())
        till.current = None
        till.served += 1
        if till.line:
            self.start(till)

    def run(self):
        while self.events:
            self.now, _, action, args = heapq.heappop(self.events)
            action(*args)


def histogram(values, width):
    counts = {}
    for value in values:
        bucket = int(value // width)
        counts[bucket] = counts.get(bucket, 0) + 1
    return [counts.get(i, 0) for i in range(max(counts) + 1)]


def run():
    shop = Shop(4, seed=11)
    shop.schedule(0, shop.arrive, 1, 14000)
    shop.run()
    mean = sum(shop.waits) / len(shop.waits)
    served = [till.served for till in shop.tills]
    busy = [round(till.busy / shop.now, 4) for till in shop.tills]
    return served, busy, shop.gave_up, round(mean, 6), histogram(shop.waits, 30.0)
