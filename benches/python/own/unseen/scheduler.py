"""Tasks that depend on each other: topological order, priorities on a heap, workers, a critical path."""

import heapq
import itertools
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(order=True)
class Task:
    priority: int
    name: str = field(compare=False)
    duration: int = field(compare=False, default=1)
    needs: tuple = field(compare=False, default=())


class CycleError(ValueError):
    pass


class Plan:
    def __init__(self, tasks):
        self.tasks = {task.name: task for task in tasks}
        self.dependents = defaultdict(list)
        for task in tasks:
            for need in task.needs:
                self.dependents[need].append(task.name)

    def order(self):
        seen, done, result = set(), set(), []

        def visit(name):
            if name in done:
                return
            if name in seen:
                raise CycleError(name)
            seen.add(name)
            for need in self.tasks[name].needs:
                visit(need)
            done.add(name)
            result.append(name)

        for name in self.tasks:
            visit(name)
        return result

    def critical_path(self):
        finish = {}
        previous = {}
        for name in self.order():
            task = self.tasks[name]
            start = 0
            for need in task.needs:
                if finish[need] > start:
                    start = finish[need]
                    previous[name] = need
            finish[name] = start + task.duration
        last = max(finish, key=finish.get)
        path = [last]
        while path[-1] in previous:
            path.append(previous[path[-1]])
        return finish[last], path[::-1]

    def simulate(self, n_workers):
        waiting = {name: len(task.needs) for name, task in self.tasks.items()}
        ready = [task for task in self.tasks.values() if not task.needs]
        heapq.heapify(ready)
        running = []
        free = list(range(n_workers))
        counter = itertools.count()
        now = 0
        busy = [0] * n_workers
        while ready or running:
            while ready and free:
                worker = free.pop()
                task = heapq.heappop(ready)
                busy[worker] += task.duration
                heapq.heappush(running, (now + task.duration, next(counter), worker, task))
            now, _, worker, task = heapq.heappop(running)
            free.append(worker)
            for name in self.dependents[task.name]:
                waiting[name] -= 1
                if waiting[name] == 0:
                    heapq.heappush(ready, self.tasks[name])
        return now, busy


def make_tasks(n):
    tasks = []
    for i in range(n):
        needs = {f"t{j}" for j in (i // 2, i - 7, i * 3 % max(i, 1)) if 0 <= j < i}
        tasks.append(Task(i * 31 % 17, f"t{i}", 1 + i * 7 % 11, tuple(sorted(needs))))
    return tasks


def run():
    plan = Plan(make_tasks(4000))
    results = [plan.simulate(workers) for workers in (1, 2, 5, 16)]
    length, path = plan.critical_path()
    broken = make_tasks(50)
    broken[0].needs = ("t49",)
    try:
        Plan(broken).order()
    except CycleError as error:
        cycle = str(error)
    return [r[0] for r in results], max(results[-1][1]), length, path[:5], len(path), cycle
