#!/usr/bin/env python3
"""Leaves namespaces out of a real cluster, for all kinds and for one, and looks at what is told.

    tests/e2e/excluded.py LIFESPAN

LIFESPAN is the built binary. KUBECONFIG and kubectl lead to any cluster in which namespaces may be
made; they are gone afterwards. Only the standard library is used.
"""
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

LEFT, OWN, TOLD = NAMESPACES = ("lifespan-left-out", "lifespan-left-out-of-one", "lifespan-told")
CONFIG = """\
receivers:
  k8s_lifecycle:
    auth_type: kubeConfig
    exclude_namespaces: [%s]
    objects: [{name: deployments}, {name: cronjobs, exclude_namespaces: [%s]}]
exporters: {file: {path: %s}}
extensions: {health_check: {endpoint: "127.0.0.1:%d"}}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [k8s_lifecycle], exporters: [file]}}
"""
EXPECTED = [(OWN, "create Deployment"), (TOLD, "create CronJob"), (TOLD, "create Deployment")]
LIMIT = 60  # seconds that anything waited for may take


def kubectl(*arguments):
    done = subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")


def until(what, holds):
    end = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {LIMIT} s")
        time.sleep(0.2)


def is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def told(path):
    """The namespace and name of each root span in a file of OTLP JSON, sorted."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        for resource in json.loads(line)["resourceSpans"]:
            said = {it["key"]: it["value"].get("stringValue") for it in resource["resource"]["attributes"]}
            spans = [span for scope in resource["scopeSpans"] for span in scope["spans"]]
            found += [(said["k8s.namespace.name"], it["name"]) for it in spans if not it.get("parentSpanId")]
    return sorted(it for it in found if it[0] in NAMESPACES)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config, spans = pathlib.Path(folder, "c.yaml"), pathlib.Path(folder, "spans.json")
        config.write_text(CONFIG % (LEFT, OWN, spans, port))
        lifespan = subprocess.Popen([sys.argv[1], "--config", config], stderr=subprocess.DEVNULL)
        try:
            until("lifespan is healthy", lambda: is_healthy(port))
            for name in NAMESPACES:
                kubectl("create", "namespace", name)
                image = ["--image=registry.invalid/none"]
                kubectl("-n", name, "create", "deployment", "web", "--replicas=0", *image)
                kubectl("-n", name, "create", "cronjob", "tick", "--schedule=0 0 1 1 *", *image)
            # The namespace that all is told of was the last.
            until(f"{TOLD} is told", lambda: len([it for it in told(spans) if it[0] == TOLD]) == 2)
        finally:
            lifespan.send_signal(signal.SIGTERM)
            lifespan.wait(LIMIT)
            for name in NAMESPACES:
                kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
        if (found := told(spans)) != EXPECTED:
            sys.exit(f"told is {found}; expected {EXPECTED}")
    print("what is left out is not told")


if __name__ == "__main__":
    main()
