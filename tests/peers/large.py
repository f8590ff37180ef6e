#!/usr/bin/env python3
"""What a large cluster costs: lists of 150,000 Pods, 15,000 ReplicaSets and 15,000 Deployments in
pages, a rest, 20,000 changes, a rest, and a list of all of them once more after a 410; lifespan and its
peers, in one table.

    tests/peers/large.py LIFESPAN [--reflector REFLECTOR] [--collector OTELCOL] [--pods N]
        [--changes N] [--rest SECONDS] [--watch-list] [--encoding auto|json]

Each runs against the same API server on loopback, which this script is; standard error tells each
figure as it comes. CPU is that of the watching process, user and system; the peak is VmHWM of that
stretch, what it has then VmRSS. What stands in brackets is how many times that of the first column it
is. LIFESPAN watches all three kinds, in protobuf and in JSON, REFLECTOR (built from
tests/peers/reflector) and OTELCOL (a Collector with the receiver k8sobjects and the exporter nop) Pods
alone, which are nine tenths of the bytes, in JSON. Ready is lifespan when its health says so, the
others when they begin to watch. Only the standard library is used.
"""
import argparse
import os
import sys
import tempfile
import time

import api
from api import PODS
from cluster import FIRST, PODS_OF_ONE, Cluster, Objects, handler
from measured import Stretches, ask, collector, end, kubeconfig, lifespan, start, wait

PORT, HEALTH = 18099, 18098
OBJECTS = [{"name": name} for name in ("deployments", "replicasets", "pods")]


def configured(folder, encoding):
    inner = os.path.join(folder, encoding)
    os.mkdir(inner)
    return lifespan(inner, {"objects": OBJECTS, "encoding": encoding}, extensions={"health_check": {"endpoint": f"127.0.0.1:{HEALTH}"}})


def measure(name, command, arguments, access):
    """The rows of the table: what, and how much. Each is told as it comes: the whole takes minutes."""
    rows, has_health = [], name.startswith("lifespan")

    def told(what, value):
        rows.append((what, value))
        print(f"{name}: {what.strip()}: {value:.2f}", file=sys.stderr, flush=True)

    cluster = Cluster(arguments.pods, arguments.changes)
    server = api.serve(handler(cluster, "35" if arguments.watch_list else "33"), PORT)
    process = start(command, access)
    try:
        began = time.monotonic()
        wait(process, lambda: PODS in cluster.watches)
        if has_health:
            wait(process, lambda: ask(HEALTH) is not None)
        ready = time.monotonic()
        stretches = Stretches(process.pid)
        stretches.rest()
        cpu, peak, _ = stretches.end()
        told("first lists: CPU-seconds", cpu)
        told("MiB at the most", peak)
        told("ready after so many seconds", ready - began)
        told("of these since the last page", ready - cluster.last_page)
        cluster.is_prepared.wait()
        time.sleep(arguments.rest)
        cpu, _, then = stretches.end()
        told(f"{arguments.rest} s of rest: CPU-seconds", cpu)
        told("MiB then", then)
        cluster.goes_on.set()
        wait(process, lambda: cluster.n_written == cluster.n_changes)
        stretches.decided()
        told(f"{arguments.changes:,} changes: CPU-seconds", stretches.end()[0])
        time.sleep(arguments.rest)
        stretches.end()
        cluster.forgets.set()
        wait(process, lambda: cluster.watches[PODS] == 2)
        stretches.decided()
        cpu, peak, _ = stretches.end()
        told("lists after a 410: CPU-seconds", cpu)
        told("MiB at the most ", peak)
        time.sleep(arguments.rest)
        told(f"MiB {arguments.rest} s later", stretches.end()[2])
        return rows
    finally:
        end(process)
        api.stop(server)


def table(told):
    """Markdown; ratios to the first column where that is more than what can be measured."""
    yield "| | " + " | ".join(told) + " |"
    yield "|---|" + "---|" * len(told)
    for row in zip(*told.values()):
        name, first = row[0]
        cells = [f"{value:.{0 if name.startswith('MiB') else 2}f}" for _, value in row]
        cells[1:] = [cell + (f" ({value / first:.1f}×)" if first >= 0.1 else "") for cell, (_, value) in zip(cells[1:], row[1:])]
        yield f"| {name.strip()} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--reflector")
    parser.add_argument("--collector")
    parser.add_argument("--pods", type=int, default=150_000)
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--rest", type=int, default=60)
    parser.add_argument("--watch-list", action="store_true", help="the server is of a version that has WatchList")
    parser.add_argument("--encoding", choices=["auto", "json"], help="lifespan in one form alone")
    arguments = parser.parse_args()
    pods = Objects("pod", 1)
    sizes = f"{len(pods.item(0, FIRST)):,} bytes (in protobuf {len(pods.message(0, FIRST)):,})"
    print(f"{arguments.pods:,} Pods of {sizes}, {arguments.pods // PODS_OF_ONE:,} ReplicaSets, as many Deployments\n")
    with tempfile.TemporaryDirectory() as folder:
        access = kubeconfig(os.path.join(folder, "kubeconfig"), PORT)
        forms = {"auto": "lifespan, protobuf", "json": "lifespan, JSON"}
        peers = {forms[form]: [arguments.lifespan, "--config", configured(folder, form)]
                 for form in forms if arguments.encoding in (None, form)}
        if arguments.reflector:
            peers["kube-rs reflector"] = [arguments.reflector]
        if arguments.collector:
            peers["k8sobjects receiver"] = [arguments.collector, "--config", collector(folder)]
        told = {name: measure(name, command, arguments, access) for name, command in peers.items()}
    print("\n".join(table(told)))


if __name__ == "__main__":
    main()
