"""A bank: accounts of several kinds with properties and rules of their own, and a day's transactions."""


class InsufficientFunds(Exception):
    def __init__(self, account, amount):
        super().__init__(f"{account.owner} lacks {amount - account.balance}")
        self.account = account
        self.amount = amount


class Account:
    fee = 0

    def __init__(self, owner, balance=0):
        self.owner = owner
        self._balance = balance
        self.history = []

    @property
    def balance(self):
        return self._balance

    @balance.setter
    def balance(self, value):
        if value < -self.overdraft:
            raise InsufficientFunds(self, self._balance - value)
        self._balance = value

    @property
    def overdraft(self):
        return 0

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.balance += amount
        self.history.append(("deposit", amount))

    def withdraw(self, amount):
        self.balance -= amount + self.fee
        self.history.append(("withdraw", amount))

    def end_of_month(self):
        pass

    def __repr__(self):
        return f"<{self.__class__.__name__} {self.owner}: {self.balance}>"


class Savings(Account):
    def __init__(self, owner, balance=0, rate=2):
        super().__init__(owner, balance)
        self.rate = rate

    def end_of_month(self):
        interest = self.balance * self.rate // 1200
        if interest > 0:
            self.deposit(interest)
        super().end_of_month()


class Checking(Account):
    fee = 1

    def __init__(self, owner, balance=0, limit=500):
        super().__init__(owner, balance)
        self.limit = limit

    @property
    def overdraft(self):
        return self.limit

    def withdraw(self, amount):
        if amount > 1000:
            raise ValueError("too much at once")
        super().withdraw(amount)


class Bank:
    def __init__(self):
        self.accounts = {}
        self.failed = {}

    def open(self, account):
        self.accounts[account.owner] = account
        return account

    def transfer(self, source, target, amount):
        a, b = self.accounts[source], self.accounts[target]
        try:
            a.withdraw(amount)
            b.deposit(amount)
        except (InsufficientFunds, ValueError) as error:
            name = type(error).__name__
            self.failed[name] = self.failed.get(name, 0) + 1
            return False
        return True

    def total(self):
        return sum(account.balance for account in self.accounts.values())


def run():
    bank = Bank()
    for i in range(40):
        kind = Savings if i % 3 == 0 else Checking
        bank.open(kind(f"client{i}", 1000 + i * 50))
    done = 0
    for i in range(50000):
        source, target = f"client{i * 7 % 40}", f"client{(i * 11 + 3) % 40}"
        if bank.transfer(source, target, i * 37 % 1100):
            done += 1
        if i % 1000 == 999:
            for account in bank.accounts.values():
                account.end_of_month()
    longest = max(bank.accounts.values(), key=lambda account: len(account.history))
    return done, bank.failed, bank.total(), repr(longest), len(longest.history)
