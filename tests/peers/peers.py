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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))


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
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, body, code=200):
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def chunk(self, data):
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        def do_GET(self):
            path, _, query = self.path.partition("?")
            pairs = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
            if path == "/version":
                return self.answer(b'{"major":"1","minor":"33","gitVersion":"v1.33.0"}')
            if path == "/api/v1/namespaces/kube-system":
                return self.answer(b'{"metadata":{"uid":"u"}}')
            if path == "/api":
                return self.answer(b'{"kind":"APIVersions","versions":["v1"]}')
            if path == "/apis":
                return self.answer(b'{"kind":"APIGroupList","apiVersion":"v1","groups":[]}')
            if path == "/api/v1":
                resource = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list", "watch"]}
                return self.answer(json.dumps({"kind": "APIResourceList", "groupVersion": "v1", "resources": [resource]}).encode())
            if path != "/api/v1/pods":
                return self.answer(b'{"kind":"Status","code":404,"message":"not served"}', 404)
            if pairs.get("watch") in ("true", "1"):
                return self.watch(int(pairs.get("resourceVersion") or 0))
            return self.list(pairs)

        def list(self, pairs):
            begin = int(pairs.get("continue") or 0)
            end = min(begin + int(pairs.get("limit") or len(cluster.items)), len(cluster.items))
            meta = {"resourceVersion": str(cluster.version)}
            if end < len(cluster.items):
                meta["continue"] = str(end)
            head = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": meta})[:-1].encode()
            self.answer(head + b',"items":[' + b",".join(cluster.items[begin:end]) + b"]}")

        def watch(self, version):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(max(0, version - cluster.version), len(cluster.events), 50):
                self.chunk(b"".join(cluster.events[at:at + 50]))
            self.wfile.flush()
            sent.set()
            time.sleep(60)

    return Handler


def kubeconfig(path, port):
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "c",
              "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
              "users": [{"name": "u", "user": {}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)


def figures(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        peak = next(line for line in file if line.startswith("VmHWM:"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(peak.split()[1]) / 1024


def measure(command, cluster, env):
    sent = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 18099), handler(cluster, sent))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


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
        access, own, collector = (os.path.join(folder, name) for name in ("kubeconfig", "lifespan.yaml", "otelcol.yaml"))
        kubeconfig(access, 18099)
        quiet = {"telemetry": {"metrics": {"level": "none"}}}
        with open(own, "w", encoding="utf-8") as file:
            json.dump({"receivers": {"k8s_lifecycle": {"auth_type": "kubeConfig", "objects": [{"name": "pods"}]}},
                       "exporters": {"debug": {}},
                       "service": {**quiet, "pipelines": {"traces": {"receivers": ["k8s_lifecycle"], "exporters": ["debug"]}}}}, file)
        with open(collector, "w", encoding="utf-8") as file:
            json.dump({"receivers": {"k8sobjects": {"auth_type": "kubeConfig", "objects": [{"name": "pods", "mode": "watch"}]}},
                       "exporters": {"nop": {}},
                       "service": {**quiet, "pipelines": {"logs": {"receivers": ["k8sobjects"], "exporters": ["nop"]}}}}, file)
        peers = {"lifespan": [arguments.lifespan, "--config", own], "reflector": [os.path.join(target, "release", "reflector")]}
        if arguments.collector:
            peers["collector"] = [arguments.collector, "--config", collector]
        told = {}
        for name, command in peers.items():
            runs = [measure(command, cluster, {"KUBECONFIG": access}) for _ in range(arguments.runs)]
            told[name] = tuple(statistics.median(column) for column in zip(*runs))
            print(f"{name:<10} {told[name][0]:7.2f} CPU-seconds {told[name][1]:7.1f} MiB at the peak", flush=True)
        for name in list(told)[1:]:
            ratios = [there / here for here, there in zip(told["lifespan"], told[name])]
            print(f"{name} / lifespan: {ratios[0]:.1f} times the CPU, {ratios[1]:.1f} times the memory")


if __name__ == "__main__":
    main()
