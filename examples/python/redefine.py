"""A function is redefined while a loop that calls it runs: the loop must see it at once."""


def price(item):
    return item + 1


def sale(item):
    return 0


def close_shop(day):
    global price
    if day == 600_000:
        price = sale


def total(days):
    earned = 0
    for day in range(days):
        close_shop(day)
        earned += price(day % 10)
    return earned


print(total(1_000_000))
