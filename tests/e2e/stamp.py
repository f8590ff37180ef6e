#!/usr/bin/env python3
"""Stamps objects of a real cluster, installs the webhook there, and watches what comes of it.

    tests/e2e/stamp.py LIFESPAN CONTROLLER

LIFESPAN is the built binary, CONTROLLER that of tests/controller (`cargo build` there). KUBECONFIG
and kubectl lead to any cluster whose API server reaches this machine under 127.0.0.1, and in which a
namespace and a MutatingWebhookConfiguration may be made; both are gone afterwards. No Pod is started.
With APISERVER_TRACING=yes the API server has tracing switched on: what is stamped is then of its trace.
Where Go is installed, what was minted is read by its propagator of the version that Kubernetes pins.

What must be: `stamp` writes onto manifests and objects and leaves what stands there; a request with a
traceparent stamps the Deployment that it creates, and its trace is linked to that of the request;
what changes no spec is left; an undo gets a stamp of its own, one from Git stays; what is nearly full is
left alone; a caBundle that is lost comes back; the controller applies what it wants once; and no write
fails, whether the webhook is there, hangs or is gone.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

NAMESPACE = CONFIGURATION = "lifespan-e2e-stamp"
HERE = os.path.dirname(os.path.abspath(__file__))
KEY = "tracing.k8s.io/traceparent"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


PARENT = "00-{:032x}-{:016x}-01"
PORT, PROXY = free_port(), free_port()


def kubectl(*arguments, stdin=None):
    command = ["kubectl", "-n", NAMESPACE, *arguments]
    return subprocess.run(command, check=True, input=stdin, capture_output=True, text=True).stdout


def annotations(kind, name):
    return json.loads(kubectl("get", kind, name, "-o", "json"))["metadata"].get("annotations", {})


def deployment(name):
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"report": "yes"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "a", "image": "none:1"}]}}},
    }


def ask(method, path, body, traceparent=None):
    """A client that sends a trace context; kubectl does not."""
    kind = "merge-patch+json" if method == "PATCH" else "json"
    headers = {"content-type": f"application/{kind}"}
    if traceparent:
        headers["traceparent"] = traceparent
    url = f"http://127.0.0.1:{PROXY}/apis/apps/v1/namespaces/{NAMESPACE}/deployments{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def stamp_by_hand(lifespan):
    manifest = json.dumps(deployment("hand"))
    environment = {**os.environ, "TRACEPARENT": PARENT.format(1, 1)}
    run = lambda *arguments, **more: subprocess.run(
        [lifespan, "stamp", *arguments], check=True, capture_output=True, text=True, **more)
    kubectl("apply", "-f", "-", stdin=run(input=manifest, env=environment).stdout)
    assert annotations("deploy", "hand")[KEY] == PARENT.format(1, 1)
    live = ["deploy/hand", "-n", NAMESPACE, "--traceparent", PARENT.format(2, 2)]
    assert "--overwrite replaces it" in run(*live).stderr
    assert annotations("deploy", "hand")[KEY] == PARENT.format(1, 1)
    run(*live, "--overwrite")
    assert annotations("deploy", "hand")[KEY] == PARENT.format(2, 2)
    print("stamp: manifests and objects are stamped, and what stands there stays unless asked")


def same(stamp, parent):
    """With its own tracing the API server hands on a span of its own: in the trace of who may say so, and
    else in one that links to it."""
    return stamp[36:52] != parent[36:52] if os.environ.get("APISERVER_TRACING") else stamp == parent


def stamp_by_webhook():
    created = ask("POST", "", deployment("hooked"), PARENT.format(3, 3))
    assert same(created["metadata"]["annotations"][KEY], PARENT.format(3, 3)), created["metadata"]
    kubectl("label", "deploy", "hooked", "a=b")
    kubectl("set", "image", "deploy/hooked", "a=none:2", "--dry-run=server")
    assert same(annotations("deploy", "hooked")[KEY], PARENT.format(3, 3))
    time.sleep(3)
    image = {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "none:2"}]}}}}
    updated = ask("PATCH", "/hooked", image, PARENT.format(4, 4))
    assert same(updated["metadata"]["annotations"][KEY], PARENT.format(4, 4))
    assert "annotations" not in updated["spec"]["template"]["metadata"]
    time.sleep(3)
    kubectl("set", "image", "deploy/hooked", "a=none:3")
    begun = annotations("deploy", "hooked")[KEY]
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", begun), begun
    print("webhook: requests with a traceparent and without, labels and dry runs are as they should be")
    return begun


def image(name, tag, traceparent=None):
    spec = {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": f"none:{tag}"}]}}}}
    return ask("PATCH", "/" + name, spec, traceparent)["metadata"].get("annotations", {}).get(KEY)


def undo():
    kubectl("apply", "-f", "-", stdin=json.dumps(deployment("undone")))
    stamps = [annotations("deploy", "undone")[KEY]]
    kubectl("rollout", "status", "deploy/undone", "--timeout=30s")
    stamps.append(image("undone", 2))
    kubectl("rollout", "status", "deploy/undone", "--timeout=30s")
    kubectl("rollout", "undo", "deploy/undone")
    stamps.append(annotations("deploy", "undone")[KEY])
    assert len(set(stamps)) == 3, stamps
    print("undo: the old template comes back with a stamp of its own")


def from_git():
    fixed = PARENT.format(9, 9)
    for tag in (1, 2, 3, 1):
        manifest = deployment("fixed")
        manifest["metadata"]["annotations"] = {KEY: fixed}
        manifest["spec"]["template"]["spec"]["containers"][0]["image"] = f"none:{tag}"
        kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))
        assert annotations("deploy", "fixed")[KEY] == fixed, tag
    kubectl("set", "image", "deploy/fixed", "a=none:9")
    assert annotations("deploy", "fixed")[KEY] != fixed, "one that was left over"
    print("git: a stamp that is applied each time stays, and is no stamp of others' writes")


def by_hand():
    kubectl("create", "cronjob", "nightly", "--image=none:1", "--schedule=0 0 1 1 *")
    kubectl("create", "job", "now", "--from=cronjob/nightly")
    assert annotations("job", "now")[KEY] != annotations("cronjob", "nightly")[KEY]
    print("by hand: the Job that a person makes of a CronJob has a stamp of its own")


def nearly_full():
    for size in (180, 200, 255):
        full = deployment(f"full-{size}")
        full["metadata"]["annotations"] = {"example.com/large": "x" * (size << 10)}
        created = ask("POST", "", full, PARENT.format(5, 5))
        assert (KEY in created["metadata"]["annotations"]) == (size < 192), size
        image(f"full-{size}", 2, PARENT.format(6, 6))
    print("full: what is nearly full is written as if there were no webhook")


def ca_bundle_lost(said):
    empty = {"webhooks": [{"name": "stamp.lifespan.io", "clientConfig": {"caBundle": ""}}]}
    kubectl("patch", "mutatingwebhookconfiguration", CONFIGURATION, "--type=strategic", "-p", json.dumps(empty))
    for _ in range(80):
        time.sleep(1)
        found = json.loads(kubectl("get", "mutatingwebhookconfiguration", CONFIGURATION, "-o", "json"))
        if found["webhooks"][0]["clientConfig"].get("caBundle"):
            break
    else:
        raise AssertionError("the caBundle did not come back: " + said.name)
    time.sleep(6)
    assert image("hooked", "trusted", PARENT.format(7, 7))
    assert same(annotations("deploy", "hooked")[KEY], PARENT.format(7, 7))
    print("caBundle: what was lost is written again")


def no_write_fails(name, n=24):
    """Writes side by side, each of an object of its own: of one object each write that others overtake
    asks the webhook again. How long the longest took."""
    def write(index):
        began = time.monotonic()
        ask("POST", "", deployment(f"{name}-{index}"))
        image(f"{name}-{index}", 2)
        return time.monotonic() - began

    with ThreadPoolExecutor(4) as pool:
        longest = max(pool.map(write, range(n)))
    assert longest < 10, longest
    print(f"{name}: {2 * n} of {2 * n} writes went on, the longest two took {longest:.1f} s")


def quiet(reconciled):
    """The controller applies what it wants, hears of its own write, and is quiet."""
    def lines():
        reconciled.seek(0)
        return [line for line in reconciled.read().splitlines() if line.startswith("hooked-report ")]

    before = len(lines())
    ask("PATCH", "/hooked", {"spec": {"paused": True, "replicas": 0, "minReadySeconds": 1}}, PARENT.format(8, 8))
    time.sleep(5)
    told = lines()
    assert sum(" Written " in line for line in told) == 1, told
    assert len(told) - before < 8, told
    time.sleep(3)
    assert len(lines()) == len(told), "it has not come to rest"
    print(f"controller: {len(told)} reconciles, one of which wanted something new")


def read_by_go(begun):
    here = os.path.join(HERE, "..", "interop", "vectors.go")
    with tempfile.TemporaryDirectory() as folder:
        with open(here, encoding="utf-8") as source, open(os.path.join(folder, "main.go"), "w") as copy:
            copy.write(source.read())
        with open(os.path.join(folder, "go.mod"), "w") as module:
            module.write("module vectors\n\ngo 1.24\n")
        run = lambda *command: subprocess.run(
            ["go", *command], cwd=folder, check=True, capture_output=True, text=True, input=begun + "\n").stdout
        run("get", "go.opentelemetry.io/otel@v1.41.0", "go.opentelemetry.io/otel/trace@v1.41.0")
        flags = run("run", ".").strip()
    assert flags == begun[-2:], (flags, begun)
    print("go: what was minted is read by go.opentelemetry.io/otel 1.41.0")


def main():
    lifespan, controller = (os.path.abspath(path) for path in sys.argv[1:3])
    kubectl("create", "namespace", NAMESPACE)
    running = []
    folder = tempfile.mkdtemp()

    def start(name, command, **more):
        out = open(os.path.join(folder, name), "w+")
        running.append(subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **more))
        return running[-1], out

    try:
        stamp_by_hand(lifespan)
        path = os.path.join(HERE, "..", "..", "deploy/kustomize/components/webhook/configuration.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        text = re.sub("service: {.*}", f"url: https://127.0.0.1:{PORT}/stamp", text)
        text = re.sub("operator: NotIn, values: .*}", f"operator: In, values: [{NAMESPACE}]}}", text)
        text = text.replace("name: lifespan-webhook", f"name: {CONFIGURATION}")
        kubectl("apply", "-f", "-", stdin=text)
        webhook, said = start("webhook", [lifespan, "webhook", "--listen", f"127.0.0.1:{PORT}",
                                       "--service", "127.0.0.1", "--configuration", CONFIGURATION])
        watch, watched = start("watch", [lifespan, "-n", NAMESPACE])
        start("proxy", ["kubectl", "proxy", f"--port={PROXY}"])
        config = os.path.join(folder, "kubeconfig")
        with open(config, "w", encoding="utf-8") as file:
            file.write(kubectl("config", "view", "--raw", "--flatten", "--minify"))
        environment = {**os.environ, "KUBECONFIG": config}
        subprocess.run(["kubectl", "config", "set-context", "--current", f"--namespace={NAMESPACE}"],
                       check=True, env=environment, stdout=subprocess.DEVNULL)
        _, reconciled = start("controller", [controller], env=environment)
        # The API server takes a moment to see a new caBundle.
        time.sleep(6)
        assert webhook.poll() is None, "the webhook ended: " + said.name
        begun = stamp_by_webhook()
        time.sleep(16)
        watch.send_signal(signal.SIGINT)
        watch.wait(30)
        watched.seek(0)
        links = re.findall(r"link stamp ([0-9a-f]{32})", watched.read())
        traces = [begun.split("-")[1]]
        if not os.environ.get("APISERVER_TRACING"):
            traces += [f"{3:032x}", f"{4:032x}"]
        for trace in traces:
            assert trace in links, (trace, links)
        reconciled.seek(0)
        told = reconciled.read()
        linked = "[0-9a-f]{32}" if os.environ.get("APISERVER_TRACING") else f"{3:032x}"
        assert re.search(f"hooked-report Written kind=Consumer .*links=\\[{linked}\\]", told), told
        print("links: each rollout is linked to the request that wrote it, and so is the reconcile")
        quiet(reconciled)
        undo()
        from_git()
        by_hand()
        nearly_full()
        ca_bundle_lost(said)
        no_write_fails("answered")
        webhook.send_signal(signal.SIGSTOP)
        no_write_fails("hung")
        webhook.send_signal(signal.SIGCONT)
        webhook.kill()
        webhook.wait(10)
        no_write_fails("gone")
        if shutil.which("go"):
            read_by_go(begun)
    finally:
        for process in running:
            process.terminate()
        subprocess.run(["kubectl", "delete", "--wait=false", "namespace/" + NAMESPACE,
                        "mutatingwebhookconfiguration/" + CONFIGURATION], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
