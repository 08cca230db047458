"""`python -m martlet [--stats] script.py args...`, `-m module args...`, `-c code args...`."""

from martlet._launch import main

main()
