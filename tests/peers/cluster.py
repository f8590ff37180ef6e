"""An API server of a large cluster in which everything has settled: its lists in pages, then changes of
Pods as fast as they are read, then 410 and lists once more."""
import threading
import time

import api
import templates
import wire
from api import DEPLOYMENTS, PODS, REPLICA_SETS, event

PODS_OF_ONE = 10
FIRST = 1_000
KINDS = {PODS: "pod", REPLICA_SETS: "replica_set", DEPLOYMENTS: "deployment"}
UID = {"pod": "00000000-0000-4000-8000-%012d", "replica_set": "00000000-0000-4000-9000-%012d", "deployment": "00000000-0000-4000-a000-%012d"}
WHOLE = {"pod": b'{"kind":"Pod","apiVersion":"v1",', "replica_set": b'{"kind":"ReplicaSet","apiVersion":"apps/v1",',
         "deployment": b'{"kind":"Deployment","apiVersion":"apps/v1",'}
# Where in a message of a Pod that differs which differs, and how long it is.
DIFFERS = {"name": ((1, 1), 10), "namespace": ((1, 3), 5), "uid": ((1, 5), 36), "version": ((1, 6), 8),
           "owner": ((1, 13, 3), 10), "owner_uid": ((1, 13, 4), 36)}
MARKS = templates.Marks({name: width for name, (_, width) in DIFFERS.items()})
EXPIRED = b'{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}'
EXPIRED_IN_PROTOBUF = wire.field(3, b"too old resource version") + wire.field(4, b"Expired") + wire.field(6, 410)


def settled(kind):
    """An object of a file, as it is when it has settled."""
    if kind == "pod":
        it = templates.pod()
        it["status"]["containerStatuses"][0]["restartCount"] = "@n_change@"
    else:
        it = templates.item(f"{kind}.json")
    status, meta = it["status"], it["metadata"]
    if kind != "pod":
        it["spec"]["replicas"] = PODS_OF_ONE
        status.update({key: PODS_OF_ONE for key in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")})
        status.pop("unavailableReplicas", None)
        meta["generation"], status["observedGeneration"] = "@n_generation@", 1
        for condition in status.get("conditions", []):
            condition.update(status="True", reason="NewReplicaSetAvailable")
    if kind == "deployment":
        it["spec"]["template"]["spec"]["containers"][0]["image"] = "127.0.0.1:5000/web:v@n_generation@"
    meta.update(name="@name@", uid="@uid@", resourceVersion="@version@", namespace="@namespace@")
    for owner in meta.get("ownerReferences", []):
        owner.update(name="@owner@", uid="@owner_uid@")
    return it


def settled_in_protobuf(change):
    """The same Pod in protobuf, with that many restarts."""
    pod = wire.put(templates.pod_in_protobuf(), (3, 8, 5), change)
    for name, (path, _) in DIFFERS.items():
        pod = wire.put(pod, path, MARKS.mark(name))
    return pod


class Objects:
    """All objects of one kind, made as they are asked for."""

    def __init__(self, kind, n):
        self.kind, self.n = kind, n
        self.parts = templates.parts(settled(kind))
        self.in_protobuf = {}

    def known(self, n, version, change):
        group = n // PODS_OF_ONE if self.kind == "pod" else n
        known = {"name": f"web-{n:06}", "uid": UID[self.kind] % n, "version": f"{version:08}", "namespace": f"ns-{group % 100:02}",
                 "n_change": str(change), "n_generation": str(1 + change),
                 "owner": f"web-{group:06}", "owner_uid": UID["replica_set" if self.kind == "pod" else "deployment"] % group}
        return {name: value.encode() for name, value in known.items()}

    def item(self, n, version, change=0):
        return templates.joined(self.parts, self.known(n, version, change))

    def whole(self, n, version, change=0):
        """With its kind, as a watch tells it."""
        return WHOLE[self.kind] + self.item(n, version, change)[1:]

    def message(self, n, version, change=0):
        if change not in self.in_protobuf:
            self.in_protobuf[change] = MARKS.parts(settled_in_protobuf(change))
        return templates.joined(self.in_protobuf[change], self.known(n, version, change))


class Cluster:
    """The API server's state: at first, after so many changes of Pods, and with so many new templates of
    Deployments that no controller has looked at."""

    def __init__(self, n_pods, n_changes, n_updates=0):
        self.kinds = {path: Objects(kind, n_pods if kind == "pod" else n_pods // PODS_OF_ONE) for path, kind in KINDS.items()}
        self.version = FIRST + sum(it.n for it in self.kinds.values())
        self.n_changes, self.n_updates = n_changes, n_updates
        self.n_written = 0
        self.is_prepared = threading.Event()
        self.goes_on, self.updates, self.forgets = threading.Event(), threading.Event(), threading.Event()
        self.watches = {}
        self.last_page = 0.0

    def item(self, path, n, is_protobuf):
        objects = self.kinds[path]
        make = objects.message if is_protobuf else objects.item
        if objects.kind == "pod" and n < self.n_written:
            return make(n, self.version + 1 + n, 1)
        return make(n, FIRST + n)

    def told(self, path, n, is_protobuf):
        """An item as a watch tells it: JSON has its kind then."""
        item = self.item(path, n, is_protobuf)
        return item if is_protobuf else WHOLE[self.kinds[path].kind] + item[1:]

    def changes(self, path, is_protobuf):
        """The changes of a kind as they are sent, some in each piece."""
        objects, first = self.kinds[path], self.version + 1
        make = objects.message if is_protobuf else objects.whole
        n_all = self.n_changes
        if objects.kind != "pod":
            n_all, first = self.n_updates if objects.kind == "deployment" else 0, first + self.n_changes
        for begin in range(0, n_all, 20):
            told = (event("MODIFIED", make(n % objects.n, first + n, 1 + n // objects.n), is_protobuf)
                    for n in range(begin, min(begin + 20, n_all)))
            yield b"".join(told)

    def now(self):
        return self.version + self.n_written


def handler(cluster, minor):
    class Handler(api.Handler):
        def list(self, path, pairs):
            n_all = cluster.kinds[path].n if path in cluster.kinds else 0
            begin = int(pairs.get("continue") or 0)
            end = min(begin + int(pairs.get("limit") or n_all), n_all)
            items = [cluster.item(path, n, self.is_protobuf(path)) for n in range(begin, end)]
            self.answer_list(path, items, cluster.now(), str(end) if end < n_all else "")
            if path == PODS:
                cluster.last_page = time.monotonic()

        def watch(self, path, pairs):
            is_protobuf = self.is_protobuf(path)
            self.begin_watch(path)
            if pairs.get("sendInitialEvents") == "true":
                self.initial(path, is_protobuf)
            cluster.watches[path] = cluster.watches.get(path, 0) + 1
            if path not in cluster.kinds:
                return time.sleep(3_600)
            if path == PODS and cluster.n_written == 0:
                # Made before they are sent, so that who reads does not wait for them.
                changes = list(cluster.changes(path, is_protobuf))
                cluster.is_prepared.set()
                cluster.goes_on.wait()
                for change in changes:
                    self.chunk(change)
                self.wfile.flush()
                cluster.n_written = cluster.n_changes
            while not cluster.forgets.wait(0.2):
                if path != PODS and cluster.updates.is_set() and cluster.watches[path] == 1:
                    for change in cluster.changes(path, is_protobuf):
                        self.chunk(change)
                    self.wfile.flush()
                    return time.sleep(3_600)
            if cluster.watches[path] == 1:
                self.chunk(event("ERROR", EXPIRED_IN_PROTOBUF if is_protobuf else EXPIRED, is_protobuf))
                return self.chunk(b"")
            time.sleep(3_600)

        def initial(self, path, is_protobuf):
            objects = cluster.kinds.get(path)
            for begin in range(0, objects.n if objects else 0, 20):
                items = (cluster.told(path, n, is_protobuf) for n in range(begin, min(begin + 20, objects.n)))
                self.chunk(b"".join(event("ADDED", item, is_protobuf) for item in items))
            if path == PODS:
                cluster.last_page = time.monotonic()
            self.chunk(api.bookmark(cluster.now(), is_protobuf, "k8s.io/initial-events-end"))
            self.wfile.flush()

    Handler.minor = minor
    return Handler
