#!/usr/bin/env python3
"""What lifespan costs in a large cluster in which nothing happens, when it is asked how it is, and while
100,000 Pods change at once.

    tests/peers/limits.py LIFESPAN [--pods N] [--changes N] [--updates N] [--rest SECONDS]
        [--asks N] [--encoding auto|json]

Runs against the API server of large.py. Requests come one after the other, each on a connection of its
own; what they cost is the CPU of lifespan, user and system, by their number. The page of what is open is
asked for at rest and once more when so many Deployments have a new template that no controller looks
at. Only the standard library is used.
"""
import argparse
import os
import tempfile
import threading
import time

import api
from api import PODS
from cluster import Cluster, handler
from measured import Stretches, ask, end, kubeconfig, lifespan, memory, metrics, metrics_at, start, wait

PORT, HEALTH, PAGES, METRICS = 18079, 18078, 18077, 18076


def configured(folder, encoding):
    objects = [{"name": name} for name in ("deployments", "replicasets", "pods")]
    extensions = {name: {"endpoint": f"127.0.0.1:{port}"} for name, port in (("health_check", HEALTH), ("zpages", PAGES))}
    return lifespan(folder, {"objects": objects, "encoding": encoding}, extensions=extensions, telemetry=metrics_at(METRICS))


def asked(stretches, what, port, path, n):
    stretches.rest()
    stretches.end()
    size = 0
    for _ in range(n):
        size = len(ask(port, path))
    cpu, _, _ = stretches.end()
    print(f"{what}: {1_000 * cpu / n:.3f} ms of a core each, of {n:,}; {size:,} bytes", flush=True)


class Watched(threading.Thread):
    """How much memory a process has, looked at every 20 ms."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.seen, self.is_over = pid, [], threading.Event()

    def run(self):
        while not self.is_over.wait(0.02):
            self.seen.append(memory(self.pid))

    def over(self):
        self.is_over.set()
        self.join()
        return self.seen


def burst(process, stretches, cluster):
    stretches.rest()
    before = stretches.end()[2]
    watched = Watched(process.pid)
    watched.start()
    began = time.monotonic()
    cluster.goes_on.set()
    wait(process, lambda: cluster.n_written == cluster.n_changes)
    sent = time.monotonic() - began
    in_it = watched.over()
    stretches.decided()
    cpu, peak, after = stretches.end()
    tenths = ", ".join(f"{in_it[n * len(in_it) // 10]:.0f}" for n in range(10)) if len(in_it) >= 10 else "too quick"
    print(f"{cluster.n_changes:,} changes of Pods at once: sent within {sent:.1f} s, {cpu:.2f} CPU-seconds until all was decided, "
          f"{cluster.n_changes / cpu:,.0f} a CPU-second")
    print(f"  MiB before {before:.1f}, at the most {peak:.1f}, at ten moments of it {tenths}, then {after:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--pods", type=int, default=150_000)
    parser.add_argument("--changes", type=int, default=100_000)
    parser.add_argument("--updates", type=int, default=2_000)
    parser.add_argument("--rest", type=int, default=60)
    parser.add_argument("--asks", type=int, default=1_000)
    parser.add_argument("--encoding", choices=["auto", "json"], default="auto")
    arguments = parser.parse_args()
    cluster = Cluster(arguments.pods, arguments.changes, arguments.updates)
    server = api.serve(handler(cluster, "33"), PORT)
    with tempfile.TemporaryDirectory() as folder:
        access = kubeconfig(os.path.join(folder, "kubeconfig"), PORT)
        process = start([arguments.lifespan, "--config", configured(folder, arguments.encoding)], access)
        try:
            wait(process, lambda: PODS in cluster.watches and ask(HEALTH) is not None and cluster.is_prepared.is_set())
            stretches = Stretches(process.pid)
            stretches.rest()
            print(f"{arguments.pods:,} Pods are listed: {stretches.end()[2]:.1f} MiB")
            time.sleep(arguments.rest)
            cpu, _, then = stretches.end()
            print(f"{arguments.rest} s of rest: {100 * cpu / arguments.rest:.3f} % of a core, {then:.1f} MiB", flush=True)
            for what, port, path in (("a probe", HEALTH, "/"), ("a scrape", METRICS, "/metrics"),
                                     ("the page of nothing that is open", PAGES, "/debug/lifecyclez")):
                asked(stretches, what, port, path, arguments.asks)
            burst(process, stretches, cluster)
            time.sleep(arguments.rest)
            cpu, _, then = stretches.end()
            print(f"{arguments.rest} s later: {cpu:.2f} CPU-seconds more, {then:.1f} MiB", flush=True)
            cluster.updates.set()
            wait(process, lambda: metrics(METRICS)[0].get("transitions_open") == arguments.updates, each=1)
            asked(stretches, f"the page of {arguments.updates:,} that are open", PAGES, "/debug/lifecyclez", arguments.asks)
            asked(stretches, f"a scrape with {arguments.updates:,} open", METRICS, "/metrics", arguments.asks)
        finally:
            end(process)
            api.stop(server)


if __name__ == "__main__":
    main()
