"""Holds a column of vectors.tsv against the propagator that it is about.

Usage: table.py COLUMN COMMAND [ARGUMENT...], where COMMAND reads a traceparent a line and writes the
flags that it read, or -.
"""

import os
import subprocess
import sys

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.tsv"), encoding="utf-8") as file:
    head, *rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
column = head.index(sys.argv[1])
parents = "".join(row[1].replace("\\x20", " ") + "\n" for row in rows)
read = subprocess.run(sys.argv[2:], input=parents, capture_output=True, text=True, check=True).stdout.split()
wrong = [(row[0], row[column], got) for row, got in zip(rows, read, strict=True) if row[column] != got]
for name, expected, got in wrong:
    print(f"{sys.argv[1]}: {name}: {expected} is expected, {got} was read")
print(f"{sys.argv[1]}: {len(rows) - len(wrong)} of {len(rows)} as the table has them")
sys.exit(bool(wrong))
