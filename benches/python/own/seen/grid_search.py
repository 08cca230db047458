"""A maze on a grid: breadth first, depth first, and Dijkstra with a heap over weighted fields."""

import heapq
from collections import deque

WIDTH, HEIGHT = 80, 52


def make_grid():
    grid = []
    for y in range(HEIGHT):
        row = []
        for x in range(WIDTH):
            wall = (x * 7 + y * 11 + x * y) % 5 == 0 and (x, y) not in ((0, 0), (WIDTH - 1, HEIGHT - 1))
            row.append("#" if wall else str(1 + (x * 3 + y * 5) % 9))
        grid.append(row)
    return grid


def neighbours(grid, position):
    x, y = position
    for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        nx, ny = x + dx, y + dy
        if 0 <= nx < len(grid[0]) and 0 <= ny < len(grid) and grid[ny][nx] != "#":
            yield nx, ny


def breadth_first(grid, start, goal):
    queue = deque([start])
    came_from = {start: None}
    while queue:
        current = queue.popleft()
        if current == goal:
            break
        for following in neighbours(grid, current):
            if following not in came_from:
                came_from[following] = current
                queue.append(following)
    path = []
    while current is not None:
        path.append(current)
        current = came_from[current]
    return path[::-1]


def depth_first(grid, start):
    seen = set()
    stack = [start]
    order = []
    while stack:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        order.append(current)
        stack.extend(n for n in neighbours(grid, current) if n not in seen)
    return order


def dijkstra(grid, start, goal):
    costs = {start: 0}
    heap = [(0, start)]
    done = set()
    while heap:
        cost, current = heapq.heappop(heap)
        if current == goal:
            return cost, len(done)
        if current in done:
            continue
        done.add(current)
        for following in neighbours(grid, current):
            x, y = following
            new_cost = cost + int(grid[y][x])
            if new_cost < costs.get(following, float("inf")):
                costs[following] = new_cost
                heapq.heappush(heap, (new_cost, following))
    return None, len(done)


def draw(grid, path):
    marked = [row[:] for row in grid]
    for x, y in path:
        marked[y][x] = "*"
    return "\n".join("".join(row) for row in marked)


def run():
    grid = make_grid()
    goal = (WIDTH - 1, HEIGHT - 1)
    results = []
    for start in [(0, 0), (WIDTH - 1, 0), (3, HEIGHT - 2)]:
        path = breadth_first(grid, start, goal)
        order = depth_first(grid, start)
        cost = dijkstra(grid, start, goal)
        results.append((len(path), len(order), cost, draw(grid, path).count("*")))
    return results
