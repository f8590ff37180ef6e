"""One custom resource of each family that is known by name, and one that is only configured.

No controller of theirs runs: the statuses are written here, in the order in which the real
controllers write them. Cases are as in `cases`.
"""
import time
from typing import NamedTuple

from api import PATHS, condition
from cases import PAUSE, Told, crd


class Resource(NamedTuple):
    kind: str
    plural: str
    version: str
    status_subresource: bool = True


RESOURCES = {
    "argo-application": Resource("Application", "applications", "argoproj.io/v1alpha1", False),
    "kustomization": Resource("Kustomization", "kustomizations", "kustomize.toolkit.fluxcd.io/v1"),
    "helm-release": Resource("HelmRelease", "helmreleases", "helm.toolkit.fluxcd.io/v2"),
    "certificate": Resource("Certificate", "certificates", "cert-manager.io/v1"),
    "knative": Resource("Service", "services", "serving.knative.dev/v1"),
    "cluster": Resource("Cluster", "clusters", "cluster.x-k8s.io/v1beta2"),
    "composite": Resource("XDatabase", "xdatabases", "e2e.lifespan.example.org/v1"),
    "operator": Resource("Database", "databases", "e2e.lifespan.example.org/v1"),
    "comes-and-goes": Resource("Configuration", "configurations", "serving.knative.dev/v1"),
}
# Of these the group is no preset's.
ONLY_CONFIGURED = {"composite", "operator"}
PATHS.update({it.kind: (f"apis/{it.version}", it.plural) for it in RESOURCES.values()})


def definition(resource):
    group, version = resource.version.split("/")
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = {"name": version, "served": True, "storage": True, "schema": schema}
    if resource.status_subresource:
        served["subresources"] = {"status": {}}
    names = {"kind": resource.kind, "plural": resource.plural, "singular": resource.kind.lower(), "listKind": f"{resource.kind}List"}
    return {"group": group, "names": names, "scope": "Namespaced", "versions": [served]}


def install(api, resource):
    api.create("CustomResourceDefinition", crd(resource.kind), definition(resource))
    api.until(f"{resource.kind} is served", lambda: condition(api.read("CustomResourceDefinition", crd(resource.kind)), "Established"))
    # Established, and still not found by every request.
    time.sleep(1)


class Hand:
    """Does what a controller does: writes statuses."""

    def __init__(self, world, kind, name):
        self.api, self.kind, self.name = world.api, kind, name

    def create(self, spec):
        self.api.create(self.kind, self.name, spec)
        time.sleep(1)

    def spec(self, spec):
        self.api.patch(self.kind, self.name, {"spec": spec})
        time.sleep(1)

    def status(self, status, then=1):
        resource = next(it for it in RESOURCES.values() if it.kind == self.kind)
        self.api.patch(self.kind, self.name, {"status": status}, "status" if resource.status_subresource else "")
        time.sleep(then)

    def conditions(self, then=1, **types):
        """The whole list, observed at the generation that there is now."""
        generation = self.api.read(self.kind, self.name)["metadata"]["generation"]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = []
        for type_, status in types.items():
            status, _, reason = status.partition(" ")
            conditions.append({"type": type_, "status": status, "reason": reason or "ByHand", "message": "", "lastTransitionTime": now, "observedGeneration": generation})
        self.status({"observedGeneration": generation, "conditions": conditions}, then)

    def delete(self):
        self.api.delete(self.kind, self.name)
        time.sleep(PAUSE)
        return Told(f"delete {self.kind}", "completed")


def argo_application(world, name):
    hand = Hand(world, "Application", name)
    source = lambda revision: {"source": {"repoURL": "https://example.org/shop.git", "path": "web", "targetRevision": revision}}
    synced = lambda revision, phase, health: {
        "sync": {"status": "Synced" if phase == "Succeeded" else "OutOfSync", "comparedTo": source(revision)},
        "operationState": {"phase": phase}, "health": {"status": health}}
    hand.create(source("v1"))
    hand.status(synced("v1", "Running", "Missing"))
    hand.status(synced("v1", "Succeeded", "Healthy"), PAUSE)
    yield Told("create Application", "completed")
    hand.spec(source("v2"))
    hand.status(synced("v2", "Running", "Progressing"))
    hand.status(synced("v2", "Succeeded", "Healthy"), PAUSE)
    yield Told("update Application", "completed")
    hand.spec(source("v3"))
    hand.status(synced("v3", "Failed", "Healthy"), PAUSE)
    yield Told("update Application", "failed")
    yield hand.delete()


def kustomization(world, name):
    hand = Hand(world, "Kustomization", name)
    hand.create({"path": "./a", "prune": True})
    hand.conditions(Reconciling="True Progressing", Ready="Unknown Progressing")
    hand.conditions(Ready="True ReconciliationSucceeded", then=PAUSE)
    yield Told("create Kustomization", "completed")
    hand.spec({"path": "./b"})
    # It is tried again, and that is no failure.
    hand.conditions(Reconciling="True ProgressingWithRetry", Ready="False BuildFailed", then=3)
    hand.conditions(Ready="True ReconciliationSucceeded", then=PAUSE)
    yield Told("update Kustomization", "completed")
    hand.api.patch(hand.kind, name, {"spec": {"suspend": True}})
    time.sleep(PAUSE)
    yield Told("pause Kustomization", "paused")
    yield hand.delete()


def helm_release(world, name):
    hand = Hand(world, "HelmRelease", name)
    hand.create({"chart": {"spec": {"chart": "web", "version": "1"}}})
    hand.conditions(Reconciling="True Progressing", Ready="Unknown Progressing")
    hand.conditions(Released="True InstallSucceeded", Ready="True InstallSucceeded", then=PAUSE)
    yield Told("create HelmRelease", "completed")
    hand.spec({"chart": {"spec": {"version": "2"}}})
    hand.conditions(Reconciling="True Progressing", Ready="Unknown Progressing")
    hand.conditions(Stalled="True RetriesExceeded", Ready="False UpgradeFailed", then=PAUSE)
    yield Told("update HelmRelease", "failed")
    yield hand.delete()


def certificate(world, name):
    hand = Hand(world, "Certificate", name)
    hand.create({"secretName": name, "dnsNames": ["a.example.org"]})
    hand.conditions(Issuing="True DoesNotExist", Ready="False DoesNotExist")
    hand.conditions(Ready="True Ready", then=PAUSE)
    yield Told("create Certificate", "completed")
    hand.spec({"dnsNames": ["a.example.org", "b.example.org"]})
    hand.conditions(Issuing="True RequestChanged", Ready="False RequestChanged")
    hand.conditions(Issuing="False Failed", Ready="False RequestChanged", then=PAUSE)
    yield Told("update Certificate", "failed")
    yield hand.delete()


def knative_service(world, name):
    hand = Hand(world, "Service", name)
    image = lambda tag: {"template": {"spec": {"containers": [{"image": f"example.org/web:{tag}"}]}}}
    hand.create(image("v1"))
    hand.conditions(ConfigurationsReady="Unknown", RoutesReady="Unknown", Ready="Unknown")
    hand.conditions(ConfigurationsReady="True", RoutesReady="True", Ready="True", then=PAUSE)
    yield Told("create Service", "completed")
    hand.spec(image("v2"))
    hand.conditions(ConfigurationsReady="Unknown", RoutesReady="True", Ready="Unknown")
    hand.conditions(ConfigurationsReady="False RevisionFailed", RoutesReady="True", Ready="False RevisionFailed", then=PAUSE)
    yield Told("update Service", "failed")
    yield hand.delete()


def cluster_of_cluster_api(world, name):
    hand = Hand(world, "Cluster", name)
    hand.create({"topology": {"classRef": {"name": "small"}, "version": "v1.35.0"}})
    hand.conditions(Available="False NotAvailable", RollingOut="False")
    hand.conditions(Available="True Available", RollingOut="False", then=PAUSE)
    yield Told("create Cluster", "completed")
    hand.spec({"topology": {"version": "v1.36.0"}})
    # Available all the while.
    hand.conditions(Available="True Available", RollingOut="True RollingOut", then=3)
    hand.conditions(Available="True Available", RollingOut="False", then=PAUSE)
    yield Told("update Cluster", "completed")
    yield hand.delete()


def composite(world, name):
    """As Crossplane's: synced long before it is ready."""
    hand = Hand(world, "XDatabase", name)
    hand.create({"size": "small"})
    hand.conditions(Synced="True ReconcileSuccess", Ready="False Creating", then=3)
    hand.conditions(Synced="True ReconcileSuccess", Ready="True Available", then=PAUSE)
    yield Told("create XDatabase", "completed")
    hand.spec({"size": "large"})
    hand.conditions(Synced="False ReconcileError", Ready="True Available", then=3)
    hand.conditions(Synced="True ReconcileSuccess", Ready="True Available", then=PAUSE)
    yield Told("update XDatabase", "completed")
    yield hand.delete()


def comes_and_goes(world, name):
    """A kind that is installed while its watchers run, and removed with what there is of it."""
    resource = RESOURCES["comes-and-goes"]
    install(world.api, resource)
    # What is installed later is found within half a minute.
    time.sleep(35)
    hand = Hand(world, resource.kind, name)
    hand.create({"template": {"spec": {"containers": [{"image": "example.org/web:v1"}]}}})
    hand.conditions(Ready="Unknown")
    hand.conditions(Ready="True", then=PAUSE)
    yield Told("create Configuration", "completed")
    world.api.delete("CustomResourceDefinition", crd(resource.kind))
    world.api.until_gone("CustomResourceDefinition", crd(resource.kind))
    time.sleep(PAUSE)
    yield Told("delete Configuration", "completed")


CUSTOM = {
    "argo-application": argo_application, "kustomization": kustomization, "helm-release": helm_release, "certificate": certificate,
    "knative": knative_service, "cluster": cluster_of_cluster_api, "composite": composite, "comes-and-goes": comes_and_goes,
}
