#!/usr/bin/env python3
"""Deploys lifespan to a real cluster as deploy/kustomize does, and reads from Jaeger what it tells.

    tests/e2e/deployed.py IMAGE [--pod-image IMAGE] [--by-hand]

IMAGE is lifespan's, one that the nodes can pull; --pod-image is one with `sleep`. KUBECONFIG and
kubectl lead to any cluster in which namespaces and cluster roles may be made; all are gone
afterwards. A Jaeger must take OTLP gRPC on 127.0.0.1:4317, and answer queries on 127.0.0.1:16686.

--by-hand is for a cluster on one machine whose Pods have no network and which mounts no tokens: the
Pod takes the network of its node, and what the admission of service accounts does is written out.

What must be: the Pod becomes ready with the permissions of the overlay and no others, as a user that
is not root and on a file system that is not written; what happens to a Deployment is in Jaeger; it
ends within its grace, with everything delivered.
"""
import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from jaeger import stored_of
from side_by_side import STABLE, Cluster, broken, roots_of, tag

HERE = os.path.dirname(os.path.abspath(__file__))
OVERLAY = os.path.join(HERE, "..", "..", "deploy", "kustomize", "overlays", "cluster")
OURS, THEIRS = "lifespan", "lifespan-e2e-deployed"
TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"


def patched(arguments, api, folder):
    """The overlay with another image and endpoint, as a kustomization of its own."""
    container = {"name": "lifespan", "image": arguments.image, "command": ["/lifespan"],
                 "env": [{"name": "OTLP_ENDPOINT", "value": "127.0.0.1:4317"}]}
    pod = {"containers": [container]}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OURS, "labels": {}}}
    resources = [os.path.relpath(OVERLAY, folder)]
    if arguments.by_hand:
        host, port = re.fullmatch("https://(.*):([0-9]+)", api["server"]).groups()
        container["env"] += [{"name": "KUBERNETES_SERVICE_HOST", "value": host}, {"name": "KUBERNETES_SERVICE_PORT", "value": port}]
        container["volumeMounts"] = [{"name": "token", "mountPath": TOKENS, "readOnly": True}]
        sources = [{"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
                   {"configMap": {"name": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                   {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}]
        pod.update(hostNetwork=True, volumes=[{"name": "token", "projected": {"sources": sources}}])
        # The restricted profile forbids the node's network.
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged"
        authority = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": OURS},
                     "data": {"ca.crt": base64.b64decode(api["certificate-authority-data"]).decode()}}
        with open(os.path.join(folder, "ca.yaml"), "w", encoding="utf-8") as file:
            json.dump(authority, file)
        resources.append("ca.yaml")
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "lifespan", "namespace": OURS},
                  "spec": {"template": {"spec": pod}}}
    patches = [{"patch": json.dumps(patch)} for patch in (namespace, deployment)]
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources, "patches": patches}
    with open(os.path.join(folder, "kustomization.yaml"), "w", encoding="utf-8") as file:
        json.dump(kustomization, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("--pod-image", default="busybox:1.36")
    parser.add_argument("--by-hand", action="store_true")
    arguments = parser.parse_args()
    ours, theirs = Cluster(OURS), Cluster(THEIRS)
    api = json.loads(ours.kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json"))["clusters"][0]["cluster"]
    with tempfile.TemporaryDirectory() as folder:
        patched(arguments, api, folder)
        try:
            ours.kubectl("apply", "-k", folder)
            began = time.monotonic()
            ours.kubectl("rollout", "status", "deployment", "lifespan", "--timeout=60s")
            print(f"ready {time.monotonic() - began:.0f} s after it was applied, all kinds listed", flush=True)
            faults = told_of_a_deployment(ours, theirs, arguments.pod_image)
            for fault in faults:
                print(fault)
        except subprocess.CalledProcessError as error:
            print(error.stderr)
            print(ours.kubectl("describe", "pods")[-3000:], ours.kubectl("logs", "deployment/lifespan", "--tail=20"))
            raise
        finally:
            ours.kubectl("delete", "-k", folder, "--ignore-not-found", "--wait=false")
            ours.kubectl("delete", "namespace", THEIRS, "--ignore-not-found", "--wait=false")
    sys.exit(1 if faults else 0)


def told_of_a_deployment(ours, theirs, image):
    since = int(time.time() * 1e6)
    theirs.kubectl("create", "namespace", THEIRS)
    theirs.kubectl("create", "deployment", "seen", "--image", image, "--replicas=2", "--", "sleep", "1000")
    theirs.settle("seen")
    theirs.kubectl("scale", "deployment", "seen", "--replicas=1")
    theirs.settle("seen")
    logs = subprocess.Popen(["kubectl", "-n", OURS, "logs", "-f", "deployment/lifespan"], stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    began = time.monotonic()
    ours.kubectl("scale", "deployment", "lifespan", "--replicas=0")
    log = logs.communicate(timeout=60)[0]
    print(f"ended {time.monotonic() - began:.1f} s after it was asked to", flush=True)
    time.sleep(1)
    live = stored_of("seen", since)
    told = [(span["name"], tag(span, "lifespan.outcome")) for span in roots_of(live)]
    expected = [("create Deployment", "completed"), ("scale Deployment", "completed")]
    wrong = [] if told == expected else [f"the roots are {told}, expected were {expected}"]
    wrong += broken(live)
    lines = [json.loads(line) for line in log.splitlines()]
    wrong += [f"it says {line}" for line in lines if line["level"] not in ("info", "debug")]
    wrong += [] if lines and "omplete" in lines[-1]["msg"] else [f"its last words are {lines[-1:]}"]
    print(f"{len(live)} traces, {sum(map(len, live.values()))} spans, {len(lines)} lines of log, {len(wrong)} faults", flush=True)
    return wrong


if __name__ == "__main__":
    main()
