#!/usr/bin/env python3
"""Watches a real cluster directly, and through proxies that make it look otherwise: what is told is the same.

    tests/e2e/through.py LIFESPAN [--image-before IMAGE] [--image-after IMAGE] [--shift SECONDS] [--away SECONDS]

LIFESPAN is the built binary; kubectl leads to any cluster in which a namespace may be made. Only the
standard library is used. Three processes watch a Deployment that is created, updated, and loses a Pod:

* one directly;
* one through a proxy in which the kubelet's clock is off by SECONDS (all times of a Pod's status that
  the kubelet writes, and those of its Events);
* one through a proxy that breaks all connections off in the middle of the update, answers nothing for
  SECONDS, and then lets the watches go on.

All must tell the same transitions with the same spans below; only times, and what is said of them, may differ.
"""
import argparse
import collections
import datetime
import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from api import Api, Proxy
from cases import ready, workload
from jaeger import told
from side_by_side import STABLE, roots_of, tag

OF_KUBELET = {"Ready", "ContainersReady", "Initialized", "PodReadyToStartContainers"}


def moved(text, seconds):
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    return (datetime.datetime.strptime(text, form) + datetime.timedelta(seconds=seconds)).strftime(form)


def shifted(thing, seconds):
    """An object, list or watch event as it would be if the kubelet's clock were off."""
    if "items" in thing:
        for item in thing["items"] or []:
            shifted(item, seconds)
    elif "object" in thing:
        shifted(thing["object"], seconds)
    elif (thing.get("source") or {}).get("component") == "kubelet" or thing.get("reportingComponent") == "kubelet":
        for key in ("eventTime", "firstTimestamp", "lastTimestamp"):
            if thing.get(key):
                thing[key] = moved(thing[key], seconds)
        about, _, nanos = thing["metadata"]["name"].rpartition(".")
        thing["metadata"]["name"] = f"{about}.{int(nanos, 16) + seconds * 10**9:x}"
    elif "containerStatuses" in thing.get("status", {}) or "conditions" in thing.get("status", {}) and "nodeName" in thing.get("spec", {}):
        status = thing["status"]
        if "startTime" in status:
            status["startTime"] = moved(status["startTime"], seconds)
        for condition in status.get("conditions", []):
            if condition["type"] in OF_KUBELET and condition.get("lastTransitionTime"):
                condition["lastTransitionTime"] = moved(condition["lastTransitionTime"], seconds)
        for container in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
            for state in (container.get("state", {}), container.get("lastState", {})):
                for of in ("running", "terminated"):
                    for key in ("startedAt", "finishedAt"):
                        if state.get(of, {}).get(key):
                            state[of][key] = moved(state[of][key], seconds)
    return thing


class Between:
    """A proxy before the API server."""

    def __init__(self, base, shift=0):
        self.is_away, self.open = False, set()
        host = urllib.parse.urlsplit(base).netloc
        own = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                if own.is_away:
                    return self.connection.close()
                own.open.add(self.connection)
                upstream = http.client.HTTPConnection(host, timeout=400)
                upstream.request("GET", self.path, headers={"accept": "application/json"})
                answer = upstream.getresponse()
                self.send_response(answer.status)
                self.send_header("content-type", "application/json")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                is_watch = "watch=" in self.path or "watch=1" in self.path
                try:
                    for part in (answer if is_watch else [answer.read()]):
                        if shift and (is_watch or re.search(r"/(pods|events)\?", self.path)):
                            part = (json.dumps(shifted(json.loads(part), shift)) + "\n").encode()
                        if own.is_away:
                            break
                        self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    else:
                        return self.wfile.write(b"0\r\n\r\n")
                    self.connection.close()
                except OSError:
                    pass
                finally:
                    own.open.discard(self.connection)
                    upstream.close()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def away(self, seconds):
        self.is_away = True
        for connection in list(self.open):
            try:
                connection.shutdown(2)
            except OSError:
                pass
        time.sleep(seconds)
        self.is_away = False


def watcher(lifespan, folder, name, url, namespace):
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    config = {
        "receivers": {"k8s_lifecycle": {"auth_type": "kubeConfig", "namespaces": [namespace]}},
        "exporters": {"file": {"path": os.path.join(folder, f"{name}.spans")}},
        "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": {"traces": {"receivers": ["k8s_lifecycle"], "exporters": ["file"]}}},
    }
    for ending, text in (("kubeconfig", kubeconfig), ("config", config)):
        with open(os.path.join(folder, f"{name}.{ending}"), "w", encoding="utf-8") as file:
            json.dump(text, file)
    log = open(os.path.join(folder, f"{name}.log"), "w", encoding="utf-8")
    environment = {**os.environ, "KUBECONFIG": os.path.join(folder, f"{name}.kubeconfig")}
    return subprocess.Popen([lifespan, "--config", os.path.join(folder, f"{name}.config")], stdout=log, stderr=log, env=environment)


def outline(folder, name):
    """The transitions in order, each with how it ended and how many spans of each name are below it."""
    with open(os.path.join(folder, f"{name}.spans"), encoding="utf-8") as file:
        traces, _ = told(file)
    lines = []
    for root in roots_of(traces):
        spans = next(spans for spans in traces.values() if any(span is root for span in spans.values()))
        below = collections.Counter(span["name"] for span in spans.values() if span is not root)
        lines.append(f"{root['name']} {tag(root, 'lifespan.outcome')} {tag(root, 'lifespan.reason') or ''} {dict(sorted(below.items()))}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lifespan")
    parser.add_argument("--image-before", default="busybox:1.36")
    parser.add_argument("--image-after", default="busybox:1.37")
    parser.add_argument("--shift", type=int, default=-120)
    parser.add_argument("--away", type=int, default=20)
    arguments = parser.parse_args()
    namespace = f"lifespan-e2e-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder, Proxy() as base:
        api = Api(base, namespace)
        world = type("World", (), {"api": api})
        off, cut = Between(base, shift=arguments.shift), Between(base)
        api.ask("POST", "Namespace", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        watching = {name: watcher(arguments.lifespan, folder, name, url, namespace) for name, url in (("direct", base), ("shifted", off.url), ("away", cut.url))}
        try:
            time.sleep(5)
            api.create("Deployment", "web", workload("web", arguments.image_before, 2))
            ready(world, "web", 2)
            time.sleep(STABLE)
            api.patch("Deployment", "web", {"spec": {"template": workload("web", arguments.image_after, 2)["template"]}})
            time.sleep(0.5)
            breaking = threading.Thread(target=cut.away, args=(arguments.away,))
            breaking.start()
            ready(world, "web", 2)
            time.sleep(STABLE)
            breaking.join()
            time.sleep(STABLE)
            api.delete("Pod", api.list("Pod", "app=web")[0]["metadata"]["name"])
            time.sleep(5)
            ready(world, "web", 2)
            time.sleep(STABLE + 10)
        finally:
            for process in watching.values():
                process.terminate()
            codes = {name: process.wait(timeout=40) for name, process in watching.items()}
            api.ask("DELETE", "Namespace", namespace)
        outlines = {name: outline(folder, name) for name in watching}
        print("\n".join(outlines["direct"]))
        wrong = [f"{name} ended with {code}" for name, code in codes.items() if code != 0]
        for name in ("shifted", "away"):
            wrong += [f"{name}: - {line}" for line in outlines["direct"] if line not in outlines[name]]
            wrong += [f"{name}: + {line}" for line in outlines[name] if line not in outlines["direct"]]
    print("\n".join(wrong) or f"the same with the kubelet's clock off by {arguments.shift} s, and away for {arguments.away} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
