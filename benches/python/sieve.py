"""List items read and written: the sieve of Eratosthenes."""


def count_primes(n):
    is_prime = [True] * (n + 1)
    is_prime[0] = is_prime[1] = False
    i = 2
    while i * i <= n:
        if is_prime[i]:
            for j in range(i * i, n + 1, i):
                is_prime[j] = False
        i += 1
    count = 0
    for flag in is_prime:
        if flag:
            count += 1
    return count


def run():
    return count_primes(500_000)


if __name__ == "__main__":
    print(run())
