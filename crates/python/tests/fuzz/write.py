"""Writes the random program of a seed: `write.py SEED FILE`. Three of four aim at the compiler, one is of any syntax."""

import sys
import warnings


def program(seed):
    """The text of a seed's program."""
    if seed % 4 == 3:
        import source

        return source.program(seed)
    import own

    return own.program(seed)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with open(sys.argv[2], "w") as file:
        file.write(program(int(sys.argv[1])))
