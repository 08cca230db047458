"""State machines: a vending machine with methods per state, and a checker of comments with a table."""

from enum import Enum


class State(Enum):
    IDLE = "idle"
    PAYING = "paying"
    SERVING = "serving"
    BROKEN = "broken"


PRICES = {"tea": 120, "coffee": 180, "soup": 250}
COINS = [200, 100, 50, 20, 10]


class Machine:
    def __init__(self):
        self.state = State.IDLE
        self.inserted = 0
        self.stock = {name: 9 for name in PRICES}
        self.coins = {coin: 10 for coin in COINS}
        self.log = []
        self.transitions = {}

    def go(self, state):
        key = (self.state, state)
        self.transitions[key] = self.transitions.get(key, 0) + 1
        self.state = state

    def handle(self, event, argument=None):
        handler = getattr(self, f"on_{self.state.value}_{event}", None)
        if handler is None:
            self.log.append("ignored")
        else:
            handler(argument)

    def on_idle_coin(self, coin):
        self.inserted = coin
        self.coins[coin] += 1
        self.go(State.PAYING)

    def on_paying_coin(self, coin):
        self.inserted += coin
        self.coins[coin] += 1

    def on_paying_cancel(self, _):
        self.give_change(self.inserted)
        self.go(State.IDLE)

    def on_paying_choose(self, name):
        if self.stock[name] == 0:
            self.log.append(f"no {name}")
        elif self.inserted >= PRICES[name]:
            self.stock[name] -= 1
            self.inserted -= PRICES[name]
            self.go(State.SERVING)

    def on_serving_done(self, _):
        ok = self.give_change(self.inserted)
        self.go(State.IDLE if ok else State.BROKEN)

    def on_idle_refill(self, amount):
        for name in self.stock:
            self.stock[name] = max(self.stock[name], amount)

    def on_broken_repair(self, _):
        self.coins = {coin: 10 for coin in COINS}
        self.go(State.IDLE)

    def give_change(self, amount):
        for coin in COINS:
            while amount >= coin and self.coins[coin] > 0:
                amount -= coin
                self.coins[coin] -= 1
        self.inserted = 0
        return amount == 0


TABLE = {
    ("code", '"'): "string",
    ("code", "#"): "comment",
    ("string", '"'): "code",
    ("string", "\\"): "escape",
    ("comment", "\n"): "code",
}


def classify(text):
    counts = dict.fromkeys(("code", "string", "escape", "comment"), 0)
    state = "code"
    for c in text:
        counts[state] += 1
        state = "string" if state == "escape" else TABLE.get((state, c), state)
    return counts


def run():
    machine = Machine()
    names = list(PRICES)
    for i in range(40000):
        n = i * i % 17 + i % 5
        if n % 7 == 6:
            machine.handle("cancel")
        elif n % 3 == 0:
            machine.handle("choose", names[i % 3])
        elif n % 11 == 5:
            machine.handle("refill", 9)
        elif n % 5 == 1:
            machine.handle("done")
        else:
            machine.handle("coin", COINS[n % 5])
        if machine.state is State.BROKEN and i % 10 == 0:
            machine.handle("repair")
    counts = classify('x = "a # b \\" c"  # a comment "here"\nprint(x)\n' * 1200)
    moves = sorted((a.value, b.value, n) for (a, b), n in machine.transitions.items())
    return moves, machine.stock, len(machine.log), counts
