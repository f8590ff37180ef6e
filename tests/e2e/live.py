#!/usr/bin/env python3
"""Watches a real cluster while things are done to it, and reads the traces back from Jaeger.

    tests/e2e/live.py LIFESPAN [--image-before IMAGE] [--image-after IMAGE] [--faults COMMAND] [--only NAME]

LIFESPAN is the built binary. KUBECONFIG and kubectl lead to any cluster in which a namespace may be
made; a Jaeger takes OTLP gRPC on 127.0.0.1:4317 and answers queries on 127.0.0.1:16686. Both images
must have `sh` and `sleep`. Only the standard library is used.

While `lifespan` runs, `lifespan record` writes down what the cluster says. What Jaeger then has
must be

* the transitions that the steps below are known to cause, each with its outcome;
* what a replay of the recording gives: the same traces, spans, parents, names, outcomes and links,
  with times that differ by less than a quarter of a second (each process has its own arrivals).

--faults runs COMMAND, a shell line, two seconds into a rollout of a second Deployment: one that
kills and restarts the API server, or compacts etcd. No span may be false or missing. The process
ids of `lifespan` and of the recorder are in $WATCHERS, so that the line can stop them (`kill -STOP`)
while the server forgets what they have not heard.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from jaeger import sent, stored_of
from side_by_side import STABLE, Cluster, broken, cluster_uid, differences, roots_of, tag

STAMP = "00-{:032x}-{:016x}-01"


def manifest(name, image, stamp, replicas=3):
    return json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "annotations": {"tracing.k8s.io/traceparent": stamp}},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 2, "containers": [{
                    "name": "app", "image": image, "command": ["sh", "-c", "trap 'exit 0' TERM; touch /tmp/ready; while true; do sleep 0.2; done"],
                    "readinessProbe": {"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1},
                }]},
            },
        },
    })


def steps(cluster, before, after):
    """What is done, and what it is known to cause: (root span, outcome, has a link to a stamp)."""
    stamps = [STAMP.format((0xA1 << 120) + n, (0xB1 << 56) + n) for n in range(2)]
    cluster.apply(manifest("web", before, stamps[0]))
    cluster.settle("web")
    yield "create Deployment", "completed", True
    cluster.apply(manifest("web", after, stamps[1]))
    cluster.settle("web")
    yield "update Deployment", "completed", True
    cluster.kubectl("scale", "deployment", "web", "--replicas=5")
    cluster.settle("web")
    yield "scale Deployment", "completed", False
    cluster.kubectl("rollout", "undo", "deployment", "web")
    cluster.settle("web")
    yield "rollback Deployment", "completed", False
    cluster.kubectl("rollout", "restart", "deployment", "web")
    time.sleep(0.7)
    cluster.kubectl("rollout", "pause", "deployment", "web")
    time.sleep(STABLE + 4)
    yield "restart Deployment", "paused", False
    cluster.kubectl("rollout", "resume", "deployment", "web")
    cluster.settle("web")
    yield "resume Deployment", "completed", False
    pod = cluster.pods("web")[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": cluster.namespace}}
    cluster.kubectl("create", "--raw", f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/eviction", "-f", "-", stdin=json.dumps(eviction))
    time.sleep(2)
    cluster.settle("web")
    yield "recover Deployment", "completed", False
    cluster.kubectl("delete", "deployment", "web")
    cluster.gone("web")
    time.sleep(STABLE)
    yield "delete Deployment", "completed", False


def faulty_steps(cluster, before, after, command, watchers):
    """A rollout with a fault in its middle; the fault may cause no trace and spoil none."""
    stamps = [STAMP.format((0xC1 << 120) + n, (0xD1 << 56) + n) for n in range(2)]
    cluster.apply(manifest("faulty", before, stamps[0], replicas=4))
    cluster.settle("faulty")
    yield "create Deployment", "completed", True
    cluster.apply(manifest("faulty", after, stamps[1], replicas=4))
    time.sleep(2)
    pids = " ".join(str(process.pid) for process in watchers)
    subprocess.run(command, shell=True, check=True, env={**os.environ, "WATCHERS": pids})
    cluster.settle("faulty")
    yield "update Deployment", "completed", True
    cluster.kubectl("delete", "deployment", "faulty")
    cluster.gone("faulty")
    time.sleep(STABLE)
    yield "delete Deployment", "completed", False


def check(expected, live, service):
    """Whether the roots in Jaeger are the expected transitions, in order."""
    told = [(span["name"], tag(span, "lifespan.outcome"), tag(span, "lifespan.link.reason") is not None and "stamp" in str(tag(span, "lifespan.link.reason"))) for span in roots_of(live)]
    wrong = [] if told == expected else [f"{service}: the roots are {told}, expected were {expected}"]
    wrong += broken(live)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--image-before", default="busybox:1.36")
    parser.add_argument("--image-after", default="busybox:1.37")
    parser.add_argument("--faults", metavar="COMMAND", action="append", default=[])
    parser.add_argument("--skip-plain", action="store_true", help="only the rollouts with faults")
    arguments = parser.parse_args()
    namespace = f"lifespan-e2e-{os.getpid()}"
    subprocess.run(["kubectl", "create", "namespace", namespace], check=True, capture_output=True)
    cluster, faults = Cluster(namespace), 0
    runs = [] if arguments.skip_plain else [("web", lambda _: steps(cluster, arguments.image_before, arguments.image_after))]
    for command in arguments.faults:
        runs.append(("faulty", lambda watchers, command=command: faulty_steps(cluster, arguments.image_before, arguments.image_after, command, watchers)))
    try:
        for service, run in runs:
            faults += one_run(arguments.lifespan, namespace, service, run)
    finally:
        subprocess.run(["kubectl", "delete", "namespace", namespace, "--wait=false"], check=False, capture_output=True)
    sys.exit(1 if faults else 0)


def one_run(lifespan, namespace, service, run):
    with tempfile.TemporaryDirectory() as folder:
        recording, log = os.path.join(folder, "live.jsonl"), open(os.path.join(folder, "log"), "w+", encoding="utf-8")
        since = int(time.time() * 1e6)
        watching = [
            subprocess.Popen([lifespan, "--namespace", namespace, "--endpoint", "127.0.0.1:4317"], stdout=subprocess.DEVNULL, stderr=log),
            subprocess.Popen([lifespan, "record", "--namespace", namespace, "-o", recording], stderr=log),
        ]
        time.sleep(3)
        try:
            expected = []
            for step in run(watching):
                print(f"{service}: {step[0]} {step[1]}", flush=True)
                expected.append(step)
        finally:
            for process in watching:
                process.send_signal(signal.SIGINT)
            codes = [process.wait(timeout=30) for process in watching]
        time.sleep(1)
        live = stored_of(service, since)
        recorded = sent(lifespan, recording, "--cluster-uid", cluster_uid())
        wrong = check(expected, live, service)
        different, furthest = differences(recorded, live)
        wrong += different + [f"{name} ended with {code}" for name, code in zip(("lifespan", "record"), codes) if code != 0]
        for line in wrong[:40]:
            print(line)
        if wrong:
            log.seek(0)
            print(log.read()[-4000:])
        n_spans = sum(map(len, live.values()))
        print(f"{service}: {len(live)} traces, {n_spans} spans, {len(wrong)} faults; times of live and replay at most {furthest / 1000:.1f} ms apart", flush=True)
        return len(wrong)


if __name__ == "__main__":
    main()
