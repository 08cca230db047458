"""The game of life, with a set of cells and with a grid of lists, which must agree."""


def neighbours(cell):
    x, y = cell
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            if dx or dy:
                yield x + dx, y + dy


def step(alive):
    counts = {}
    for cell in alive:
        for neighbour in neighbours(cell):
            counts[neighbour] = counts.get(neighbour, 0) + 1
    return {cell for cell, n in counts.items() if n == 3 or n == 2 and cell in alive}


class Grid:
    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.cells = [[False] * width for _ in range(height)]

    def count(self, x, y):
        n = 0
        for yy in range(max(0, y - 1), min(self.height, y + 2)):
            for xx in range(max(0, x - 1), min(self.width, x + 2)):
                if self.cells[yy][xx] and (xx != x or yy != y):
                    n += 1
        return n

    def step(self):
        following = []
        for y in range(self.height):
            row = []
            for x in range(self.width):
                n = self.count(x, y)
                row.append(n == 3 or (self.cells[y][x] and n == 2))
            following.append(row)
        self.cells = following

    def alive(self):
        return {(x, y) for y, row in enumerate(self.cells) for x, on in enumerate(row) if on}

    def __str__(self):
        return "\n".join("".join(".#"[on] for on in row) for row in self.cells)


GLIDER = [(1, 0), (2, 1), (0, 2), (1, 2), (2, 2)]
R_PENTOMINO = [(1, 0), (2, 0), (0, 1), (1, 1), (1, 2)]


def place(pattern, x, y):
    return {(x + px, y + py) for px, py in pattern}


def run():
    alive = place(R_PENTOMINO, 14, 14) | place(GLIDER, 2, 2)
    grid = Grid(40, 40)
    for x, y in alive:
        grid.cells[y][x] = True
    history = []
    for generation in range(60):
        alive = step(alive)
        history.append(len(alive))
        if generation < 30:
            grid.step()
            if grid.alive() != alive:
                raise AssertionError(generation)
    return history, sorted(alive)[:3], str(grid).count("#")
