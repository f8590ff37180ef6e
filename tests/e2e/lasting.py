#!/usr/bin/env python3
"""Kills the program again and again while a real cluster works, and reads everything back from Jaeger.

    tests/e2e/lasting.py LIFESPAN [--minutes N] [--image-before IMAGE] [--image-after IMAGE] [--fault COMMAND]

LIFESPAN is the built binary. KUBECONFIG and kubectl lead to any cluster in which a namespace may be
made; a Jaeger takes OTLP gRPC on 127.0.0.1:4317 and answers queries on 127.0.0.1:16686. Both images
must have `sh` and `sleep`. Only the standard library is used.

Deployments are rolled, scaled, robbed of Pods, deleted and made again. The program stores what it knows
and what it has to send (`file_storage`). It is killed with SIGKILL at moments of chance and stays away for
0 to 20 s; Jaeger is out of its reach for a minute; each COMMAND, a shell line, is run once: one that
restarts the API server, or compacts etcd. `lifespan record` is never killed. In the end Jaeger must
have what a replay of its recording tells: each span once, nothing else, without warnings; times as far
apart as the spans say they are unsure. A trace that says `lifespan.watch.gap` must end as it does there, or
`vanished` where a list told the end. What lists cannot tell may be missing beside such a trace of the same
workload; how much that is, is told.

Each minute it prints what the process needs: memory, what waits in its queue, the size of its store.
With `--calm` nothing is killed or out of reach: a soak.
"""
import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from jaeger import ids_of, replayed, stored
from live import STAMP, manifest as probed
from side_by_side import STABLE, TOLERANCE_US, Cluster, cluster_uid, tag, tops

JAEGER = ("127.0.0.1", 4317)
NAMES = [f"web-{n}" for n in range(6)]


class Reach:
    """A port that leads to Jaeger, unless it is out of reach."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.is_away, self.open = self.listener.getsockname()[1], False, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            here, _ = self.listener.accept()
            if self.is_away:
                here.close()
                continue
            there = socket.create_connection(JAEGER)
            self.open += [here, there]
            for pair in [(here, there), (there, here)]:
                threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    @staticmethod
    def pass_on(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            end.close()

    def go_away(self, seconds):
        self.is_away = True
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []
        time.sleep(seconds)
        self.is_away = False


class Program:
    """The program that is killed, and goes on with what it stored."""

    def __init__(self, lifespan, folder, namespace, port, metrics):
        self.lifespan, self.folder, self.process, self.n_kills = lifespan, folder, None, 0
        self.metrics = f"http://127.0.0.1:{metrics}/metrics"
        self.store = os.path.join(folder, "store")
        config = {
            "receivers": {"k8s_lifecycle": {"auth_type": "kubeConfig", "namespaces": [namespace], "storage": "file_storage"}},
            "exporters": {"otlp_grpc": {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True}, "sending_queue": {"storage": "file_storage"},
                                        "retry_on_failure": {"max_elapsed_time": 0, "max_interval": "5s"}}},
            "extensions": {"file_storage": {"directory": self.store, "create_directory": True, "timeout": "10s"}},
            "service": {"extensions": ["file_storage"], "pipelines": {"traces": {"receivers": ["k8s_lifecycle"], "exporters": ["otlp_grpc"]}},
                        "telemetry": {"metrics": {"readers": [{"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": metrics}}}}]}}},
        }
        with open(os.path.join(folder, "config.yaml"), "w", encoding="utf-8") as file:
            json.dump(config, file)

    def start(self):
        with open(os.path.join(self.folder, "log"), "a", encoding="utf-8") as log:
            command = [self.lifespan, "--config", os.path.join(self.folder, "config.yaml")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.n_kills += 1

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def sample(self, *names):
        """The sum of each metric, of a process that may be away just now."""
        try:
            with urllib.request.urlopen(self.metrics, timeout=2) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return [None] * len(names)
        values = [(line.split("{")[0].split(" ")[0], float(line.rsplit(" ", 1)[1])) for line in lines if not line.startswith("#")]
        return [sum(value for key, value in values if key == name) for name in names]

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            return log.read()


def manifest(name, image, replicas, is_calm):
    """A Deployment with a fresh stamp. Where all is to be calm, nothing probes its Pods each second."""
    stamp = STAMP.format(random.getrandbits(127) + 1, random.getrandbits(63) + 1)
    made = json.loads(probed(name, image, stamp, replicas))
    if is_calm:
        made["spec"]["minReadySeconds"] = 1
        del made["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    return json.dumps(made)


def churn(cluster, images, until, is_calm):
    """Does something to a Deployment every few seconds."""
    for name in NAMES:
        cluster.apply(manifest(name, images[0], 2, is_calm))
    while time.monotonic() < until:
        name = random.choice(NAMES)
        try:
            match random.randrange(6):
                case 0 | 1:
                    cluster.apply(manifest(name, random.choice(images), random.randrange(1, 4), is_calm))
                case 2:
                    cluster.kubectl("scale", "deployment", name, f"--replicas={random.randrange(1, 4)}")
                case 3:
                    pods = cluster.pods(name)
                    if pods:
                        cluster.kubectl("delete", "pod", random.choice(pods)["metadata"]["name"], "--wait=false")
                case 4:
                    cluster.kubectl("rollout", "restart", "deployment", name)
                case 5:
                    cluster.kubectl("delete", "deployment", name)
                    cluster.gone(name)
                    cluster.apply(manifest(name, images[0], 2, is_calm))
        except subprocess.CalledProcessError as error:
            print(f"not done ({error.stderr.strip()[:100]})", flush=True)
        time.sleep(random.uniform(1, 6))


def faults(program, reach, commands, until):
    """Kills it, lets Jaeger be out of reach once, and runs each command once."""
    left = [lambda: reach.go_away(60)]
    left += [lambda command=command: subprocess.run(command, shell=True, check=True) for command in commands]
    begun = []
    while time.monotonic() < until:
        time.sleep(random.uniform(3, 25))
        if left and random.randrange(3) == 0:
            begun.append(threading.Thread(target=left.pop()))
            begun[-1].start()
            time.sleep(random.uniform(0, 4))
        program.kill()
        time.sleep(random.choice([0, 0, random.uniform(0, 20)]))
        program.start()
    for fault in begun:
        fault.join()
    for fault in left:
        fault()


def watch_cost(program, until):
    began, names = time.monotonic(), ["otelcol_process_memory_rss", "otelcol_exporter_queue_size", "otelcol_k8s_lifecycle_storage_bytes", "otelcol_process_cpu_seconds"]
    while time.monotonic() < until:
        time.sleep(60)
        rss, queue, size, cpu = program.sample(*names)
        if rss is not None:
            print(f"{(time.monotonic() - began) / 60:4.0f} min: {rss / 2**20:5.1f} MiB, {queue:.0f} in the queue, store {size / 2**10:.0f} KiB, {cpu:.2f} CPU-seconds", flush=True)


def unsure(span):
    return (tag(span, "lifespan.time.uncertainty_ms") or 0) * 1000


def gaps_of(live, services):
    """From when to when, in microseconds, something of a service may be missing beside a trace that says so."""
    gaps = {}
    for trace_id, spans in live.items():
        for root in tops(spans):
            if tag(root, "lifespan.watch.gap"):
                near = 1_000_000 + unsure(root)
                gaps.setdefault(services[trace_id], []).append((root["start"] - near, root["start"] + root["duration"] + near))
    return gaps


def compare(recorded, live, resources, gaps):
    """What Jaeger lacks, has besides or has otherwise; how many traces say that there was a gap, and how many
    are missing beside one."""
    wrong, n_gaps, n_unseen = [], 0, 0
    for trace_id in sorted(recorded.keys() | live.keys()):
        here, there = recorded.get(trace_id, {}), live.get(trace_id, {})
        roots = [(tops(spans) or [None])[0] for spans in (here, there)]
        if None in roots:
            root = roots[0] or roots[1]
            end = root["start"] + root["duration"]
            near = gaps.get(resources[trace_id]["service.name"], []) if roots[0] else []
            if any(first <= end and root["start"] <= last for first, last in near):
                n_unseen += 1
                continue
            wrong.append(f"trace {trace_id}: only {'the replay' if roots[0] else 'Jaeger'} has {root['name']} {tag(root, 'lifespan.cause')}")
            continue
        has_gap = any(tag(root, "lifespan.watch.gap") for root in roots)
        n_gaps += has_gap
        for span_id in here.keys() | there.keys():
            one, other = here.get(span_id), there.get(span_id)
            is_root = one is roots[0]
            if has_gap and not is_root:
                continue
            if one is None or other is None:
                wrong.append(f"trace {trace_id}: only {'the replay' if one else 'Jaeger'} has {(one or other)['name']} of {roots[0]['name']}")
                continue
            for key in ["name", "parent", "error"]:
                if one[key] != other[key]:
                    wrong.append(f"trace {trace_id} {one['name']}: {key} {one[key]} in the replay, {other[key]} in Jaeger")
            is_told_by_list = has_gap and tag(other, "lifespan.outcome") == "vanished"
            if tag(one, "lifespan.outcome") != tag(other, "lifespan.outcome") and not is_told_by_list:
                wrong.append(f"trace {trace_id} {one['name']}: {tag(one, 'lifespan.outcome')} in the replay, {tag(other, 'lifespan.outcome')} in Jaeger")
            ends = [span["start"] + span["duration"] for span in (one, other)]
            apart = max(abs(one["start"] - other["start"]), abs(ends[0] - ends[1]))
            if apart > TOLERANCE_US + unsure(one) + unsure(other):
                wrong.append(f"trace {trace_id} {one['name']}: times are {apart / 1000:.0f} ms apart, unsure by {unsure(one) / 1000:.0f} and {unsure(other) / 1000:.0f} ms")
    return wrong, n_gaps, n_unseen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--image-before", default="busybox:1.36")
    parser.add_argument("--image-after", default="busybox:1.37")
    parser.add_argument("--fault", metavar="COMMAND", action="append", default=[])
    parser.add_argument("--calm", action="store_true")
    parser.add_argument("--metrics-port", type=int, default=18888)
    arguments = parser.parse_args()
    namespace, since = f"lifespan-lasts-{os.getpid()}", int(time.time() * 1e6)
    subprocess.run(["kubectl", "create", "namespace", namespace], check=True, capture_output=True)
    cluster, reach, folder = Cluster(namespace), Reach(), tempfile.mkdtemp()
    program = Program(arguments.lifespan, folder, namespace, reach.port, arguments.metrics_port)
    recording = os.path.join(folder, "all.jsonl")
    recorder = subprocess.Popen([arguments.lifespan, "record", "--namespace", namespace, "-o", recording], stderr=subprocess.DEVNULL)
    program.start()
    time.sleep(4)
    until = time.monotonic() + arguments.minutes * 60
    work = [threading.Thread(target=churn, args=(cluster, [arguments.image_before, arguments.image_after], until, arguments.calm)),
            threading.Thread(target=watch_cost, args=(program, until))]
    if not arguments.calm:
        work.append(threading.Thread(target=faults, args=(program, reach, arguments.fault, until)))
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    for name in NAMES:
        cluster.kubectl("rollout", "status", "deployment", name, "--timeout=120s")
    time.sleep(2 * STABLE)
    while program.sample("otelcol_exporter_queue_size") != [0]:
        time.sleep(1)
    codes = [program.stop()]
    recorder.send_signal(signal.SIGINT)
    codes.append(recorder.wait(timeout=60))
    time.sleep(2)
    recorded, resources = replayed(arguments.lifespan, recording, "--cluster-uid", cluster_uid())
    live, warnings = {}, []
    services = {found: name for name in NAMES for found in ids_of(name, since)}
    for trace_id in services:
        spans, said, _ = stored(trace_id)
        live[trace_id] = spans
        warnings += [f"{trace_id}: warning: {text}" for text in said]
    wrong, n_gaps, n_unseen = compare(recorded, live, resources, gaps_of(live, services))
    wrong += warnings + [f"{name} ended with {code}" for name, code in zip(("lifespan", "record"), codes) if code != 0]
    wrong += [line for line in program.log().splitlines() if "panicked" in line or "set aside" in line]
    for line in wrong[:60]:
        print(line)
    n_spans = sum(map(len, live.values()))
    print(f"{program.n_kills} kills: {len(live)} traces, {n_spans} spans in Jaeger, {n_gaps} traces say that there was a gap, {n_unseen} are missing beside one, {len(wrong)} faults; everything in {folder}")
    subprocess.run(["kubectl", "delete", "namespace", namespace, "--wait=false"], check=False, capture_output=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
