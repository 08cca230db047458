"""Polynomials and fractions as classes with operators."""


def gcd(a, b):
    while b:
        a, b = b, a % b
    return a


class Fraction:
    def __init__(self, top, bottom=1):
        if bottom < 0:
            top, bottom = -top, -bottom
        divisor = gcd(abs(top), bottom)
        self.top = top // divisor
        self.bottom = bottom // divisor

    def __add__(self, other):
        return Fraction(self.top * other.bottom + other.top * self.bottom, self.bottom * other.bottom)

    def __sub__(self, other):
        return self + -other

    def __neg__(self):
        return Fraction(-self.top, self.bottom)

    def __mul__(self, other):
        return Fraction(self.top * other.top, self.bottom * other.bottom)

    def __truediv__(self, other):
        return Fraction(self.top * other.bottom, self.bottom * other.top)

    def __eq__(self, other):
        return self.top == other.top and self.bottom == other.bottom

    def __bool__(self):
        return self.top != 0

    def __str__(self):
        return f"{self.top}/{self.bottom}" if self.bottom != 1 else str(self.top)


class Polynomial:
    def __init__(self, *coefficients):
        coefficients = list(coefficients)
        while coefficients and not coefficients[-1]:
            coefficients.pop()
        self.coefficients = coefficients

    def __len__(self):
        return len(self.coefficients)

    def __getitem__(self, i):
        return self.coefficients[i] if i < len(self.coefficients) else Fraction(0)

    def __add__(self, other):
        n = max(len(self), len(other))
        return Polynomial(*[self[i] + other[i] for i in range(n)])

    def __mul__(self, other):
        result = [Fraction(0)] * (len(self) + len(other))
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(other.coefficients):
                result[i + j] = result[i + j] + a * b
        return Polynomial(*result)

    def __call__(self, x):
        value = Fraction(0)
        for coefficient in reversed(self.coefficients):
            value = value * x + coefficient
        return value

    def derivative(self):
        return Polynomial(*[c * Fraction(i) for i, c in enumerate(self.coefficients)][1:])

    def __divmod__(self, other):
        rest = list(self.coefficients)
        quotient = [Fraction(0)] * max(len(rest) - len(other) + 1, 0)
        for i in reversed(range(len(quotient))):
            factor = rest[i + len(other) - 1] / other.coefficients[-1]
            quotient[i] = factor
            for j, c in enumerate(other.coefficients):
                rest[i + j] = rest[i + j] - factor * c
        return Polynomial(*quotient), Polynomial(*rest)

    def __str__(self):
        terms = [f"{c}x^{i}" for i, c in enumerate(self.coefficients) if c]
        return " + ".join(terms) or "0"


def interpolate(points):
    total = Polynomial()
    for i, (x, y) in enumerate(points):
        term = Polynomial(y)
        for j, (other, _) in enumerate(points):
            if i != j:
                term = term * Polynomial(-other / (x - other), Fraction(1) / (x - other))
        total = total + term
    return total


def run():
    points = [(Fraction(i), Fraction(i * i - 3 * i + 1, 2 + i % 3)) for i in range(24)]
    p = interpolate(points)
    exact = all(p(x) == y for x, y in points)
    q = p * p + p.derivative()
    quotient, rest = divmod(q, Polynomial(Fraction(-1, 2), Fraction(3), Fraction(1)))
    values = [str(q(Fraction(n, 7))) for n in range(-3, 4)]
    return exact, len(q), str(quotient), str(rest), values
