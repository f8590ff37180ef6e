#!/usr/bin/env python3
"""Thousands of Pods of a real API server, read in both encodings, by lists and as streams: equal traces.

    tests/e2e/many.py LIFESPAN [--pods N]

LIFESPAN is the built binary; kubectl leads to any cluster in which a namespace may be made. Only the
standard library is used. N Pods that no scheduler takes stay Pending, so that a cluster without a node
will do. Four processes start when all are there, with `encoding: auto` and `json`, `watch_list: always`
and `never`. Then all Pods are labelled, which tells nothing, and deleted. All four must tell the same:
ids, names, outcomes, of each span; and as many objects. What each needed is printed: the seconds until
everything was listed, CPU-seconds, peak and last memory.
"""
import argparse
import atexit
import concurrent.futures
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from api import Proxy
from jaeger import told
from side_by_side import tag

WAYS = [(encoding, lists) for encoding in ("auto", "json") for lists in ("always", "never")]
LAST = 20  # seconds: all holds, and what the timers allow for


def pod(number):
    containers = [{"name": "app", "image": "app:v1", "env": [{"name": "MODE", "value": "many"}], "resources": {"requests": {"cpu": "10m"}}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p-{number}", "labels": {"app": "many"}},
            "spec": {"schedulerName": "none", "containers": containers}}


def each(base, numbers, method, path, body=lambda _: None, content="application/json"):
    """One request for each number, eight at a time."""
    host = urllib.parse.urlsplit(base).netloc

    def some(part):
        connection = http.client.HTTPConnection(host, timeout=60)
        for number in part:
            connection.request(method, path(number), json.dumps(body(number)) if body(number) else None, {"content-type": content})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{answer.status} {said[:300].decode()}")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(some, [numbers[at::8] for at in range(8)]))


class Run:
    """One process that reads in one way."""

    def __init__(self, lifespan, folder, namespace, way, port):
        self.way, self.spans, self.began = way, os.path.join(folder, "-".join(way) + ".jsonl"), time.monotonic()
        config = {
            "receivers": {"k8s_lifecycle": {"auth_type": "kubeConfig", "namespaces": [namespace], "encoding": way[0], "watch_list": way[1]}},
            "exporters": {"file": {"path": self.spans}},
            "extensions": {"health_check": {"endpoint": f"127.0.0.1:{port}"}},
            "service": {"extensions": ["health_check"], "telemetry": {"metrics": {"level": "none"}},
                        "pipelines": {"traces": {"receivers": ["k8s_lifecycle"], "exporters": ["file"]}}},
        }
        place = os.path.join(folder, "-".join(way) + ".yaml")
        with open(place, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.log = open(os.path.join(folder, "-".join(way) + ".log"), "w", encoding="utf-8")
        self.process = subprocess.Popen([lifespan, "--config", place], stdout=self.log, stderr=self.log)
        atexit.register(self.process.kill)
        while not self.is_ready(port):
            time.sleep(0.02)
        self.ready = time.monotonic() - self.began
        self.listed = self.needs()

    def is_ready(self, port):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            if self.process.poll() is not None:
                raise RuntimeError(f"it has ended: {self.log.name}") from None
            return False

    def needs(self):
        """CPU-seconds so far; peak and present memory in MiB."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            ticks = file.read().rsplit(")", 1)[1].split()[11:13]
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file)
        memory = [int(lines[key].split()[0]) / 1024 for key in ("VmHWM", "VmRSS")]
        return [sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), *memory]

    def stop(self):
        self.last = self.needs()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=120)
        with open(self.spans, encoding="utf-8") as file:
            traces, _ = told(file)
        self.told = {(trace, span): (it["name"], tag(it, "lifespan.outcome"), it["parent"], it["error"])
                     for trace, spans in traces.items() for span, it in spans.items()}
        return code


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--pods", type=int, default=20_000)
    arguments = parser.parse_args()
    namespace, folder, numbers = f"lifespan-many-{os.getpid()}", tempfile.mkdtemp(), list(range(arguments.pods))
    subprocess.run(["kubectl", "create", "namespace", namespace], check=True, capture_output=True)
    wrong = []
    with Proxy() as base:
        pods = f"/api/v1/namespaces/{namespace}/pods"
        began = time.monotonic()
        each(base, numbers, "POST", lambda _: pods, pod)
        print(f"{arguments.pods} Pods created in {time.monotonic() - began:.0f} s", flush=True)
        runs = [Run(arguments.lifespan, folder, namespace, way, 18100 + at) for at, way in enumerate(WAYS)]
        time.sleep(2)
        labels = {"metadata": {"labels": {"again": "yes"}}}
        each(base, numbers, "PATCH", lambda number: f"{pods}/p-{number}", lambda _: labels, "application/merge-patch+json")
        after = [run.needs() for run in runs]
        each(base, numbers, "DELETE", lambda number: f"{pods}/p-{number}")
        time.sleep(LAST)
    for run, patched in zip(runs, after):
        code = run.stop()
        if code != 0:
            wrong.append(f"{run.way} ended with {code}")
        print(f"encoding {run.way[0]}, watch_list {run.way[1]}: ready after {run.ready:.2f} s, {run.listed[0]:.2f} CPU-seconds, {run.listed[2]:.0f} MiB;"
              f" {arguments.pods} labels {patched[0] - run.listed[0]:.2f} CPU-seconds; in the end {run.last[0]:.2f} CPU-seconds,"
              f" {run.last[2]:.0f} MiB, peak {run.last[1]:.0f} MiB; {len(run.told)} spans", flush=True)
    for run in runs[1:]:
        different = [key for key in runs[0].told.keys() | run.told.keys() if runs[0].told.get(key) != run.told.get(key)]
        wrong += [f"{run.way}: {key} is {run.told.get(key)}, and {runs[0].told.get(key)} by {runs[0].way}" for key in different[:5]]
        wrong += [f"{run.way}: {len(different)} spans are others"] if different else []
    n_pods = len({span[0] for span in runs[0].told if runs[0].told[span][0] == "start Pod"})
    if n_pods != arguments.pods:
        wrong.append(f"{n_pods} Pods are told of")
    print("\n".join(wrong[:40]) if wrong else f"equal traces of {n_pods} Pods; everything in {folder}")
    subprocess.run(["kubectl", "delete", "namespace", namespace, "--wait=false"], check=False, capture_output=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
