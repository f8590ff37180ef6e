#!/usr/bin/env python3
"""What lifespan costs while 2,000 Deployments roll out at once, 20,000 Pods within five minutes, and each
trace is sent by OTLP gRPC with gzip; without a storage and with one.

    tests/peers/rollouts.py LIFESPAN --collector OTELCOL [--rollouts N] [--seconds N] [--rest SECONDS]
        [--storage no|yes|both] [--encoding auto|json] [--folder DIR]

The API server is this script; OTELCOL, a Collector with the receiver otlp and the exporter nop, takes
the spans. Told are the CPU of lifespan (user and system) from the first write until the last span was
sent, its share of a core in that time, its memory (VmRSS before and after, VmHWM of that time), how late
spans were handed on after the ends of their holds (its histogram `handover_delay`), what it wrote to the
disk (/proc/PID/io), and the same of a rest. The storage stands in DIR, which should be on a disk. Only the
standard library is used.
"""
import argparse
import heapq
import os
import random
import sys
import tempfile
import threading
import time
from collections import deque

import api
import rollout
import templates
import wire
from api import DEPLOYMENTS, EVENTS, PODS, REPLICA_SETS
from measured import QUIET, Stretches, ask, bytes_written, end, kubeconfig, lifespan, metrics, metrics_at, start, wait, written

PORT, HEALTH, METRICS, OTLP = 18089, 18088, 18086, 18085
# What was written last is kept for watches that are begun anew.
KEPT = 100_000
BOOKMARKS = 60


class Written:
    """What was written of a kind, the newest of it; each with its version."""

    def __init__(self):
        self.newest, self.has_more = deque(maxlen=KEPT), threading.Condition()

    def write(self, *it):
        with self.has_more:
            self.newest.append(it)
            self.has_more.notify_all()

    def after(self, version):
        """What was written since; nothing if there is none within a second."""
        told = []
        with self.has_more:
            if not self.newest or self.newest[-1][0] <= version:
                self.has_more.wait(1)
            for write in reversed(self.newest):
                if write[0] <= version:
                    break
                told.append(write)
        if len(told) == KEPT:
            print(f"who watches is more than {KEPT:,} changes behind: what is told is too little", file=sys.stderr, flush=True)
        return told[::-1]


class Cluster:
    """The API server's state: what is there at first, and what is written from then on."""

    def __init__(self, rollouts):
        self.rollouts, self.version, self.began = rollouts, 1_000, time.time()
        self.settled = {path: [] for path in (PODS, REPLICA_SETS, DEPLOYMENTS, EVENTS)}
        self.written = {path: Written() for path in self.settled}
        self.n_lists, self.n_writes, self.latest = 0, 0, 0.0
        for it in rollouts:
            for path, template, known in it.settled():
                self.version += 1
                self.settled[path].append((self.version, template, known))
        self.first = self.version
        self.watches = set()

    def roll_out(self):
        """Writes each when it is due."""
        waited = time.time() - self.began
        begun = time.monotonic()
        streams = [it.writes() for it in self.rollouts]
        for due, name, (path, template, known) in heapq.merge(*streams, key=lambda it: it[0]):
            late = time.monotonic() - begun - due
            if late < 0:
                time.sleep(-late)
            self.latest = max(self.latest, late)
            times = {key: value + waited for key, value in known.items() if key in rollout.TIMES and value > 0}
            self.version += 1
            self.n_writes += 1
            self.written[path].write(self.version, name, template, {**known, **times, "now": waited + due})

    def made(self, version, template, known, is_protobuf):
        known = {"now": rollout.LONG_AGO, **known}
        said = {"version": f"{version:08}".encode()}
        for key, value in known.items():
            if key not in rollout.TIMES:
                said[key] = str(value).encode()
            elif is_protobuf:
                said[key] = wire.number(int(self.began + value))
            else:
                said[key] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began + value)).encode()
        return templates.joined(rollout.TEMPLATES[template][is_protobuf], said)


def handler(cluster):
    class Handler(api.Handler):
        def list(self, path, pairs):
            cluster.n_lists += 1
            has = cluster.settled.get(path, [])
            begin = int(pairs.get("continue") or 0)
            end = min(begin + int(pairs.get("limit") or len(has)), len(has))
            items = [cluster.made(*it, self.is_protobuf(path)) for it in has[begin:end]]
            self.answer_list(path, items, cluster.first, str(end) if end < len(has) else "")

        def watch(self, path, pairs):
            is_protobuf, version = self.is_protobuf(path), int(pairs["resourceVersion"])
            self.begin_watch(path)
            cluster.watches.add(path)
            until = time.monotonic() + int(pairs.get("timeoutSeconds", 300))
            said = time.monotonic()
            while time.monotonic() < until:
                writes = cluster.written[path].after(version)
                if writes:
                    version = writes[-1][0]
                    told = ((name, cluster.made(at, *it, is_protobuf)) for at, name, *it in writes)
                    self.chunk(b"".join(api.event(name, it, is_protobuf) for name, it in told))
                elif time.monotonic() - said > BOOKMARKS:
                    version = cluster.version
                    self.chunk(api.bookmark(version, is_protobuf))
                else:
                    continue
                said = time.monotonic()
                self.wfile.flush()
            self.chunk(b"")

    return Handler


def quantile(before, after, part):
    """Between which bounds it lies, in milliseconds."""
    n = {bound: count - before.get(bound, 0) for bound, count in after.items()}
    lower = "0"
    for bound, count in n.items():
        if count >= part * n["+Inf"]:
            return f"{lower} to {bound}"
        lower = bound
    return "nothing"


def configured(folder, encoding, has_storage):
    objects = [{"name": name} for name in ("deployments", "replicasets", "pods", "events")]
    extensions = {"health_check": {"endpoint": f"127.0.0.1:{HEALTH}"}}
    receiver = {"objects": objects, "encoding": encoding}
    exporter = {"endpoint": f"127.0.0.1:{OTLP}", "tls": {"insecure": True}}
    if has_storage:
        extensions["file_storage"] = {"directory": os.path.join(folder, "storage"), "create_directory": True}
        receiver["storage"] = "file_storage"
        exporter["sending_queue"] = {"storage": "file_storage"}
    return lifespan(folder, receiver, {"otlp_grpc": exporter}, extensions, metrics_at(METRICS))


def collector(folder):
    return written(os.path.join(folder, "otelcol.yaml"), {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{OTLP}"}}}}, "exporters": {"nop": {}},
        "service": {"telemetry": QUIET, "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["nop"]}}}})


def measure(arguments, folder, has_storage):
    """The rows of the table."""
    dice = random.Random(1)
    begin = [dice.uniform(0, 10) for _ in range(arguments.rollouts)]
    cluster = Cluster([rollout.Rollout(n, at, arguments.seconds - 10) for n, at in enumerate(begin)])
    server = api.serve(handler(cluster), PORT)
    access = kubeconfig(os.path.join(folder, "kubeconfig"), PORT)
    sink = start([arguments.collector, "--config", collector(folder)], access)
    process = start([arguments.lifespan, "--config", configured(folder, arguments.encoding, has_storage)], access, os.path.join(folder, "log"))
    try:
        wait(process, lambda: ask(HEALTH) is not None and len(cluster.watches) == len(cluster.settled))
        stretches = Stretches(process.pid)
        stretches.rest()
        time.sleep(5)
        before = stretches.end()[2]
        told, classes = metrics(METRICS)
        n_bytes, began = bytes_written(process.pid), time.monotonic()
        cluster.roll_out()
        lasted = time.monotonic() - began
        wait(process, is_over, each=1)
        took = time.monotonic() - began
        cpu, peak, after = stretches.end()
        n_written = bytes_written(process.pid) - n_bytes
        then, classes_then = metrics(METRICS)
        # What is kept for the last half minute goes.
        time.sleep(40)
        stretches.end()
        io = bytes_written(process.pid)
        time.sleep(arguments.rest)
        idle, _, later = stretches.end()
        return {
            "writes": f"{cluster.n_writes:,} within {lasted:.0f} s, {cluster.n_writes / lasted:,.0f} a second, up to {1_000 * cluster.latest:.0f} ms late",
            "spans": f"{then['exporter_sent_spans'] - told.get('exporter_sent_spans', 0):,.0f} in {then['traces'] - told.get('traces', 0):,.0f} traces, {then['receiver_refused_spans']:.0f} refused, {cluster.n_lists} pages of lists",
            "CPU-seconds": f"{cpu:.2f}", "% of a core": f"{100 * cpu / took:.2f}",
            "hand-over, median, ms": quantile(classes, classes_then, 0.5), "hand-over, 99 %, ms": quantile(classes, classes_then, 0.99),
            "MiB before": f"{before:.1f}", "MiB at the most": f"{peak:.1f}", "MiB at its end": f"{after:.1f}", "MiB after the rest": f"{later:.1f}",
            "KiB written meanwhile": f"{n_written / 1024:,.0f}", "commits": f"{then.get('storage_commits', 0) - told.get('storage_commits', 0):,.0f}",
            f"KiB written in {arguments.rest} s of rest": f"{(bytes_written(process.pid) - io) / 1024:,.0f}",
            f"% of a core in {arguments.rest} s of rest": f"{100 * idle / arguments.rest:.3f}",
        }
    finally:
        end(process)
        end(sink)
        api.stop(server)


def is_over():
    told, _ = metrics(METRICS)
    return (told.get("transitions_open") == 0 and told.get("transitions_settling") == 0
            and told.get("exporter_queue_size") == 0 and told["receiver_accepted_spans"] == told["exporter_sent_spans"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--collector", required=True)
    parser.add_argument("--rollouts", type=int, default=2_000)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--rest", type=int, default=60)
    parser.add_argument("--storage", choices=["no", "yes", "both"], default="both")
    parser.add_argument("--encoding", choices=["auto", "json"], default="auto")
    parser.add_argument("--folder", help="where the storage is; a temporary one if not given")
    arguments = parser.parse_args()
    told = {}
    for name in ("no", "yes") if arguments.storage == "both" else (arguments.storage,):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            told["with storage" if name == "yes" else "without storage"] = measure(arguments, folder, name == "yes")
        table(told)


def table(told):
    print("\n| | " + " | ".join(told) + " |\n|---|" + "---|" * len(told))
    for row in zip(*(it.items() for it in told.values())):
        print(f"| {row[0][0]} | " + " | ".join(value for _, value in row) + " |", flush=True)


if __name__ == "__main__":
    main()
