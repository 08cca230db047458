"""A loop that stands in no function: its variables are the module's globals."""

n = 0
longest = 0
start = 1
while start < 6000:
    n = start
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    if steps > longest:
        longest = steps
    start += 1

if __name__ == "__main__":
    print(longest)
