#!/usr/bin/env python3
"""Stamps objects of a real cluster, installs the webhook there, and watches what comes of it.

    tests/e2e/stamp.py LIFESPAN CONTROLLER

LIFESPAN is the built binary, CONTROLLER the example (`cargo build --example controller`). KUBECONFIG
and kubectl lead to any cluster whose API server reaches this machine under 127.0.0.1, and in which a
namespace and a MutatingWebhookConfiguration may be made; both are gone afterwards. No Pod is started.

What must be: `stamp` writes onto manifests and objects and leaves what stands there; a request with a
traceparent stamps the Deployment that it creates, and its trace is linked to that of the request;
what changes no spec is left; the example reconciles with a link to the same trace; without the
webhook writes go on.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

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


def ask(method, path, body, traceparent):
    """A client that sends a trace context; kubectl does not."""
    kind = "merge-patch+json" if method == "PATCH" else "json"
    headers = {"content-type": f"application/{kind}", "traceparent": traceparent}
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


def stamp_by_webhook():
    created = ask("POST", "", deployment("hooked"), PARENT.format(3, 3))
    assert created["metadata"]["annotations"][KEY] == PARENT.format(3, 3), created["metadata"]
    kubectl("label", "deploy", "hooked", "a=b")
    kubectl("set", "image", "deploy/hooked", "a=none:2", "--dry-run=server")
    assert annotations("deploy", "hooked")[KEY] == PARENT.format(3, 3)
    time.sleep(3)
    image = {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "none:2"}]}}}}
    updated = ask("PATCH", "/hooked", image, PARENT.format(4, 4))
    assert updated["metadata"]["annotations"][KEY] == PARENT.format(4, 4)
    assert "annotations" not in updated["spec"]["template"]["metadata"]
    time.sleep(3)
    kubectl("set", "image", "deploy/hooked", "a=none:3")
    begun = annotations("deploy", "hooked")[KEY]
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-02", begun), begun
    print("webhook: requests with a traceparent and without, labels and dry runs are as they should be")
    return begun


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
        for trace in (f"{3:032x}", f"{4:032x}", begun.split("-")[1]):
            assert trace in links, (trace, links)
        reconciled.seek(0)
        told = reconciled.read()
        assert re.search(f"hooked-report kind=Consumer .*links=\\[{3:032x}\\]", told), told
        print("links: each rollout is linked to the request that wrote it, and so is the reconcile")
        webhook.terminate()
        assert webhook.wait(10) == 0
        began = time.monotonic()
        kubectl("set", "image", "deploy/hooked", "a=none:4")
        assert time.monotonic() - began < 5 and annotations("deploy", "hooked")[KEY] == begun
        print("away: without the webhook writes go on")
    finally:
        for process in running:
            process.terminate()
        subprocess.run(["kubectl", "delete", "--wait=false", "namespace/" + NAMESPACE,
                        "mutatingwebhookconfiguration/" + CONFIGURATION], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
