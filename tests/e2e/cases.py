"""One of each kind, done to a real cluster: built-in kinds, and those of real controllers.

Each case is a generator. It does something, waits until the cluster has done its part, and yields
what the cluster is known to do for it: a `Told`. Its objects are named after it.
"""
import time
from typing import NamedTuple

from api import PATHS

PAUSE = 5  # seconds: longer than `settle_time`, so that what comes next is another transition
HOLD = "lifespan.example.org/hold"
STAMP = "00-{:032x}-{:016x}-01"


class Told(NamedTuple):
    """A root span: its name, its outcome, what is below it, what it says, and which moments spans of
    a name tell of."""
    root: str
    outcome: str
    below: dict = {}
    says: dict = {}
    moments: dict = {}


class World(NamedTuple):
    api: object
    before: str
    after: str
    node_label: str


def container(image, script="trap 'exit 0' TERM; while true; do sleep 0.2; done", name="app", **more):
    return {"name": name, "image": image, "command": ["sh", "-c", script], **more}


def pod(image, script=None, **more):
    containers = [container(image, script) if script else container(image)]
    return {"terminationGracePeriodSeconds": 3, "containers": containers, **more}


def template(name, image, script=None, **more):
    return {"metadata": {"labels": {"app": name}}, "spec": pod(image, script, **more)}


def workload(name, image, replicas, **more):
    return {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name, image), **more}


def job(name, image, script, **more):
    return {"backoffLimit": 1, "template": template(name, image, script, restartPolicy="Never"), **more}


def new_image(name, image):
    return {"spec": {"template": template(name, image)}}


def starts(n):
    return {"start Pod": n}


def ends(n):
    return {"terminate Pod": n}


def runs(n):
    return {"run Pod": n, "start Pod": n}


def ended(world, name):
    world.api.until(f"the Pods of {name} are gone", lambda: not world.api.list("Pod", f"app={name}"))
    time.sleep(PAUSE)


def ready(world, name, n):
    world.api.until_pods(name, n)
    time.sleep(PAUSE)


def stateful_set(world, name):
    world.api.create("StatefulSet", name, workload(name, world.before, 2, serviceName=name))
    ready(world, name, 2)
    yield Told("create StatefulSet", "completed", starts(2))
    world.api.patch("StatefulSet", name, new_image(name, world.after))
    updated = lambda: world.api.read("StatefulSet", name)["status"].get("updatedReplicas") == 2
    time.sleep(1)
    world.api.until(f"{name} is updated", updated)
    ready(world, name, 2)
    yield Told("update StatefulSet", "completed", {**starts(2), **ends(2)})
    for replicas, below in ((3, starts(1)), (1, ends(2))):
        world.api.patch("StatefulSet", name, {"spec": {"replicas": replicas}})
        ready(world, name, replicas)
        yield Told("scale StatefulSet", "completed", below)
    world.api.delete("StatefulSet", name)
    ended(world, name)
    yield Told("delete StatefulSet", "completed", ends(1))


def daemon_set(world, name):
    """A node joins and leaves by a label that nothing else looks at."""
    nodes = world.api.ask("GET", "Node")["items"]
    node = nodes[0]["metadata"]["name"]
    selected = {"nodeSelector": {world.node_label: "yes"}, "tolerations": [{"operator": "Exists"}]}
    label = lambda to: world.api.patch("Node", node, {"metadata": {"labels": {world.node_label: to}}})
    world.api.create("DaemonSet", name, {"selector": {"matchLabels": {"app": name}}, "template": template(name, world.before, **selected)})
    time.sleep(PAUSE)
    yield Told("create DaemonSet", "completed")
    try:
        label("yes")
        ready(world, name, 1)
        yield Told("scale DaemonSet", "completed", starts(1))
        old = world.api.list("Pod", f"app={name}")[0]["metadata"]["name"]
        world.api.patch("DaemonSet", name, new_image(name, world.after))
        world.api.until_gone("Pod", old)
        ready(world, name, 1)
        yield Told("update DaemonSet", "completed", {**starts(1), **ends(1)})
    finally:
        label(None)
    ended(world, name)
    yield Told("scale DaemonSet", "completed", ends(1))
    world.api.delete("DaemonSet", name)
    time.sleep(PAUSE)
    yield Told("delete DaemonSet", "completed")


def replicas_without_owner(kind):
    def case(world, name):
        spec = workload(name, world.before, 2)
        if kind == "ReplicationController":
            spec["selector"] = {"app": name}
        world.api.create(kind, name, spec)
        ready(world, name, 2)
        yield Told(f"create {kind}", "completed", starts(2))
        for replicas, below in ((3, starts(1)), (1, ends(2))):
            world.api.patch(kind, name, {"spec": {"replicas": replicas}})
            ready(world, name, replicas)
            yield Told(f"scale {kind}", "completed", below)
        world.api.delete(kind, name)
        ended(world, name)
        yield Told(f"delete {kind}", "completed", ends(1))
    return case


def job_that_succeeds(world, name):
    world.api.create("Job", name, job(name, world.before, "sleep 2"))
    world.api.until_condition("Job", name, "Complete")
    time.sleep(PAUSE)
    yield Told("run Job", "completed", {**runs(1), "run container": 1})
    # The deletion of a run that is over is no transition.
    world.api.delete("Job", name)
    ended(world, name)


def job_that_fails(world, name):
    world.api.create("Job", name, job(name, world.before, "sleep 1; exit 7"))
    world.api.until_condition("Job", name, "Failed")
    time.sleep(PAUSE)
    yield Told("run Job", "failed", {**runs(2), "run container": 2}, {"error.type": "BackoffLimitExceeded"})


def job_suspended(world, name):
    # Long enough for it to be seen running, however busy the machine is.
    world.api.create("Job", name, job(name, world.before, "trap 'exit 1' TERM; for i in $(seq 150); do sleep 0.2; done"))
    ready(world, name, 1)
    world.api.patch("Job", name, {"spec": {"suspend": True}})
    ended(world, name)
    yield Told("run Job", "suspended", {**runs(1), **ends(1)})
    world.api.patch("Job", name, {"spec": {"suspend": False}})
    world.api.until_condition("Job", name, "Complete")
    time.sleep(PAUSE)
    yield Told("resume Job", "completed", runs(1), {"lifespan.link.reason": "resumes"})


def job_deleted(world, name):
    world.api.create("Job", name, job(name, world.before, "trap 'exit 1' TERM; while true; do sleep 0.2; done"))
    ready(world, name, 1)
    world.api.delete("Job", name)
    ended(world, name)
    yield Told("run Job", "deleted", runs(1))
    yield Told("delete Job", "completed", ends(1))


def cron_job(world, name):
    spec = {"schedule": "* * * * *", "jobTemplate": {"metadata": {"labels": {"app": name}}, "spec": job(name, world.before, "sleep 1")}}
    world.api.create("CronJob", name, spec)
    yield Told("create CronJob", "completed")
    over = lambda: any(it.get("status", {}).get("completionTime") for it in world.api.list("Job", f"app={name}"))
    world.api.until(f"a Job of {name} is complete", over)
    time.sleep(PAUSE)
    yield Told("run Job", "completed", runs(1))
    world.api.delete("CronJob", name)
    ended(world, name)
    yield Told("delete CronJob", "completed")


def pod_that_stays(world, name):
    world.api.create("Pod", name, pod(world.before), labels={"app": name})
    ready(world, name, 1)
    yield Told("start Pod", "completed")
    world.api.delete("Pod", name)
    ended(world, name)
    yield Told("terminate Pod", "completed")


def pod_that_ends(world, name):
    """An init container, then a native sidecar, then what is to be done."""
    sidecar = container(world.before, name="sidecar", restartPolicy="Always", startupProbe={"exec": {"command": ["true"]}, "periodSeconds": 1})
    init = [container(world.before, "sleep 1", name="migrate"), sidecar]
    world.api.create("Pod", name, pod(world.before, "sleep 3", restartPolicy="Never", initContainers=init), labels={"app": name})
    world.api.until(f"{name} has succeeded", lambda: world.api.read("Pod", name)["status"].get("phase") == "Succeeded")
    time.sleep(PAUSE)
    below = {"start Pod": 1, "run init container": 1, "start sidecar": 1, "run container": 2}
    yield Told("run Pod", "completed", below)
    world.api.delete("Pod", name)
    ended(world, name)


def foreground(world, name):
    world.api.create("Deployment", name, workload(name, world.before, 2))
    ready(world, name, 2)
    yield Told("create Deployment", "completed", {"create ReplicaSet": 1, **starts(2)})
    world.api.delete("Deployment", name, "Foreground")
    ended(world, name)
    yield Told("delete Deployment", "completed", {"delete ReplicaSet": 1, **ends(2)})


def orphan_of_deployment(world, name):
    """What is left behind has its own life, and its own deletion."""
    world.api.create("Deployment", name, workload(name, world.before, 1))
    ready(world, name, 1)
    yield Told("create Deployment", "completed", {"create ReplicaSet": 1, **starts(1)})
    world.api.delete("Deployment", name, "Orphan")
    world.api.until_gone("Deployment", name)
    time.sleep(PAUSE)
    yield Told("delete Deployment", "completed")
    world.api.delete("ReplicaSet", world.api.list("ReplicaSet", f"app={name}")[0]["metadata"]["name"])
    ended(world, name)
    yield Told("delete ReplicaSet", "completed", ends(1))


def orphan_of_stateful_set(world, name):
    world.api.create("StatefulSet", name, workload(name, world.before, 1, serviceName=name))
    ready(world, name, 1)
    yield Told("create StatefulSet", "completed", starts(1))
    world.api.delete("StatefulSet", name, "Orphan")
    world.api.until_gone("StatefulSet", name)
    time.sleep(PAUSE)
    yield Told("delete StatefulSet", "completed")
    world.api.delete("Pod", f"{name}-0")
    ended(world, name)
    yield Told("terminate Pod", "completed")


def finalizer(world, name):
    world.api.create("Deployment", name, workload(name, world.before, 1), finalizers=[HOLD])
    ready(world, name, 1)
    yield Told("create Deployment", "completed", {"create ReplicaSet": 1, **starts(1)})
    world.api.delete("Deployment", name)
    time.sleep(PAUSE)
    world.api.patch("Deployment", name, {"metadata": {"finalizers": None}})
    ended(world, name)
    yield Told("delete Deployment", "completed", {"delete ReplicaSet": 1, **ends(1)}, {"lifespan.finalizers": f'["{HOLD}"]'})


def replicated(image):
    """What a JobSet runs: two indexes of one Job."""
    spec = {"completionMode": "Indexed", "parallelism": 2, "completions": 2, "backoffLimit": 1,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container(image, "sleep 3", name="node")]}}}
    return {"name": "node", "replicas": 1, "groupName": "default", "template": {"spec": spec}}


def network():
    return {"enableDNSHostnames": False, "publishNotReadyAddresses": True}


def job_set(world, name):
    spec = {"replicatedJobs": [replicated(world.before)], "network": network(), "suspend": False,
            "successPolicy": {"operator": "All", "targetReplicatedJobs": []}, "startupPolicy": {"startupPolicyOrder": "AnyOrder"}}
    world.api.create("JobSet", name, spec)
    world.api.until_condition("JobSet", name, "Completed", "Failed")
    time.sleep(PAUSE)
    yield Told("run JobSet", "completed", {"run Job": 1, **runs(2)})
    world.api.delete("JobSet", name)


def train_job(world, name):
    node = replicated(world.before)
    node["template"]["metadata"] = {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}}
    spec = {"replicatedJobs": [node], "network": network(), "successPolicy": {"operator": "All", "targetReplicatedJobs": []},
            "startupPolicy": {"startupPolicyOrder": "AnyOrder"}}
    labels = {"trainer.kubeflow.org/framework": "torch"}
    world.api.create("TrainingRuntime", name, {"mlPolicy": {"numNodes": 2}, "template": {"spec": spec}}, labels=labels)
    runtime = {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": name}
    trainer = {"numNodes": 2, "image": world.before, "command": ["sh", "-c", "sleep 3"]}
    wanted = {"runtimeRef": runtime, "managedBy": "trainer.kubeflow.org/trainjob-controller", "suspend": False, "trainer": trainer}
    world.api.create("TrainJob", name, wanted, annotations={"opentelemetry.io/traceparent": STAMP.format(0xA7 << 120, 0xB7 << 56)})
    world.api.until_condition("TrainJob", name, "Complete", "Failed")
    time.sleep(PAUSE)
    yield Told("run TrainJob", "completed", {"run JobSet": 1, "run Job": 1, **runs(2)}, {"lifespan.link.reason": "stamp"})
    world.api.delete("TrainJob", name)


def pipeline_run(world, name):
    step = lambda task, script, **more: {"name": task, "taskSpec": {"steps": [container(world.before, script, name="step")]}, **more}
    tasks = [step("compile", "sleep 2"), step("publish", "sleep 1", runAfter=["compile"])]
    world.api.create("PipelineRun", name, {"pipelineSpec": {"tasks": tasks}})
    over = lambda: world.api.read("PipelineRun", name).get("status", {}).get("completionTime")
    world.api.until(f"PipelineRun {name} is over", over)
    time.sleep(PAUSE)
    yield Told("run PipelineRun", "completed", {"run TaskRun": 2, **runs(2), "run container": 2})
    world.api.delete("PipelineRun", name)


def rollout(world, name):
    canary = {"steps": [{"setWeight": 50}, {"pause": {"duration": "3s"}}]}
    healthy = lambda image: lambda: (
        (it := world.api.read("Rollout", name)).get("status", {}).get("phase") == "Healthy"
        and it["spec"]["template"]["spec"]["containers"][0]["image"] == image
        and it["status"].get("observedGeneration") == str(it["metadata"]["generation"]))
    world.api.create("Rollout", name, workload(name, world.before, 2, strategy={"canary": canary}))
    world.api.until(f"Rollout {name} is healthy", healthy(world.before))
    ready(world, name, 2)
    yield Told("create Rollout", "completed", {"create ReplicaSet": 1, **starts(2)})
    world.api.patch("Rollout", name, new_image(name, world.after))
    time.sleep(1)
    world.api.until(f"Rollout {name} is healthy again", healthy(world.after))
    world.api.until_pods(name, 2)
    time.sleep(PAUSE)
    yield Told("update Rollout", "completed", {"create ReplicaSet": 1, "scale ReplicaSet": 1, **starts(2), **ends(2)})
    asked = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    world.api.patch("Rollout", name, {"spec": {"restartAt": asked}})
    world.api.until(f"Rollout {name} is restarted", lambda: world.api.read("Rollout", name)["status"].get("restartedAt") == asked)
    world.api.until(f"Rollout {name} is healthy after that", healthy(world.after))
    ready(world, name, 2)
    world.api.until_pods(name, 2)
    time.sleep(PAUSE)
    yield Told("restart Rollout", "completed", {**starts(2), **ends(2)})
    world.api.delete("Rollout", name)
    ended(world, name)
    yield Told("delete Rollout", "completed", {"delete ReplicaSet": 1, **ends(2)})


BUILT_IN = {
    "stateful": stateful_set, "daemon": daemon_set, "replica-set": replicas_without_owner("ReplicaSet"),
    "replication-controller": replicas_without_owner("ReplicationController"), "job-succeeds": job_that_succeeds,
    "job-fails": job_that_fails, "job-suspended": job_suspended, "job-deleted": job_deleted, "cron": cron_job,
    "pod-stays": pod_that_stays, "pod-ends": pod_that_ends, "foreground": foreground,
    "orphan-of-deployment": orphan_of_deployment, "orphan-of-stateful-set": orphan_of_stateful_set, "finalizer": finalizer,
}
# Case, and the kind that must be served for it.
CONTROLLERS = {"trainjob": (train_job, "TrainJob"), "jobset": (job_set, "JobSet"), "tekton": (pipeline_run, "PipelineRun"), "argo-rollout": (rollout, "Rollout")}


def crd(kind):
    version, plural = PATHS[kind]
    return f"{plural}.{version.split('/')[1]}"
