#!/usr/bin/env python3
"""Holds the answers of a real Collector's `validate` against those recorded in answers.txt.

table.py OTELCOL            fails where an answer is another one
table.py OTELCOL --record   writes them down

A case is a configuration laid over a good one. lifespan's own answer, which stands below, is held by
cargo test.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

GOOD = """\
receivers: {nop: }
exporters: {otlp_grpc: {endpoint: 'localhost:4317'}}
service: {pipelines: {traces: {receivers: [nop], exporters: [otlp_grpc]}}}
"""
ANSWERS = pathlib.Path(__file__).with_name("answers.txt")


def answer(otelcol: str, text: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        good, over = pathlib.Path(folder, "good.yaml"), pathlib.Path(folder, "over.yaml")
        good.write_text(GOOD)
        over.write_text(text)
        done = subprocess.run(
            [otelcol, "validate", f"--config={good}", f"--config={over}"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    if done.returncode == 0:
        return "ok\n"
    said = re.sub(r"^.*\bcollector server run finished with error: ", "", done.stderr.strip())
    said = re.sub(r"(Error|failed to get config|invalid configuration|cannot unmarshal the configuration): ", "", said)
    # Its lists of types come in the order of the day.
    said = re.sub(r"(?<=valid values: \[)[^\]]*", lambda types: " ".join(sorted(types[0].split())), said)
    # Places in the Collector's sources and times are no part of an answer.
    lines = [line for line in said.splitlines() if line and not re.match(r"^\d{4}/\d\d/|^\d{4}-\d\d-", line)]
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    otelcol, record = sys.argv[1], "--record" in sys.argv
    out, differ, n = [], 0, 0
    for case in ANSWERS.read_text().split("=== ")[1:]:
        title, rest = case.split("\n", 1)
        text, rest = rest.split("--- Collector\n", 1)
        recorded, ours = rest.split("--- lifespan\n", 1)
        said, n = answer(otelcol, text), n + 1
        if said != recorded:
            differ += 1
            if not record:
                print(f"{title}\n  recorded: {recorded}  answered: {said}")
        out.append(f"=== {title}\n{text}--- Collector\n{said}--- lifespan\n{ours}")
    if record:
        ANSWERS.write_text("".join(out))
        differ = 0
    print(f"{n} configurations, {differ} with another answer")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
