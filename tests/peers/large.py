#!/usr/bin/env python3
"""What a large cluster costs: lists of 150,000 Pods, 15,000 ReplicaSets and 15,000 Deployments in
pages, a rest, 20,000 changes, a rest, and a list of all of them once more after a 410; lifespan and its
peers.

    tests/peers/large.py LIFESPAN [--reflector REFLECTOR] [--collector OTELCOL] [--pods N]
        [--changes N] [--rest SECONDS] [--watch-list] [--encoding auto|json]

Each runs against the same API server on loopback, which this script is. Of each stretch are told: the
CPU-seconds of the watching process (user and system), the most memory that it had (VmHWM) and what it
has at the end (VmRSS). LIFESPAN watches all three kinds, REFLECTOR (built from tests/peers/reflector)
and the Collector's k8sobjects receiver Pods alone, which are nine tenths of the bytes. Only the standard
library is used.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import wire
from peers import HERE, figures, kubeconfig

PORT, HEALTH = 18099, 18098
PODS_OF_ONE = 10
FIRST = 1_000
KINDS = {"/api/v1/pods": "pod", "/apis/apps/v1/replicasets": "replica_set", "/apis/apps/v1/deployments": "deployment"}
UID = {"pod": "00000000-0000-4000-8000-%012d", "replica_set": "00000000-0000-4000-9000-%012d", "deployment": "00000000-0000-4000-a000-%012d"}


# Of the Pods that a server answered with, one of a ReplicaSet that is ready.
POD = 2
PROTOBUF = "application/vnd.kubernetes.protobuf"


def read(name):
    with open(os.path.join(HERE, "..", "objects", name), "rb") as file:
        return file.read()


def settled(kind):
    """The object of a file, as it is when it has settled, without its kind: an item of a list."""
    if kind == "pod":
        it = json.loads(read("pods_of_a_server.json"))["items"][POD]
        it["status"]["containerStatuses"][0]["restartCount"] = "@change@"
    else:
        it = json.loads(read(f"{kind}.json"))
        it.pop("kind"), it.pop("apiVersion")
    status, meta = it["status"], it["metadata"]
    if kind != "pod":
        it["spec"]["replicas"] = PODS_OF_ONE
        status.update({key: PODS_OF_ONE for key in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")})
        status.pop("unavailableReplicas", None)
        meta["generation"] = status["observedGeneration"] = 1
        for condition in status.get("conditions", []):
            condition.update(status="True", reason="NewReplicaSetAvailable")
    meta.update(name="@name@", uid="@uid@", resourceVersion="@version@", namespace="@namespace@")
    for owner in meta.get("ownerReferences", []):
        owner.update(name="@owner@", uid="@owner_uid@")
    return json.dumps(it, separators=(",", ":")).replace('"@change@"', "@change@").encode()


# What differs from Pod to Pod: where it stands in a message, and how long it is.
DIFFERS = {"name": ((1, 1), 10), "namespace": ((1, 3), 5), "uid": ((1, 5), 36), "version": ((1, 6), 8),
           "owner": ((1, 13, 3), 10), "owner_uid": ((1, 13, 4), 36)}


def settled_in_protobuf(change):
    """The same Pod in protobuf, with that many restarts; what differs is of its final length."""
    envelope = dict(wire.fields(read("pods_of_a_server.pb")[4:]))
    pod = [item for tag, item in wire.fields(envelope[2]) if tag == 2][POD]
    pod = wire.put(pod, (3, 8, 5), change)
    for n, (path, width) in enumerate(DIFFERS.values()):
        pod = wire.put(pod, path, b"~%d" % n + b"~" * (width - 2))
    return pod


class Objects:
    """All objects of one kind, made as they are asked for."""

    def __init__(self, kind, n):
        self.kind, self.n = kind, n
        # What differs from object to object stands at the odd places.
        parts = re.split(rb"@([a-z_]+)@", settled(kind))
        self.parts = [part.decode() if n % 2 else part for n, part in enumerate(parts)]
        self.in_protobuf = {}

    def known(self, n, version, change):
        group = n // PODS_OF_ONE if self.kind == "pod" else n
        return {"name": f"web-{n:06}", "uid": UID[self.kind] % n, "version": f"{version:08}", "namespace": f"ns-{group % 100:02}", "change": change,
                "owner": f"web-{group:06}", "owner_uid": UID["replica_set" if self.kind == "pod" else "deployment"] % group}

    @staticmethod
    def joined(parts, known):
        return b"".join(part if isinstance(part, bytes) else str(known[part]).encode() for part in parts)

    def item(self, n, version, change=0):
        return self.joined(self.parts, self.known(n, version, change))

    def message(self, n, version, change=0):
        if change not in self.in_protobuf:
            parts = re.split(rb"~(\d)~+", settled_in_protobuf(change))
            names = list(DIFFERS)
            self.in_protobuf[change] = [names[int(part)] if n % 2 else part for n, part in enumerate(parts)]
        return self.joined(self.in_protobuf[change], self.known(n, version, change))


class Cluster:
    """The API server's state: at first, and after so many changes of Pods."""

    def __init__(self, n_pods, n_changes):
        self.kinds = {path: Objects(kind, n_pods if kind == "pod" else n_pods // PODS_OF_ONE) for path, kind in KINDS.items()}
        self.version = FIRST + sum(it.n for it in self.kinds.values())
        self.n_changes = n_changes
        self.n_written = 0
        self.goes_on, self.forgets = threading.Event(), threading.Event()
        self.lists_begun, self.watches = {}, {}
        self.last_page = 0.0

    def item(self, path, n, is_protobuf):
        objects = self.kinds[path]
        make = objects.message if is_protobuf else objects.item
        if objects.kind == "pod" and n < self.n_written:
            return make(n, self.version + 1 + n, 1)
        return make(n, FIRST + n)

    def changes(self, is_protobuf):
        pods = self.kinds["/api/v1/pods"]
        make = pods.message if is_protobuf else pods.item
        for n in range(self.n_changes):
            yield make(n % pods.n, self.version + 1 + n, 1 + n // pods.n)

    def now(self):
        return self.version + self.n_written


def event(name, item, is_protobuf):
    if not is_protobuf:
        return b'{"type":"' + name.encode() + b'","object":' + item + b"}\n"
    told = wire.field(1, name.encode()) + wire.field(2, wire.field(1, wire.enveloped(item)))
    return len(told).to_bytes(4, "big") + told


def handler(cluster, minor):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def log_message(self, *_):
            pass

        def is_protobuf(self, path):
            return path.endswith("pods") and self.headers.get("Accept", "").startswith(PROTOBUF)

        def answer(self, body, code=200, is_protobuf=False):
            self.send_response(code)
            self.send_header("Content-Type", PROTOBUF if is_protobuf else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            path, _, query = self.path.partition("?")
            pairs = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
            named = {
                "/version": {"major": "1", "minor": minor, "gitVersion": f"v1.{minor}.0"},
                "/api/v1/namespaces/kube-system": {"metadata": {"uid": "u"}},
                "/api": {"kind": "APIVersions", "versions": ["v1"]},
                "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
                "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                    {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list", "watch"]}]},
            }
            if path in named:
                return self.answer(json.dumps(named[path]).encode())
            if pairs.get("watch") in ("true", "1"):
                return self.watch(path, pairs)
            return self.list(path, pairs)

        def list(self, path, pairs):
            n_all = cluster.kinds[path].n if path in cluster.kinds else 0
            begin = int(pairs.get("continue") or 0)
            end = min(begin + int(pairs.get("limit") or n_all), n_all)
            meta = {"resourceVersion": str(cluster.now())}
            if end < n_all:
                meta["continue"] = str(end)
            head = json.dumps({"kind": "List", "apiVersion": "v1", "metadata": meta})[:-1].encode()
            is_protobuf = self.is_protobuf(path)
            items = [cluster.item(path, n, is_protobuf) for n in range(begin, end)]
            if is_protobuf:
                told = wire.field(2, meta["resourceVersion"].encode()) + wire.field(3, meta.get("continue", "").encode())
                body = wire.enveloped(wire.field(1, told) + b"".join(wire.field(2, item) for item in items))
            else:
                body = head + b',"items":[' + b",".join(items) + b"]}"
            self.answer(body, is_protobuf=is_protobuf)
            if path.endswith("pods"):
                cluster.last_page = time.monotonic()

        def chunk(self, data):
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        def watch(self, path, pairs):
            is_protobuf = self.is_protobuf(path)
            self.send_response(200)
            self.send_header("Content-Type", f"{PROTOBUF};stream=watch" if is_protobuf else "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if pairs.get("sendInitialEvents") == "true":
                self.initial(path, is_protobuf)
            cluster.watches[path] = cluster.watches.get(path, 0) + 1
            self.wfile.flush()
            if path not in cluster.kinds:
                return time.sleep(3_600)
            cluster.goes_on.wait()
            if path.endswith("pods") and cluster.n_written == 0:
                held = []
                for change in cluster.changes(is_protobuf):
                    held.append(event("MODIFIED", change, is_protobuf))
                    if len(held) == 20:
                        self.chunk(b"".join(held))
                        held = []
                if held:
                    self.chunk(b"".join(held))
                self.wfile.flush()
                cluster.n_written = cluster.n_changes
            while not cluster.forgets.wait(1):
                pass
            if cluster.watches[path] == 1:
                status = b'{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}'
                if is_protobuf:
                    status = wire.field(3, b"too old resource version") + wire.field(4, b"Expired") + wire.field(6, 410)
                self.chunk(event("ERROR", status, is_protobuf))
                return self.chunk(b"")
            time.sleep(3_600)

        def initial(self, path, is_protobuf):
            objects = cluster.kinds.get(path)
            for begin in range(0, objects.n if objects else 0, 20):
                items = (cluster.item(path, n, is_protobuf) for n in range(begin, min(begin + 20, objects.n)))
                self.chunk(b"".join(event("ADDED", item, is_protobuf) for item in items))
            if path.endswith("pods"):
                cluster.last_page = time.monotonic()
            version, ends = str(cluster.now()), "k8s.io/initial-events-end"
            mark = json.dumps({"metadata": {"resourceVersion": version, "annotations": {ends: "true"}}}).encode()
            if is_protobuf:
                annotation = wire.field(1, ends.encode()) + wire.field(2, b"true")
                mark = wire.field(1, wire.field(6, version.encode()) + wire.field(12, annotation))
            self.chunk(event("BOOKMARK", mark, is_protobuf))

    return Handler


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS:"))


def is_healthy():
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{HEALTH}/", timeout=1).status == 200
    except (OSError, urllib.error.URLError):
        return False


class Stretches:
    """What each stretch of a run cost."""

    def __init__(self, pid):
        self.pid, self.cpu, self.told = pid, 0.0, []

    def rest(self):
        """Waits until the process has nothing to do."""
        before = -1.0
        while (cpu := figures(self.pid)[0]) - before > 0.015:
            before = cpu
            time.sleep(1)

    def end(self, name, note=""):
        cpu, peak = figures(self.pid)
        self.told.append((name, cpu - self.cpu, peak, resident(self.pid), note))
        self.cpu = cpu
        # The next stretch has a peak of its own.
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")


def wait(process, what, seconds=900):
    until = time.monotonic() + seconds
    while not what():
        if process.poll() is not None or time.monotonic() > until:
            sys.exit(f"{process.args[0]} has ended, or nothing came of it in {seconds} s")
        time.sleep(0.02)


def measure(command, arguments, env, has_health):
    cluster = Cluster(arguments.pods, arguments.changes)
    server = ThreadingHTTPServer(("127.0.0.1", PORT), handler(cluster, "35" if arguments.watch_list else "33"))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        began = time.monotonic()
        wait(process, lambda: "/api/v1/pods" in cluster.watches)
        if has_health:
            wait(process, is_healthy)
        ready = time.monotonic()
        stretches = Stretches(process.pid)
        stretches.rest()
        stretches.end("lists", f"{ready - began:.1f} s until ready, {ready - cluster.last_page:.2f} s after the last page")
        time.sleep(arguments.rest)
        stretches.end(f"{arguments.rest} s of rest")
        cluster.goes_on.set()
        wait(process, lambda: cluster.n_written == cluster.n_changes)
        stretches.rest()
        stretches.end(f"{arguments.changes} changes")
        time.sleep(arguments.rest)
        stretches.end(f"{arguments.rest} s of rest")
        cluster.forgets.set()
        wait(process, lambda: cluster.watches["/api/v1/pods"] == 2)
        stretches.rest()
        time.sleep(5)
        stretches.rest()
        stretches.end("410, and lists of all")
        return stretches.told
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--reflector")
    parser.add_argument("--collector")
    parser.add_argument("--pods", type=int, default=150_000)
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--rest", type=int, default=60)
    parser.add_argument("--watch-list", action="store_true", help="the server is of a version that has WatchList")
    parser.add_argument("--encoding", choices=["auto", "json"], help="in what form lifespan asks for Pods")
    arguments = parser.parse_args()
    pods = Objects("pod", 1)
    sizes = f"{len(pods.item(0, FIRST))} bytes (in protobuf {len(pods.message(0, FIRST))})"
    print(f"{arguments.pods} Pods of {sizes}, {arguments.pods // PODS_OF_ONE} ReplicaSets, as many Deployments")
    with tempfile.TemporaryDirectory() as folder:
        access, own, collector = (os.path.join(folder, name) for name in ("kubeconfig", "lifespan.yaml", "otelcol.yaml"))
        kubeconfig(access, PORT)
        quiet = {"telemetry": {"metrics": {"level": "none"}}}
        encoding = {} if arguments.encoding is None else {"encoding": arguments.encoding}
        objects = [{"name": name} for name in ("deployments", "replicasets", "pods")]
        with open(own, "w", encoding="utf-8") as file:
            json.dump({"receivers": {"k8s_lifecycle": {"auth_type": "kubeConfig", "objects": objects, **encoding}},
                       "exporters": {"debug": {}}, "extensions": {"health_check": {"endpoint": f"127.0.0.1:{HEALTH}"}},
                       "service": {**quiet, "extensions": ["health_check"],
                                   "pipelines": {"traces": {"receivers": ["k8s_lifecycle"], "exporters": ["debug"]}}}}, file)
        with open(collector, "w", encoding="utf-8") as file:
            json.dump({"receivers": {"k8sobjects": {"auth_type": "kubeConfig", "objects": [{"name": "pods", "mode": "watch"}]}},
                       "exporters": {"nop": {}},
                       "service": {**quiet, "pipelines": {"logs": {"receivers": ["k8sobjects"], "exporters": ["nop"]}}}}, file)
        peers = {"lifespan": [arguments.lifespan, "--config", own]}
        if arguments.reflector:
            peers["reflector"] = [arguments.reflector]
        if arguments.collector:
            peers["collector"] = [arguments.collector, "--config", collector]
        for name, command in peers.items():
            print(f"{name:<26} {'CPU-seconds':>11} {'peak MiB':>9} {'MiB then':>9}")
            for stretch, cpu, peak, then, note in measure(command, arguments, {"KUBECONFIG": access}, name == "lifespan"):
                print(f"  {stretch:<24} {cpu:11.2f} {peak:9.1f} {then:9.1f}  {note}", flush=True)


if __name__ == "__main__":
    main()
