#!/usr/bin/env python3
"""How far lifespan agrees with what others say of the health of custom resources.

    tests/health/agreement.py EXAMPLES.jsonl[.gz] BINARY [BINARY...] [--all]

EXAMPLES holds one example a line: {"case", "expected": Healthy|Progressing|Degraded|Suspended|...,
"object"}. Each becomes a history: the object is created without a status at its first generation,
comes to the one that it has, and is written once with its status. BINARY replays it; the outcome of its root span is what lifespan says of it.
Several binaries are compared: before, after.

Agreement: what is Healthy has settled, what is Degraded has failed or is open (its controller may
try again), all else is open, paused or suspended. Told apart is where a Degraded object has failed.
Every busy or failed object that is said to have settled is listed for the last binary; with --all
every disagreement.

Then the spec of each that settled is changed, and its status stays as it was for half an hour. What
names a generation anywhere in it must not have settled by that again: it is listed where it has.
"""

import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

CONFIG = """\
receivers: {k8s_lifecycle: {auth_type: kubeConfig, objects: [%s]}}
exporters: {debug: {}}
service: {extensions: [], pipelines: {traces: {receivers: [k8s_lifecycle], exporters: [debug]}}}
"""
UID = "cdbfd4e7-9d46-5978-9bdb-4253ea8e10c9"
NOW = "2026-11-20T11:00:05Z"
TIMES = ("lastTransitionTime", "lastUpdateTime", "lastProbeTime", "finishedAt", "completionTime")
SETTLED = ("completed",)
OPEN = ("open", "paused", "suspended", "timed_out")


def plural(kind):
    name = kind.lower()
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "x", "ch")) else "s")


def newest(node):
    """The newest generation that is named anywhere."""
    if isinstance(node, dict):
        own = node.get("observedGeneration")
        below = [newest(value) for value in node.values()]
        return max([own if isinstance(own, int) else 0, *below])
    return max(map(newest, node), default=0) if isinstance(node, list) else 0


def renewed(node):
    """The same, with all that is said to have changed as of the history."""
    if isinstance(node, dict):
        return {key: NOW if key in TIMES else renewed(value) for key, value in node.items()}
    return [renewed(value) for value in node] if isinstance(node, list) else node


def history(example, is_written_again=False):
    """The lines of a recording, and the resource as it is configured."""
    whole = dict(example["object"])
    group, _, _ = whole["apiVersion"].rpartition("/")
    kind = whole["kind"]
    resource = f"{plural(kind)}.{group}" if group else plural(kind)
    metadata = whole.get("metadata", {})
    # The API server numbers what it stores of every custom resource; examples were cut.
    generation = metadata.get("generation") or max(1, newest(whole.get("status")))
    whole["metadata"] = {
        "name": metadata.get("name", "x"), "namespace": "default", "uid": UID,
        "generation": generation, "creationTimestamp": "2026-11-20T11:00:01Z",
    }

    def line(second, event, body, version):
        body = dict(body, metadata=dict(body["metadata"], resourceVersion=str(version)))
        at = f"2026-11-20T11:{second // 60:02}:{second % 60:02}.000000Z"
        return json.dumps({"at": at, "resource": resource, "type": event, "object": body})

    if "status" in whole:
        whole["status"] = renewed(whole["status"])
    bare = {key: value for key, value in whole.items() if key != "status"}
    # What is of a later generation when it is first seen is not new.
    new = dict(bare, metadata=dict(bare["metadata"], generation=1))
    lines = [
        line(0, "LIST_DONE", {"metadata": {}}, 1000),
        line(1, "ADDED", new, 1001),
        line(2, "MODIFIED", bare, 1002),
    ]
    if whole.get("status"):
        lines.append(line(5, "MODIFIED", whole, 1003))
    if is_written_again:
        newer = dict(whole["metadata"], generation=generation + 1)
        spec = dict(whole.get("spec") or {}, lifespanChanged="yes")
        lines.append(line(45, "MODIFIED", dict(whole, metadata=newer, spec=spec), 1004))
        lines.append(line(1845, "BOOKMARK", {"metadata": {}}, 1005))
    given = f"{{name: {plural(kind)}, group: {json.dumps(group)}, kind: {kind}}}"
    return "\n".join(lines) + "\n", given


def roots(binary, recording, config):
    """The outcome and length in nanoseconds of each root span, by its name."""
    command = [binary, "replay", "--config", str(config), "-o", "json", str(recording)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    found = {}
    for text in done.stdout.splitlines():
        for resource in json.loads(text)["resourceSpans"]:
            for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
                if not span.get("parentSpanId"):
                    said = {it["key"]: it["value"] for it in span["attributes"]}
                    length = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
                    outcome = said["lifespan.outcome"]["stringValue"]
                    found.setdefault(span["name"].split()[0], (outcome, length))
    return found


def agrees(expected, said):
    if expected == "Healthy":
        return said in SETTLED
    if expected == "Degraded":
        return said in OPEN or said == "failed"
    return said in OPEN


def main():
    arguments = [it for it in sys.argv[1:] if not it.startswith("--")]
    if len(arguments) < 2:
        sys.exit(__doc__)
    path, binaries = pathlib.Path(arguments[0]), arguments[1:]
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as file:
        examples = [json.loads(text) for text in file if text.strip()]
    with tempfile.TemporaryDirectory() as folder:
        recording, config = pathlib.Path(folder, "r.jsonl"), pathlib.Path(folder, "c.yaml")
        for binary in binaries:
            table, disagreed = collections.Counter(), []
            n_named, at_once = 0, []

            def told(example, *, again=False):
                lines, given = history(example, again)
                recording.write_text(lines)
                config.write_text(CONFIG % given)
                return roots(binary, recording, config)

            for example in examples:
                said, _ = told(example).get("create", ("open", 0))
                table[example["expected"], said] += 1
                if said in SETTLED and newest(example["object"].get("status")):
                    n_named += 1
                    outcome, length = told(example, again=True).get("update", ("open", 0))
                    if outcome in SETTLED:
                        at_once.append((example["case"], f"{length / 1e6:.0f} ms"))
                if not agrees(example["expected"], said):
                    disagreed.append((example["expected"], said, example["case"]))
            n_agreed = len(examples) - len(disagreed)
            settled = [it for it in disagreed if it[1] in SETTLED]
            failed = table["Degraded", "failed"]
            print(f"{binary}: {n_agreed} of {len(examples)} agree; {len(settled)} that are busy or "
                  f"failed are said to have settled; {failed} Degraded have failed")
            for (expected, said), n in sorted(table.items()):
                mark = " " if agrees(expected, said) else "!"
                print(f"  {mark} {expected:12} {said:10} {n}")
            print(f"  {n_named} that settled name a generation; with another spec and the same status "
                  f"{len(at_once)} of them settle again {at_once or ''}")
    for expected, said, case in disagreed if "--all" in sys.argv else settled:
        print(f"{expected:12} {said:10} {case}")


if __name__ == "__main__":
    main()
