#!/usr/bin/env python3
"""CPU and memory to list 5,000 Pods and to watch 100,000 events of them: lifespan and its peers.

    tests/peers/peers.py LIFESPAN [--collector OTELCOL] [--pods N] [--events N] [--runs N]

All run one after the other against the same API server on loopback, which this script is. CPU is
that of the watching process (user and system) until it has read everything; memory is its peak.
OTELCOL is a Collector with the receiver k8sobjects and the exporter nop. The reflector is built from
tests/peers/reflector. Only the standard library is used.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import api
from measured import HERE, collector, end, figures, kubeconfig, lifespan, start

PORT = 18099


def template():
    with open(os.path.join(HERE, "..", "objects", "pod.json"), encoding="utf-8") as file:
        return json.load(file)


class Cluster:
    """Pods, and the bytes of a list and of a watch of them."""

    def __init__(self, n_pods, n_events):
        pod = template()
        pod.pop("kind", None), pod.pop("apiVersion", None)
        pod["metadata"].pop("ownerReferences", None)
        self.items, self.events = [], []
        for n in range(n_pods):
            self.items.append(self.dump(pod, n, 1000 + n, 0))
        version = 1000 + n_pods
        self.version = version
        for n in range(n_events):
            version += 1
            body = self.dump(pod, n % n_pods, version, n)
            self.events.append(b'{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1",' + body[1:] + b"}\n")
        self.last = version

    @staticmethod
    def dump(pod, n, version, change):
        pod["metadata"].update({"name": f"web-{n:05}", "uid": f"00000000-0000-4000-8000-{n:012}", "resourceVersion": str(version)})
        pod["metadata"]["labels"]["change"] = str(change)
        # A status that changes, as the kubelet writes it.
        for container in pod["status"].get("containerStatuses", []):
            container["ready"] = change % 2 == 0
        return json.dumps(pod, separators=(",", ":")).encode()


def handler(cluster, sent):
    class Handler(api.Handler):
        # Pods are here as JSON alone.
        in_protobuf = ()

        def list(self, path, pairs):
            if path != api.PODS:
                return self.answer(b'{"kind":"Status","code":404,"message":"not served"}', 404)
            begin = int(pairs.get("continue") or 0)
            end = min(begin + int(pairs.get("limit") or len(cluster.items)), len(cluster.items))
            self.answer_list(path, cluster.items[begin:end], cluster.version, str(end) if end < len(cluster.items) else "")

        def watch(self, path, pairs):
            self.begin_watch(path)
            if path == api.PODS:
                for at in range(max(0, int(pairs.get("resourceVersion") or 0) - cluster.version), len(cluster.events), 50):
                    self.chunk(b"".join(cluster.events[at:at + 50]))
                self.wfile.flush()
                sent.set()
            time.sleep(60)

    return Handler


def measure(command, cluster, access):
    sent = threading.Event()
    server = api.serve(handler(cluster, sent), PORT)
    process = start(command, access)
    try:
        if not sent.wait(300):
            sys.exit(f"{command[0]} did not read everything in 300 s")
        # What was sent is read when the process has come to rest.
        before = -1.0
        while True:
            cpu, peak = figures(process.pid)
            if cpu - before < 0.011:
                return cpu, peak
            before = cpu
            time.sleep(1)
    finally:
        end(process)
        api.stop(server)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--collector")
    parser.add_argument("--pods", type=int, default=5_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    manifest = os.path.join(HERE, "reflector", "Cargo.toml")
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "reflector", "target"))
    subprocess.run(["cargo", "build", "--quiet", "--release", "--manifest-path", manifest], check=True)
    cluster = Cluster(arguments.pods, arguments.events)
    size = sum(map(len, cluster.events)) / len(cluster.events)
    print(f"{arguments.pods} Pods, {arguments.events} events of {size:.0f} bytes")
    with tempfile.TemporaryDirectory() as folder:
        access = kubeconfig(os.path.join(folder, "kubeconfig"), PORT)
        peers = {"lifespan": [arguments.lifespan, "--config", lifespan(folder, {"objects": [{"name": "pods"}]})],
                 "reflector": [os.path.join(target, "release", "reflector")]}
        if arguments.collector:
            peers["collector"] = [arguments.collector, "--config", collector(folder)]
        told = {}
        for name, command in peers.items():
            runs = [measure(command, cluster, access) for _ in range(arguments.runs)]
            told[name] = tuple(statistics.median(column) for column in zip(*runs))
            print(f"{name:<10} {told[name][0]:7.2f} CPU-seconds {told[name][1]:7.1f} MiB at the peak", flush=True)
        for name in list(told)[1:]:
            ratios = [there / here for here, there in zip(told["lifespan"], told[name])]
            print(f"{name} / lifespan: {ratios[0]:.1f} times the CPU, {ratios[1]:.1f} times the memory")


if __name__ == "__main__":
    main()
