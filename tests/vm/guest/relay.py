"""relay.py: a bot under `signbox run` that passes lines on between its standard streams and its signer."""
import os
import sys

read, write = map(int, os.environ["SIGNBOX_FDS"].split(","))
with open(read) as answers, open(write, "w", closefd=read != write) as questions:
    for line in sys.stdin:
        print(line, end="", file=questions, flush=True)
        print(answers.readline(), end="", flush=True)
