"""What the scripts beside this one share: a cluster, and a live run beside the replay of its recording."""
import json
import subprocess
import time

TOLERANCE_US = 250_000
STABLE = 16  # seconds: `stable_time`, `settle_time` and what the timers allow for


class Cluster:
    def __init__(self, namespace):
        self.namespace = namespace

    def kubectl(self, *arguments, stdin=None):
        command = ["kubectl", "-n", self.namespace, *arguments]
        return subprocess.run(command, check=True, input=stdin, capture_output=True, text=True).stdout

    def apply(self, text):
        self.kubectl("apply", "-f", "-", stdin=text)

    def settle(self, name):
        self.kubectl("rollout", "status", "deployment", name, "--timeout=120s")
        time.sleep(STABLE)

    def pods(self, name):
        return json.loads(self.kubectl("get", "pods", "-l", f"app={name}", "-o", "json"))["items"]

    def gone(self, name):
        while self.pods(name):
            time.sleep(0.2)


def cluster_uid():
    """The uid of the namespace kube-system, which is part of every trace id."""
    command = ["kubectl", "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def tops(spans):
    """The root of a trace, if it is one tree: no span of it is above. What is stamped as a part of
    another trace has a parent there."""
    return [span for span in spans.values() if span["parent"] not in spans]


def tag(span, key):
    return span["tags"].get(key)


def roots_of(traces):
    roots = [span for spans in traces.values() for span in tops(spans)]
    return sorted(roots, key=lambda span: span["start"])


def differences(recorded, live):
    """What differs between the spans of a replay and of the live run, beyond times."""
    wrong, furthest = [], 0
    for trace_id in recorded.keys() | live.keys():
        here, there = recorded.get(trace_id, {}), live.get(trace_id, {})
        for span_id in here.keys() | there.keys():
            one, other = here.get(span_id), there.get(span_id)
            if one is None or other is None:
                span, side = one or other, "the replay" if one else "the live run"
                wrong.append(f"trace {trace_id}: only {side} has {span['name']} {span_id}")
                continue
            keys = ["lifespan.outcome", "lifespan.cause", "lifespan.action", "lifespan.link.reason", "error.type"]
            for what in ["name", "parent", "links", "error"]:
                if one[what] != other[what]:
                    wrong.append(f"trace {trace_id} {one['name']}: {what} is {one[what]} in the replay and {other[what]} live")
            for key in keys:
                if tag(one, key) != tag(other, key):
                    wrong.append(f"trace {trace_id} {one['name']}: {key} is {tag(one, key)} in the replay and {tag(other, key)} live")
            ends = [span["start"] + span["duration"] for span in (one, other)]
            apart = max(abs(one["start"] - other["start"]), abs(ends[0] - ends[1]))
            furthest = max(furthest, apart)
            if apart > TOLERANCE_US:
                wrong.append(f"trace {trace_id} {one['name']}: times are {apart / 1000:.0f} ms apart")
    return wrong, furthest


def broken(traces):
    """Traces that are no trees."""
    return [f"trace {trace_id}: {len(tops(spans))} roots" for trace_id, spans in traces.items() if len(tops(spans)) != 1]
