"""`python -m martlet [--stats] [--report[=FILE]] script.py args...`, `-m module args...`, `-c code args...`."""

from martlet._launch import main

main()
