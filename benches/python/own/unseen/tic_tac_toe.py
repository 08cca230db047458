"""Noughts and crosses: the whole game tree by minimax with a memo, and a few games played."""

import random

LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


class Board:
    def __init__(self, cells=None):
        self.cells = cells or [" "] * 9

    def moves(self):
        return [i for i, cell in enumerate(self.cells) if cell == " "]

    def play(self, move, player):
        cells = self.cells.copy()
        cells[move] = player
        return Board(cells)

    def winner(self):
        for a, b, c in LINES:
            if self.cells[a] != " " and self.cells[a] == self.cells[b] == self.cells[c]:
                return self.cells[a]
        return None

    def is_full(self):
        return " " not in self.cells

    def key(self):
        return "".join(self.cells)

    def __str__(self):
        rows = ["|".join(self.cells[i:i + 3]) for i in (0, 3, 6)]
        return "\n-+-+-\n".join(rows)


def other(player):
    return "O" if player == "X" else "X"


class Minimax:
    def __init__(self):
        self.memo = {}
        self.visited = 0

    def score(self, board, player):
        key = (board.key(), player)
        if key in self.memo:
            return self.memo[key]
        self.visited += 1
        winner = board.winner()
        if winner:
            result = 10 if winner == player else -10
        elif board.is_full():
            result = 0
        else:
            result = max(-self.score(board.play(move, player), other(player)) for move in board.moves())
            result -= (result > 0) - (result < 0)
        self.memo[key] = result
        return result

    def choose(self, board, player):
        best = None
        for move in board.moves():
            value = -self.score(board.play(move, player), other(player))
            if best is None or value > best[0]:
                best = (value, move)
        return best[1]


class RandomPlayer:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def choose(self, board, player):
        return self.random.choice(board.moves())


def game(players):
    board, player = Board(), "X"
    while board.winner() is None and not board.is_full():
        board = board.play(players[player].choose(board, player), player)
        player = other(player)
    return board


def run():
    perfect = Minimax()
    outcomes = {"X": 0, "O": 0, None: 0}
    for seed in range(100):
        clumsy = RandomPlayer(seed)
        players = {"X": perfect, "O": clumsy} if seed % 2 else {"X": clumsy, "O": perfect}
        board = game(players)
        outcomes[board.winner()] += 1
    best = game({"X": perfect, "O": perfect})
    return perfect.visited, outcomes, str(best), len(perfect.memo)
