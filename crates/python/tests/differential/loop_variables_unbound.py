def consume(it1, it2, *a):
    n = 0
    for x in it1:
        n += 1
        if n > 5: break
def pyrange_reversed(a,b,c): return iter([1,2,3])
def t():
    limits = [base + jiggle
                  for M in (2**32, 2**64)
                  for base in (-M, -M//2, 0, M//2, M)
                  for jiggle in (-2, -1, 0, 1, 2)]
    test_ranges = [(start, end, step)
                       for start in limits
                       for end in limits
                       for step in (-2**63, -2**31, -2, -1, 1, 2)]
    test_ranges += [(-2**63, 2**63-2, 1)]
    for start, end, step in test_ranges:
        iter1 = range(start, end, step)
        consume(iter1, 3)
        iter1 = reversed(range(start, end, step))
        iter2 = pyrange_reversed(start, end, step)
        test_id = "reversed(range({}, {}, {}))".format(start, end, step)
        consume(iter1, iter2, test_id)
t()
print("ok")
