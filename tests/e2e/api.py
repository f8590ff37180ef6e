"""The API server through `kubectl proxy`: many scripts of cases ask at once, and a kubectl for each
question would keep the machine busier than the cluster does."""
import json
import subprocess
import time
import urllib.error
import urllib.request

# Group and version, and plural; a CRD that a script installs adds its own.
PATHS = {
    "Namespace": ("api/v1", "namespaces"), "Node": ("api/v1", "nodes"), "Pod": ("api/v1", "pods"),
    "ReplicationController": ("api/v1", "replicationcontrollers"), "Deployment": ("apis/apps/v1", "deployments"),
    "ReplicaSet": ("apis/apps/v1", "replicasets"), "StatefulSet": ("apis/apps/v1", "statefulsets"),
    "DaemonSet": ("apis/apps/v1", "daemonsets"), "Job": ("apis/batch/v1", "jobs"), "CronJob": ("apis/batch/v1", "cronjobs"),
    "CustomResourceDefinition": ("apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
    "TrainingRuntime": ("apis/trainer.kubeflow.org/v1alpha1", "trainingruntimes"),
    "TrainJob": ("apis/trainer.kubeflow.org/v1alpha1", "trainjobs"), "JobSet": ("apis/jobset.x-k8s.io/v1alpha2", "jobsets"),
    "PipelineRun": ("apis/tekton.dev/v1", "pipelineruns"), "Rollout": ("apis/argoproj.io/v1alpha1", "rollouts"),
}
NOT_NAMESPACED = {"Namespace", "Node", "CustomResourceDefinition", "PersistentVolume", "StorageClass"}
LIMIT = 150  # seconds that anything waited for may take


class Api:
    """Objects of one namespace."""

    def __init__(self, base, namespace):
        self.base, self.namespace = base, namespace

    def ask(self, method, kind, name="", body=None, subresource="", query="", content="merge"):
        version, plural = PATHS[kind]
        place = "" if kind in NOT_NAMESPACED else f"namespaces/{self.namespace}/"
        path = "/".join(part for part in (f"{self.base}/{version}/{place}{plural}", name, subresource) if part)
        content = f"application/{content}-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(path + query, data, {"content-type": content}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404 and method == "GET":
                return None
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:500].decode()}") from error

    def create(self, kind, name, spec, **metadata):
        version = PATHS[kind][0].removeprefix("apis/").removeprefix("api/")
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}
        return self.ask("POST", kind, body=body)

    def patch(self, kind, name, body, subresource="", content="merge"):
        return self.ask("PATCH", kind, name, body, subresource, content=content)

    def delete(self, kind, name, policy="Background"):
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        self.ask("DELETE", kind, name, body)

    def read(self, kind, name):
        return self.ask("GET", kind, name)

    def list(self, kind, selector=""):
        return self.ask("GET", kind, query=f"?labelSelector={selector}")["items"]

    def until(self, what, holds):
        """Waits for a level, never for an edge."""
        end = time.monotonic() + LIMIT
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {LIMIT} s: {what}")
            time.sleep(0.4)

    def until_gone(self, kind, name):
        self.until(f"{kind} {name} is gone", lambda: self.read(kind, name) is None)

    def until_pods(self, name, n):
        """So many Pods there are, all of them ready and none on its way out."""
        def holds():
            pods = self.list("Pod", f"app={name}")
            going = any("deletionTimestamp" in pod["metadata"] for pod in pods)
            return len(pods) == n and not going and all(condition(pod, "Ready") for pod in pods)
        self.until(f"{name} has {n} ready Pods", holds)

    def until_condition(self, kind, name, *types):
        self.until(f"{kind} {name} is {' or '.join(types)}", lambda: any(condition(self.read(kind, name), it) for it in types))


def condition(thing, type_):
    conditions = (thing or {}).get("status", {}).get("conditions") or []
    return any(it["type"] == type_ and it["status"] == "True" for it in conditions)


class Proxy:
    """`kubectl proxy` on a port that is free."""

    def __enter__(self):
        self.process = subprocess.Popen(["kubectl", "proxy", "--port=0"], stdout=subprocess.PIPE, text=True)
        return "http://" + self.process.stdout.readline().split()[-1]

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
