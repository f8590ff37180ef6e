"""The writes of a rollout, as the Deployment controller, the scheduler and a kubelet write them: a new
ReplicaSet whose Pods start one after the other while those of the old one go."""
import templates
import wire
from api import DEPLOYMENTS, EVENTS, PODS, REPLICA_SETS

PODS_OF_ONE = 10
TIMES = ("created", "scheduled", "started", "ready", "now", "deleted")
# How long each text is; of a time the number of its seconds.
WIDTHS = {"name": 16, "uid": 36, "version": 8, "namespace": 5, "owner": 16, "owner_uid": 36, "of": 16, "of_uid": 36, **{name: 5 for name in TIMES}}
MARKS = templates.Marks(WIDTHS)
# Times are seconds since the first rollout; those of what was there before are not above 0.
LONG_AGO = -600
OLD = {name: LONG_AGO for name in ("created", "scheduled", "started", "ready")}


def time_in_protobuf(mark):
    return b"\x08" + MARKS.mark(mark.strip("@"))


CONDITION = {"type": 1, "status": 2, "lastTransitionTime": (4, time_in_protobuf)}
STATE = {"running": (2, {"startedAt": (1, time_in_protobuf)}),
         "terminated": (3, {"exitCode": 1, "reason": 3, "startedAt": (5, time_in_protobuf), "finishedAt": (6, time_in_protobuf)})}
CONTAINER = {"name": 1, "state": (2, STATE), "ready": 4, "restartCount": 5, "image": 6, "imageID": 7, "containerID": 8, "started": 9}
STATUS = {"phase": 1, "conditions": (2, CONDITION), "startTime": (7, time_in_protobuf), "containerStatuses": (8, CONTAINER), "qosClass": 9}


def status(stage):
    """What a Pod's status says, the times by the names of their places."""
    if stage == "created":
        return {"phase": "Pending", "qosClass": "BestEffort"}
    has = [("PodScheduled", "True", "scheduled")]
    if stage == "scheduled":
        return {"phase": "Pending", "conditions": conditions(has), "qosClass": "BestEffort"}
    is_ready, since = {"started": ("False", "scheduled"), "ready": ("True", "ready"), "ended": ("False", "now")}[stage]
    has += [("PodReadyToStartContainers", "False" if stage == "ended" else "True", "now" if stage == "ended" else "started"),
            ("Initialized", "True", "scheduled"), ("Ready", is_ready, since), ("ContainersReady", is_ready, since)]
    state = {"running": {"startedAt": "@started@"}}
    if stage == "ended":
        state = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": "@started@", "finishedAt": "@now@"}}
    container = {**templates.pod()["status"]["containerStatuses"][0], "state": state, "ready": stage == "ready", "started": stage != "ended"}
    return {"phase": "Succeeded" if stage == "ended" else "Running", "conditions": conditions(has), "startTime": "@scheduled@",
            "containerStatuses": [container], "qosClass": "BestEffort"}


def conditions(has):
    return [{"type": name, "status": said, "lastTransitionTime": f"@{since}@"} for name, said, since in has]


def pod(stage, is_deleted):
    """In JSON and in protobuf."""
    it, message = templates.pod(), templates.pod_in_protobuf()
    it["status"] = status(stage)
    message = wire.put(message, (3,), wire.message(STATUS, it["status"]))
    meta = it["metadata"]
    meta.update(name="@name@", uid="@uid@", resourceVersion="@version@", namespace="@namespace@", creationTimestamp="@created@")
    meta["ownerReferences"][0].update(name="@owner@", uid="@owner_uid@")
    for path, name in (((1, 1), "name"), ((1, 3), "namespace"), ((1, 5), "uid"), ((1, 6), "version"), ((1, 13, 3), "owner"), ((1, 13, 4), "owner_uid")):
        message = wire.put(message, path, MARKS.mark(name))
    message = wire.put(message, (1, 8), time_in_protobuf("created"))
    if stage == "created":
        it["spec"].pop("nodeName")
        message = wire.put(message, (2, 10), None)
    if is_deleted:
        meta.update(deletionTimestamp="@deleted@", deletionGracePeriodSeconds=3)
        inner = dict(wire.fields(message))[1] + wire.field(9, time_in_protobuf("deleted")) + wire.field(10, 3)
        message = wire.put(message, (1,), inner)
    return templates.parts(it), MARKS.parts(message)


def event(reason, message, kind, by):
    it, told = templates.item("event.json"), templates.item_in_protobuf("events.pb", 1)
    it["metadata"].update(name="@name@", uid="@uid@", resourceVersion="@version@", namespace="@namespace@", creationTimestamp="@now@")
    it["involvedObject"].update(kind=kind, name="@of@", uid="@of_uid@", namespace="@namespace@", fieldPath="spec.containers{app}")
    it.update(reason=reason, message=message, firstTimestamp="@now@", lastTimestamp="@now@", reportingComponent=by, source={"component": by})
    for path, name in (((1, 1), "name"), ((1, 3), "namespace"), ((1, 5), "uid"), ((1, 6), "version"), ((2, 2), "namespace"), ((2, 3), "of"), ((2, 4), "of_uid")):
        told = wire.put(told, path, MARKS.mark(name))
    for path in ((1, 8), (6,), (7,)):
        told = wire.put(told, path, time_in_protobuf("now"))
    for path, text in (((2, 1), kind), ((3,), reason), ((4,), message), ((5, 1), by), ((14,), by)):
        told = wire.put(told, path, text.encode())
    if kind != "Pod" or by != "kubelet":
        it["involvedObject"].pop("fieldPath")
        told = wire.put(told, (2, 7), None)
    return templates.parts(it), MARKS.parts(told)


def workload(name):
    it = templates.item(name)
    numbers = ("replicas", "readyReplicas", "availableReplicas")
    it["spec"]["replicas"] = "@n_wanted@" if name == "replica_set.json" else PODS_OF_ONE
    it["status"].update({key: "@n_ready@" for key in numbers}, observedGeneration="@n_observed@")
    it["status"]["replicas"] = "@n_replicas@"
    it["metadata"].update(name="@name@", uid="@uid@", resourceVersion="@version@", namespace="@namespace@", generation="@n_generation@", creationTimestamp="@created@")
    it["spec"]["template"]["spec"]["containers"][0]["image"] = "127.0.0.1:5000/web:v@n_image@"
    it["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "@n_image@"
    if name == "replica_set.json":
        it["metadata"]["ownerReferences"][0].update(name="@owner@", uid="@owner_uid@")
    else:
        it["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "@n_revision@"
        it["status"]["updatedReplicas"] = "@n_updated@"
        it["status"].pop("unavailableReplicas")
        it["status"]["conditions"][0].update(lastUpdateTime="@created@", lastTransitionTime="@created@")
        it["status"]["conditions"][1].update(lastUpdateTime="@now@", lastTransitionTime="@created@", reason="@progress@")
    return templates.parts(it), None


TEMPLATES = {
    **{("pod", stage): pod(stage, False) for stage in ("created", "scheduled", "started", "ready")},
    ("pod", "going"): pod("ready", True), ("pod", "ended"): pod("ended", True),
    **{("event", reason): event(reason, message, kind, by) for reason, message, kind, by in (
        ("SuccessfulCreate", "Created pod", "ReplicaSet", "replicaset-controller"), ("SuccessfulDelete", "Deleted pod", "ReplicaSet", "replicaset-controller"),
        ("Scheduled", "Successfully assigned", "Pod", "default-scheduler"), ("Pulled", "Container image already present on machine", "Pod", "kubelet"),
        ("Created", "Container created", "Pod", "kubelet"), ("Started", "Container started", "Pod", "kubelet"),
        ("Killing", "Stopping container app", "Pod", "kubelet"))},
    "replica_set": workload("replica_set.json"), "deployment": workload("deployment.json"),
}


class Rollout:
    """A Deployment with ten Pods, and what is written when its template changes."""

    def __init__(self, n, begins, lasts):
        """Begins so many seconds after the others may, and lasts as long or a little longer."""
        self.n, self.begins, self.lasts = n, begins, lasts
        self.n_events = 0

    def names(self, kind, n):
        """The name and the uid of an object of this Deployment."""
        letter = {"deployment": "d", "set": "e", "pod": "f", "event": "c"}[kind]
        number = self.n * 1_000 + n
        return {"name": f"{kind[:3]}-{number:012}", "uid": f"00000000-0000-4000-{letter}000-{number:012}", "namespace": f"ns-{self.n % 100:02}"}

    def owned(self, kind, n, owner, of):
        names = self.names(owner, of)
        return {**self.names(kind, n), "owner": names["name"], "owner_uid": names["uid"]}

    def deployment(self, generation, observed, updated, replicas, progress):
        return DEPLOYMENTS, "deployment", {
            **self.names("deployment", 0), "n_generation": generation, "n_observed": observed, "n_image": generation,
            "n_revision": observed, "n_updated": updated, "n_ready": PODS_OF_ONE, "n_replicas": replicas,
            "progress": progress, "created": LONG_AGO}

    def set(self, which, generation, observed, wanted, replicas, ready, created):
        return REPLICA_SETS, "replica_set", {
            **self.owned("set", which, "deployment", 0), "n_generation": generation, "n_observed": observed, "n_image": which,
            "n_wanted": wanted, "n_replicas": replicas, "n_ready": ready, "created": created}

    def pod(self, which, n, stage, times):
        return PODS, ("pod", stage), {**self.owned("pod", which * 100 + n, "set", which), **times}

    def event(self, reason, kind, n):
        self.n_events += 1
        of = self.names(kind, n)
        return EVENTS, ("event", reason), {**self.names("event", self.n_events), "of": of["name"], "of_uid": of["uid"]}

    def settled(self):
        """What is there before it begins."""
        yield self.deployment(1, 1, PODS_OF_ONE, PODS_OF_ONE, "NewReplicaSetAvailable")
        yield self.set(1, 1, 1, PODS_OF_ONE, PODS_OF_ONE, PODS_OF_ONE, LONG_AGO)
        for n in range(PODS_OF_ONE):
            yield self.pod(1, n, "ready", OLD)

    def writes(self):
        """When, what happened to an object, and what it is then."""
        at = self.begins
        yield at, "MODIFIED", self.deployment(2, 1, PODS_OF_ONE, PODS_OF_ONE, "NewReplicaSetAvailable")
        created = at = at + 0.02
        yield at, "ADDED", self.set(2, 1, 0, 1, 0, 0, created)
        for n in range(PODS_OF_ONE):
            begins = self.begins + 0.1 + n * (self.lasts - 7) / PODS_OF_ONE
            for late, name, write in self.replaced(n, begins, created):
                yield begins + late, name, write
        yield self.begins + self.lasts, "MODIFIED", self.deployment(2, 2, PODS_OF_ONE, PODS_OF_ONE, "NewReplicaSetAvailable")

    def replaced(self, n, at, created):
        """A Pod starts, and an old one goes; must be over before the next one begins."""
        new, old, left = 200 + n, 100 + n, PODS_OF_ONE - n - 1
        times = {"created": at, "scheduled": at + 0.02, "started": at + 0.7, "ready": at + 2}
        if n > 0:
            yield 0, "MODIFIED", self.set(2, n + 1, n, n + 1, n, n, created)
        yield 0.01, "ADDED", self.pod(2, n, "created", times)
        yield 0.01, "ADDED", self.event("SuccessfulCreate", "set", 2)
        yield 0.02, "MODIFIED", self.pod(2, n, "scheduled", times)
        yield 0.02, "ADDED", self.event("Scheduled", "pod", new)
        yield 0.03, "MODIFIED", self.set(2, n + 1, n + 1, n + 1, n + 1, n, created)
        yield 0.04, "MODIFIED", self.deployment(2, 2, n + 1, PODS_OF_ONE + 1, "ReplicaSetUpdated")
        yield 0.5, "ADDED", self.event("Pulled", "pod", new)
        yield 0.6, "ADDED", self.event("Created", "pod", new)
        yield 0.7, "ADDED", self.event("Started", "pod", new)
        yield 0.9, "MODIFIED", self.pod(2, n, "started", times)
        yield 2, "MODIFIED", self.pod(2, n, "ready", times)
        yield 2.01, "MODIFIED", self.set(2, n + 1, n + 1, n + 1, n + 1, n + 1, created)
        yield 2.02, "MODIFIED", self.set(1, 2 + n, 1 + n, left, left + 1, left + 1, LONG_AGO)
        old_times = {**OLD, "deleted": at + 5.03}
        yield 2.03, "MODIFIED", self.pod(1, n, "going", old_times)
        yield 2.03, "ADDED", self.event("SuccessfulDelete", "set", 1)
        yield 2.04, "MODIFIED", self.set(1, 2 + n, 2 + n, left, left, left, LONG_AGO)
        yield 2.1, "ADDED", self.event("Killing", "pod", old)
        yield 3.1, "MODIFIED", self.pod(1, n, "ended", old_times)
        yield 3.2, "DELETED", self.pod(1, n, "ended", old_times)
