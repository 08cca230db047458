"""A warehouse: products on shelves, orders that are filled or put off, and a report of the stock."""

from dataclasses import dataclass, field


@dataclass
class Product:
    code: str
    name: str
    price: float
    stock: int = 0
    reserved: int = 0

    @property
    def available(self):
        return self.stock - self.reserved

    def value(self):
        return self.stock * self.price


@dataclass
class OrderLine:
    product: Product
    quantity: int

    def total(self):
        return self.product.price * self.quantity


@dataclass
class Order:
    number: int
    customer: str
    lines: list = field(default_factory=list)
    status: str = "new"

    def total(self):
        return sum(line.total() for line in self.lines)


class OutOfStock(Exception):
    pass


class Inventory:
    def __init__(self):
        self.products = {}
        self.backlog = []
        self.shipped = 0
        self.income = 0.0

    def add(self, product):
        if product.code in self.products:
            raise ValueError(f"duplicate code {product.code}")
        self.products[product.code] = product

    def receive(self, code, quantity):
        self.products[code].stock += quantity

    def reserve(self, order):
        for line in order.lines:
            if line.product.available < line.quantity:
                raise OutOfStock(line.product.code)
        for line in order.lines:
            line.product.reserved += line.quantity
        order.status = "reserved"

    def ship(self, order):
        for line in order.lines:
            line.product.reserved -= line.quantity
            line.product.stock -= line.quantity
        order.status = "shipped"
        self.shipped += 1
        self.income += order.total()

    def take(self, order):
        try:
            self.reserve(order)
        except OutOfStock:
            order.status = "waiting"
            self.backlog.append(order)
        else:
            self.ship(order)

    def retry(self):
        waiting, self.backlog = self.backlog, []
        for order in waiting:
            self.take(order)

    def report(self):
        by_value = sorted(self.products.values(), key=lambda p: (-p.value(), p.code))
        return [f"{p.code} {p.name:<12}{p.stock:>5}{p.value():>10.2f}" for p in by_value]


def run():
    inventory = Inventory()
    for i in range(60):
        inventory.add(Product(f"P{i:03}", f"thing {i}", 1.5 + i % 7 * 0.25, stock=40))
    codes = list(inventory.products)
    for number in range(3000):
        order = Order(number, f"customer {number % 37}")
        for k in range(1 + number % 4):
            code = codes[(number * 7 + k * 13) % len(codes)]
            order.lines.append(OrderLine(inventory.products[code], 1 + (number + k) % 5))
        inventory.take(order)
        if number % 25 == 24:
            inventory.receive(codes[number % len(codes)], 120)
            inventory.receive(codes[(number * 3) % len(codes)], 90)
            inventory.retry()
    lines = inventory.report()
    return inventory.shipped, round(inventory.income, 2), len(inventory.backlog), lines[0], lines[-1]
