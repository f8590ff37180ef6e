"""Ends that nobody asked a workload for, done to a real cluster. Cases are as in `cases`."""
import time

from api import Api
from cases import Told, container, ends, ready, starts, workload

LASTING = 16  # seconds: longer than what has settled must last, and then `settle_time`


def evicted(world, name):
    """The kubelet evicts a Pod that writes more than its volume may hold, once an annotation says so."""
    spec = workload(name, world.before, 1)
    mounts = [{"name": "scratch", "mountPath": "/scratch"}, {"name": "told", "mountPath": "/told"}]
    script = "trap 'exit 0' TERM; while true; do if [ -s /told/fill ]; then cat /bin/sh /bin/sh /bin/sh > /scratch/a; fi; sleep 0.5; done"
    fill = {"path": "fill", "fieldRef": {"fieldPath": "metadata.annotations['fill']"}}
    spec["template"]["spec"]["containers"] = [container(world.before, script, volumeMounts=mounts)]
    spec["template"]["spec"]["volumes"] = [
        {"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}, {"name": "told", "downwardAPI": {"items": [fill]}}]
    world.api.create("Deployment", name, spec)
    ready(world, name, 1)
    yield Told("create Deployment", "completed", {"create ReplicaSet": 1, **starts(1)})
    time.sleep(LASTING)
    first = world.api.list("Pod", f"app={name}")[0]["metadata"]["name"]
    world.api.patch("Pod", first, {"metadata": {"annotations": {"fill": "yes"}}})
    # Its container ends with 0 when it is stopped: then only an Event says that it was evicted.
    world.api.until(f"{first} is evicted", lambda: world.api.read("Pod", first)["status"]["phase"] in ("Failed", "Succeeded"))
    others = lambda: [it for it in world.api.list("Pod", f"app={name}") if it["metadata"]["name"] != first]
    is_ready = lambda it: any(one["type"] == "Ready" and one["status"] == "True" for one in it["status"].get("conditions", []))
    world.api.until(f"{name} has another Pod", lambda: any(map(is_ready, others())))
    time.sleep(LASTING)
    yield Told("recover Deployment", "completed", starts(1), {"lifespan.reason": "Evicted", "lifespan.lost.pod": first})
    world.api.delete("Deployment", name)
    world.api.until(f"the Pods of {name} are gone", lambda: not world.api.list("Pod", f"app={name}"))
    time.sleep(2)
    # That of the Pod that had come to its end is no span.
    yield Told("delete Deployment", "completed", {"delete ReplicaSet": 1, **ends(1)})


def namespace(world, name):
    """A namespace is deleted with what is in it: its Pods go first (KEP-5080)."""
    own = f"{world.api.namespace}-{name}"
    there = world._replace(api=Api(world.api.base, own))
    world.api.ask("POST", "Namespace", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": own}})
    there.api.create("Deployment", name, workload(name, world.before, 2))
    ready(there, name, 2)
    yield Told("create Deployment", "completed", {"create ReplicaSet": 1, **starts(2)})
    time.sleep(LASTING)
    world.api.ask("DELETE", "Namespace", own)
    world.api.until_gone("Namespace", own)
    time.sleep(2)
    yield Told("delete Deployment", "completed", {"delete ReplicaSet": 1, **ends(2)})


ENDS = {"evicted": evicted, "namespace": namespace}
