#!/usr/bin/env python3
"""Asks `lifespan explain` of objects in a real cluster, and compares with what their status says.

    tests/e2e/explain.py LIFESPAN

LIFESPAN is the built binary. KUBECONFIG and kubectl lead to any cluster in which a namespace and a
CRD may be made; both are gone afterwards. Only the standard library is used.
"""
import json
import subprocess
import sys
import time

GROUP = "explain.lifespan.example"
NAMESPACE = "lifespan-explain"
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": f"widgets.{GROUP}"},
    "spec": {
        "group": GROUP, "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [{
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }],
    },
}
# The status of an object, the verdict, and what of the reason must be told.
CASES = [
    ("none", None, "in progress", "it has no status"),
    ("word", {"phase": "Provisioning"}, "in progress", 'status.phase is "Provisioning"'),
    ("well", {"conditions": [{"type": "Ready", "status": "True"}]}, "settled", "condition Ready is True"),
    ("bad", {"state": "Failed", "message": "no room"}, "failed", 'status.state is "Failed"'),
    ("held", {"phase": "Paused"}, "waiting: Paused", 'status.phase is "Paused"'),
    ("old", {"observedGeneration": 0, "phase": "Ready"}, "in progress", "is about generation 0"),
]


def kubectl(*arguments, given=None):
    done = subprocess.run(["kubectl", *arguments], input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def apply(document):
    kubectl("apply", "-f", "-", given=json.dumps(document))


def wrong(lifespan, name, verdict, because):
    """What is not as it is to be, for one object."""
    command = [lifespan, "explain", f"widgets.{GROUP}/{name}", "-n", NAMESPACE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"{' '.join(command)}: {done.stderr}"
    missing = [text for text in (f": {verdict}", because) if text not in done.stdout]
    return f"{name}: {missing} is not in\n{done.stdout}" if missing else None


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lifespan = sys.argv[1]
    try:
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        apply(CRD)
        kubectl("wait", "--for=condition=Established", f"crd/widgets.{GROUP}", "--timeout=30s")
        time.sleep(1)
        for name, status, _, _ in CASES:
            apply({"apiVersion": f"{GROUP}/v1", "kind": "Widget", "spec": {"size": 1},
                   "metadata": {"name": name, "namespace": NAMESPACE}})
            if status is not None:
                kubectl("patch", f"widgets.{GROUP}", name, "-n", NAMESPACE, "--subresource=status",
                        "--type=merge", "-p", json.dumps({"status": status}))
        faults = [wrong(lifespan, name, verdict, because) for name, _, verdict, because in CASES]
    finally:
        kubectl("delete", "crd", f"widgets.{GROUP}", "--ignore-not-found")
        kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    faults = [fault for fault in faults if fault]
    print("\n".join(faults) or f"{len(CASES)} objects are explained as they are")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
