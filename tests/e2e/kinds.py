#!/usr/bin/env python3
"""Does one of each kind to a real cluster, and compares what is told with what was done.

    tests/e2e/kinds.py LIFESPAN [--image-before IMAGE] [--image-after IMAGE] [--only CASE]... [--keep FOLDER] [--audit FILE]

LIFESPAN is the built binary. KUBECONFIG and kubectl lead to any cluster in which namespaces, CRDs
and a label on a node may be made; all are gone afterwards. Both images must have `sh` and `sleep`.
Only the standard library is used.

`lifespan` watches, with a file exporter, and beside it `lifespan record` writes down what the
cluster says. All cases (`cases`, `custom`) go on side by side, each with objects of its own. Then

* each case must have given the transitions that it is known to cause, no more, each with its
  outcome and what is below it;
* the replay of the recording must give the same traces, spans, parents, names, outcomes and links;
* so must, of what moves below built-in kinds (`moves`), the API server's audit log, if --audit names one
  that holds whole objects of apps, batch and Pods. It knows nothing of watches; where it has no
  Events, steps that only they tell of are missing.

The real Trainer, JobSet, Tekton, Argo Rollouts and Kueue (a LocalQueue `lq` with room for 100m) are
asked where their CRDs are served. Of other families the CRDs are installed and the statuses written by hand, unless the cluster has its own.
"""
import argparse
import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from api import PATHS, Api, Proxy
from cases import BUILT_IN, CONTROLLERS, World, crd
from custom import CUSTOM, ONLY_CONFIGURED, RESOURCES, install
from ends import ENDS
from moves import MOVES, operator, queued
from jaeger import replayed, told
from side_by_side import STABLE, broken, cluster_uid, differences, roots_of, tag, tops

# Steps of a Pod are compared only where a case names them; objects always.
STEPS = {
    "schedule Pod", "prepare Pod sandbox", "pull image", "run init container", "start sidecar", "start container",
    "await readiness", "run container", "restart container", "await scheduling gates", "await volume", "await node",
    "await readiness gates", "await availability", "await retry",
}
WATCHED = ["workloads", "cronjobs", "deployments", "statefulsets", "daemonsets", "trainjobs", "jobsets", "pipelineruns", "taskruns", "jobs", "rollouts",
           "replicasets", "replicationcontrollers", "pods", "events"]


def configuration(folder):
    objects = [{"name": name} for name in WATCHED]
    for case, resource in RESOURCES.items():
        entry = {"name": resource.plural, "group": resource.version.split("/")[0]}
        if case in ONLY_CONFIGURED:
            entry.update(kind=resource.kind, settled_when=["condition=Ready", "condition=Synced"])
        objects.append(entry)
    return {
        "receivers": {"k8s_lifecycle": {"auth_type": "kubeConfig", "objects": objects}},
        "exporters": {"file": {"path": os.path.join(folder, "live.json")}},
        "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": {"traces": {"receivers": ["k8s_lifecycle"], "exporters": ["file"]}}},
    }


# Cases of controllers that are asked where they run, and those whose CRDs are installed for them.
REAL = {**CONTROLLERS, "kueue": (queued, "ClusterQueue")}
BY_HAND = {**CUSTOM, "operator": operator}


class Case(threading.Thread):
    """One case, at the same time as the others."""

    def __init__(self, name, steps, world):
        super().__init__(daemon=True)
        self.case, self.steps, self.world = name, steps, world
        self.expected, self.error = [], None

    def run(self):
        try:
            for step in self.steps(self.world, self.case):
                self.expected.append(step)
        except Exception as error:  # whatever a cluster can do to a case is told as its verdict
            self.error = error


def below(spans, expected):
    """What is below the root, in the words of what was expected."""
    counts = collections.Counter(span["name"] for span in spans.values() if span["parent"] in spans)
    return {name: n for name, n in counts.items() if name not in STEPS or name in expected}


def verdict(case, traces):
    """What is wrong with the traces of a case."""
    if case.error is not None:
        return [f"{type(case.error).__name__}: {case.error}"]
    roots = {id(span): spans for spans in traces.values() for span in tops(spans)}
    found = roots_of(traces)
    names = [(root["name"], tag(root, "lifespan.outcome")) for root in found]
    wanted = [(step.root, step.outcome) for step in case.expected]
    if names != wanted:
        return [f"the roots are {names}, expected were {wanted}"]
    wrong = []
    for step, root in zip(case.expected, found):
        there = below(roots[id(root)], step.below)
        if there != step.below:
            wrong.append(f"{step.root}: below it are {there}, expected were {step.below}")
        for key, what in step.says.items():
            if tag(root, key) is None or what not in str(tag(root, key)):
                wrong.append(f"{step.root}: {key} is {tag(root, key)}, expected was {what}")
        for name, moments in step.moments.items():
            told_of = {moment for span in roots[id(root)].values() if span["name"] == name for _, moment in span["events"]}
            if not told_of.issuperset(moments):
                wrong.append(f"{step.root}: {name} tells of {sorted(told_of)}, expected were {moments}")
        if root["error"] != (step.outcome in ("failed", "timed_out")):
            wrong.append(f"{step.root}: its status is {'' if root['error'] else 'no '}error")
    return wrong


def of_case(case, traces, resources):
    """The traces whose service is a case's: its objects are named after it."""
    own = case.world.api.namespace
    # A case may have a namespace of its own, named after it.
    places = (own, f"{own}-{case.case}")
    belongs = lambda it: it.get("k8s.namespace.name") in places and (it["service.name"] + "-").startswith(case.case + "-")
    return {trace_id: spans for trace_id, spans in traces.items() if belongs(resources[trace_id])}


def chosen(api, world, only, rollouts_namespace):
    """The cases that this cluster can be asked, and which CRDs are to be installed for them."""
    cases, installed = [], []
    wanted = lambda name: not only or name in only
    served = lambda kind: api.read("CustomResourceDefinition", crd(kind)) is not None
    cases += [Case(name, steps, world) for name, steps in {**BUILT_IN, **MOVES, **ENDS}.items() if wanted(name)]
    for name, (steps, kind) in REAL.items():
        if wanted(name) and not served(kind):
            print(f"{name}: skipped, this cluster serves no {kind}")
        elif wanted(name):
            there = world if kind not in ("Rollout", "ClusterQueue") else world._replace(api=Api(api.base, rollouts_namespace))
            cases.append(Case(name, steps, there))
    for name, steps in BY_HAND.items():
        if wanted(name) and served(RESOURCES[name].kind):
            print(f"{name}: skipped, this cluster has a {RESOURCES[name].kind} of its own")
        elif wanted(name):
            cases.append(Case(name, steps, world))
            installed.append(RESOURCES[name])
    return cases, installed


def watched(lifespan, folder, cases):
    """Runs the cases while both watch; gives the ends of the two."""
    config, spans, recording = (os.path.join(folder, name) for name in ("config.json", "live.json", "live.jsonl"))
    # The exporter appends, and a recording is not written over.
    for old in (spans, recording):
        if os.path.exists(old):
            os.remove(old)
    with open(config, "w", encoding="utf-8") as file:
        json.dump(configuration(folder), file)
    with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
        watching = [
            subprocess.Popen([lifespan, "--config", config], stdout=log, stderr=log),
            subprocess.Popen([lifespan, "record", "--config", config, "-o", recording], stderr=log),
        ]
        try:
            time.sleep(4)
            for case in cases:
                case.start()
                # All at once, the two watchers would show how busy the machine is and nothing else.
                time.sleep(0.7)
            for case in cases:
                case.join()
            time.sleep(STABLE)
        finally:
            for process in watching:
                process.send_signal(signal.SIGINT)
            codes = [process.wait(timeout=40) for process in watching]
    return [f"{name} ended with {code}" for name, code in zip(("lifespan", "record"), codes) if code != 0]


def of_built_in_kinds(traces):
    """Without the steps, which Events tell of."""
    kinds = {name for name, (version, _) in PATHS.items() if version in ("api/v1", "apis/apps/v1", "apis/batch/v1")}
    is_built_in = lambda spans: all(span["name"].split()[-1] in kinds for span in tops(spans))
    whole = {trace_id: spans for trace_id, spans in traces.items() if is_built_in(spans)}
    return {trace_id: {key: span for key, span in spans.items() if span["name"] not in STEPS} for trace_id, spans in whole.items()}


def audited(lifespan, folder, audit, cases, live, resources):
    """What the audit log tells otherwise."""
    if audit is None:
        return []
    config = os.path.join(folder, "config.json")
    logged, _ = replayed(lifespan, audit, "--format", "audit", "--config", config, "--cluster-uid", cluster_uid())
    moved = [case for case in cases if case.case in {**MOVES, "kueue": queued}]
    all_live = {trace_id: spans for case in moved for trace_id, spans in of_case(case, live, resources).items()}
    seen = of_built_in_kinds(all_live)
    wrong, apart = differences({trace_id: of_built_in_kinds(logged).get(trace_id, {}) for trace_id in seen}, seen)
    print(f"audit log: {sum(map(len, seen.values()))} spans of {len(seen)} traces, {len(wrong)} differ; times at most {apart / 1000:.1f} ms apart")
    return [f"audit log: {line.replace('the replay', 'the log')}" for line in wrong]


def compared(lifespan, folder, cases, wrong, audit):
    """Prints a line a case; gives how many are wrong."""
    with open(os.path.join(folder, "live.json"), encoding="utf-8") as file:
        live, resources = told(file)
    recorded, of_recorded = replayed(
        lifespan, os.path.join(folder, "live.jsonl"), "--config", os.path.join(folder, "config.json"), "--cluster-uid", cluster_uid())
    n_bad, n_spans, furthest = 0, 0, 0
    for case in cases:
        traces = of_case(case, live, resources)
        faults = verdict(case, traces) + broken(traces)
        different, apart = differences(of_case(case, recorded, of_recorded), traces)
        faults, furthest = faults + different, max(furthest, apart)
        n_spans += sum(map(len, traces.values()))
        n_bad += bool(faults)
        steps = ", ".join(f"{step.root} {step.outcome}" for step in case.expected)
        print(f"{'ok  ' if not faults else 'FAIL'} {case.case}: {steps}")
        for fault in faults[:12]:
            print(f"       {fault}")
    wrong = wrong + audited(lifespan, folder, audit, cases, live, resources)
    for line in wrong:
        print(line)
    n_bad += len(wrong)
    print(f"{len(cases)} cases, {n_spans} spans, {n_bad} faults; times of live and replay at most {furthest / 1000:.1f} ms apart")
    return n_bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifespan")
    parser.add_argument("--image-before", default="busybox:1.36")
    parser.add_argument("--image-after", default="busybox:1.37")
    parser.add_argument("--only", metavar="CASE", action="append", default=[])
    parser.add_argument("--rollouts-namespace", metavar="NAME", default="default", help="one that Argo Rollouts and Kueue look after")
    parser.add_argument("--audit", metavar="FILE", help="the API server's audit log, of this machine's cluster")
    parser.add_argument("--keep", metavar="FOLDER", help="where the recording, the spans and the log are left")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.only if name not in {**BUILT_IN, **MOVES, **ENDS, **REAL, **BY_HAND}]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    namespace = f"lifespan-e2e-{os.getpid()}"
    with tempfile.TemporaryDirectory() as temporary, Proxy() as base:
        folder = arguments.keep or temporary
        os.makedirs(folder, exist_ok=True)
        api = Api(base, namespace)
        world = World(api, arguments.image_before, arguments.image_after, f"{namespace}.example.org/on")
        cases, resources = chosen(api, world, arguments.only, arguments.rollouts_namespace)
        api.ask("POST", "Namespace", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        try:
            for resource in resources:
                if resource is not RESOURCES["comes-and-goes"]:
                    install(api, resource)
            wrong = watched(arguments.lifespan, folder, cases)
            n_bad = compared(arguments.lifespan, folder, cases, wrong, arguments.audit)
        finally:
            for resource in resources:
                if api.read("CustomResourceDefinition", crd(resource.kind)):
                    api.delete("CustomResourceDefinition", crd(resource.kind))
            api.ask("DELETE", "Namespace", namespace)
    sys.exit(1 if n_bad else 0)


if __name__ == "__main__":
    main()
