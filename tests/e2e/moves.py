"""What moves below the top, in place, and in queues, done to a real cluster. Cases are as in `cases`.

The operator is a thread of this script: it makes a Deployment below each Database, as real ones do.
"""
import threading
import time

from api import PATHS, condition
from cases import PAUSE, Told, container, ends, ended, job, pod, ready, runs, starts, template, workload

PATHS.update({
    "PersistentVolume": ("api/v1", "persistentvolumes"), "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims"),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses"), "ClusterQueue": ("apis/kueue.x-k8s.io/v1beta2", "clusterqueues"),
})
LASTING = 16  # seconds: longer than what has settled must last, and then `settle_time`
GATE = "lifespan.example.org/gate"


def gates(world, name):
    world.api.create("Pod", name, pod(world.before, schedulingGates=[{"name": GATE}]), labels={"app": name})
    time.sleep(3)
    world.api.patch("Pod", name, {"spec": {"schedulingGates": []}})
    ready(world, name, 1)
    yield Told("start Pod", "completed", {"await scheduling gates": 1})
    world.api.delete("Pod", name)
    ended(world, name)
    yield Told("terminate Pod", "completed")


def readiness_gates(world, name):
    """Something else has to say that the Pod is ready, here this script."""
    world.api.create("Pod", name, pod(world.before, readinessGates=[{"conditionType": GATE}]), labels={"app": name})
    world.api.until(f"the containers of {name} are ready", lambda: condition(world.api.read("Pod", name), "ContainersReady"))
    time.sleep(2)
    said = world.api.read("Pod", name)["status"]["conditions"] + [{"type": GATE, "status": "True"}]
    world.api.patch("Pod", name, {"status": {"conditions": said}}, "status")
    ready(world, name, 1)
    yield Told("start Pod", "completed", {"await readiness gates": 1})
    world.api.delete("Pod", name)
    ended(world, name)
    yield Told("terminate Pod", "completed")


def first_consumer(world, name):
    """A claim that is bound with the Pod that uses it, to a local volume."""
    node = world.api.ask("GET", "Node")["items"][0]["metadata"]
    own = f"{world.api.namespace}-{name}"
    volume = {
        "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": own, "local": {"path": "/tmp"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": [node["labels"]["kubernetes.io/hostname"]]}]}]}},
    }
    claim = {"accessModes": ["ReadWriteOnce"], "storageClassName": own, "resources": {"requests": {"storage": "1Mi"}}}
    body = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": own},
            "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}
    world.api.ask("POST", "StorageClass", body=body)
    try:
        world.api.create("PersistentVolume", own, volume)
        world.api.create("PersistentVolumeClaim", name, claim)
        time.sleep(3)
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]
        world.api.create("Pod", name, pod(world.before, volumes=volumes), labels={"app": name})
        ready(world, name, 1)
        yield Told("start Pod", "completed", {"await volume": 1})
        world.api.delete("Pod", name)
        ended(world, name)
        yield Told("terminate Pod", "completed")
    finally:
        world.api.delete("PersistentVolumeClaim", name)
        world.api.delete("PersistentVolume", own)
        world.api.delete("StorageClass", own)


def availability(world, name):
    world.api.create("Deployment", name, workload(name, world.before, 1, minReadySeconds=4))
    world.api.until(f"{name} is available", lambda: world.api.read("Deployment", name)["status"].get("availableReplicas") == 1)
    time.sleep(PAUSE)
    yield Told("create Deployment", "completed", {"create ReplicaSet": 1, "await availability": 1, **starts(1)})
    world.api.delete("Deployment", name)
    ended(world, name)
    yield Told("delete Deployment", "completed", {"delete ReplicaSet": 1, **ends(1)})


def sized(cpu):
    return {"requests": {"cpu": cpu, "memory": "16Mi"}, "limits": {"cpu": "200m", "memory": "32Mi"}}


def resize(world, name, to):
    world.api.patch("Pod", name, {"spec": {"containers": [{"name": "app", "resources": sized(to)}]}}, "resize", "strategic-merge")
    there = lambda: world.api.read("Pod", name)["status"]["containerStatuses"][0].get("resources", {}).get("requests", {}).get("cpu") == to
    world.api.until(f"{name} has {to}", there)
    time.sleep(LASTING)


def debug(world, name, pod_name):
    debugger = {"name": f"{name}-shell", "image": world.before, "command": ["sh", "-c", "sleep 2"]}
    world.api.patch("Pod", pod_name, {"spec": {"ephemeralContainers": [debugger]}}, "ephemeralcontainers", "strategic-merge")
    over = lambda: any("terminated" in it.get("state", {}) for it in world.api.read("Pod", pod_name)["status"].get("ephemeralContainerStatuses", []))
    world.api.until(f"the debugger of {pod_name} has ended", over)
    time.sleep(LASTING)


def written_in_place(world, name):
    spec = workload(name, world.before, 1)
    spec["template"]["spec"]["containers"] = [container(world.before, resources=sized("20m"))]
    world.api.create("Deployment", name, spec)
    ready(world, name, 1)
    yield Told("create Deployment", "completed", {"create ReplicaSet": 1, **starts(1)})
    time.sleep(LASTING)
    pod_name = world.api.list("Pod", f"app={name}")[0]["metadata"]["name"]
    resize(world, pod_name, "30m")
    yield Told("reconcile Deployment", "completed", {"resize Pod": 1}, {"lifespan.link.reason": "follows"})
    debug(world, name, pod_name)
    yield Told("reconcile Deployment", "completed", {"run container": 1})
    world.api.delete("Deployment", name)
    ended(world, name)
    yield Told("delete Deployment", "completed", {"delete ReplicaSet": 1, **ends(1)})


def bare_in_place(world, name):
    wanted = pod(world.before)
    wanted["containers"] = [container(world.before, resources=sized("20m"))]
    world.api.create("Pod", name, wanted, labels={"app": name})
    ready(world, name, 1)
    yield Told("start Pod", "completed")
    time.sleep(LASTING)
    resize(world, name, "30m")
    yield Told("resize Pod", "completed")
    world.api.patch("Pod", name, {"spec": {"containers": [{"name": "app", "image": world.after}]}}, content="strategic-merge")
    again = lambda: world.api.read("Pod", name)["status"]["containerStatuses"][0]["restartCount"] == 1
    world.api.until(f"{name} runs again", again)
    ready(world, name, 1)
    yield Told("update Pod", "completed", {"restart container": 1})
    time.sleep(LASTING)
    world.api.delete("Pod", name)
    ended(world, name)
    yield Told("terminate Pod", "completed")


class Operator(threading.Thread):
    """Makes a Deployment of a Database, and makes it again; its image is the operator's own matter."""

    def __init__(self, world, name):
        super().__init__(daemon=True)
        self.api, self.name, self.image = world.api, name, world.before
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.5):
            database = self.api.read("Database", self.name)
            if database is not None and "deletionTimestamp" not in database["metadata"]:
                self.reconcile(database)

    def reconcile(self, database):
        inner, meta = self.api.read("Deployment", f"{self.name}-inner"), database["metadata"]
        if inner is None:
            owner = {"apiVersion": database["apiVersion"], "kind": "Database", "name": self.name, "uid": meta["uid"], "controller": True}
            wanted = workload(self.name, self.image, 1, progressDeadlineSeconds=12)
            self.api.create("Deployment", f"{self.name}-inner", wanted, ownerReferences=[owner])
            return
        if inner["spec"]["template"]["spec"]["containers"][0]["image"] != self.image:
            self.api.patch("Deployment", f"{self.name}-inner", {"spec": {"template": template(self.name, self.image)}})
            return
        is_well = self.is_rolled_out(inner)
        said = {"status": str(is_well), "reason": "Available" if is_well else "Progressing", "message": ""}
        known = [it for it in database.get("status", {}).get("conditions", []) if it["type"] == "Ready"]
        if not known or known[0]["status"] != said["status"] or database["status"].get("observedGeneration") != meta["generation"]:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            conditions = [{"type": it, "lastTransitionTime": now, **said} for it in ("Ready", "Synced")]
            self.api.patch("Database", self.name, {"status": {"observedGeneration": meta["generation"], "conditions": conditions}}, "status")

    def is_rolled_out(self, inner):
        """The Deployment is there, with the image that the operator wants, and complete."""
        if inner is None or inner["spec"]["template"]["spec"]["containers"][0]["image"] != self.image:
            return False
        status = inner.get("status", {})
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
        return counts == [1, 1, 1] and status.get("observedGeneration") == inner["metadata"]["generation"]


def operator(world, name):
    it = Operator(world, name)
    is_well = lambda: condition(world.api.read("Database", name), "Ready")
    inner = f"{name}-inner"

    def settled():
        # On a busy machine the operator may not have begun yet, and what it said before still stands.
        world.api.until(f"{inner} runs {it.image}", lambda: it.is_rolled_out(world.api.read("Deployment", inner)))
        world.api.until(f"{name} is ready", is_well)
        world.api.until_pods(name, 1)
        time.sleep(LASTING)

    world.api.create("Database", name, {"tier": "small"})
    it.start()
    try:
        settled()
        yield Told("create Database", "completed", {"create Deployment": 1, "create ReplicaSet": 1, **starts(1)})
        it.image = world.after
        settled()
        rolled = {"update Deployment": 1, "create ReplicaSet": 1, "scale ReplicaSet": 1, **starts(1), **ends(1)}
        yield Told("reconcile Database", "completed", rolled, {"lifespan.link.reason": "follows"})
        world.api.delete("Deployment", inner)
        settled()
        made_again = {"delete Deployment": 1, "delete ReplicaSet": 1, "create Deployment": 1, "create ReplicaSet": 1, **starts(1), **ends(1)}
        yield Told("reconcile Database", "completed", made_again)
        it.image = "127.0.0.1:5000/none:v9"
        failed = lambda: any(it.get("reason") == "ProgressDeadlineExceeded" for it in world.api.read("Deployment", inner)["status"]["conditions"])
        world.api.until(f"{inner} has failed", failed)
        time.sleep(PAUSE)
        yield Told("reconcile Database", "failed", {"update Deployment": 1, "create ReplicaSet": 1, **starts(1)}, {"error.type": "ProgressDeadlineExceeded"})
        it.image = world.after
        settled()
        yield Told("recover Database", "completed", {"update Deployment": 1, "scale ReplicaSet": 1, **ends(1)}, {"lifespan.cause": "heal:"})
    finally:
        it.over.set()
        it.join()
    world.api.delete("Database", name)
    ended(world, name)
    yield Told("delete Database", "completed", {"delete Deployment": 1, "delete ReplicaSet": 1, **ends(1)})


def queued(world, name):
    """Kueue, with room for one Job: one runs, one of a higher class preempts it, and it runs again."""
    def create(which, seconds, **labels):
        own = f"{name}-{which}"
        wanted = job(own, world.before, f"trap 'exit 1' TERM; for i in $(seq {5 * seconds}); do sleep 0.2; done", suspend=True)
        wanted["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "60m"}}
        world.api.create("Job", own, wanted, labels={"kueue.x-k8s.io/queue-name": "lq", **labels})
        return own

    low = create("low", 20)
    world.api.until(f"{low} runs", lambda: world.api.read("Job", low)["status"].get("active"))
    time.sleep(2 * PAUSE)
    vip = create("vip", 3, **{"kueue.x-k8s.io/priority-class": "hi"})
    for own in (vip, low):
        world.api.until_condition("Job", own, "Complete", "Failed")
    time.sleep(PAUSE)
    waited, admitted = {"lifespan.queued_ms": ""}, ["QuotaReserved", "Admitted"]
    yield Told("run Job", "suspended", {"await resume": 1, **runs(1), **ends(1)}, waited, {"await resume": admitted, "run Job": ["Evicted", "Preempted"]})
    yield Told("run Job", "completed", {"await resume": 1, **runs(1)}, waited, {"await resume": admitted})
    yield Told("resume Job", "completed", runs(1), {"lifespan.link.reason": "resumes", **waited})
    for own in (vip, low):
        world.api.delete("Job", own)


MOVES = {
    "gates": gates, "readiness-gates": readiness_gates, "first-consumer": first_consumer, "availability": availability,
    "in-place": written_in_place, "bare-in-place": bare_in_place,
}
