"""What a process costs, as the operating system counts it, and how the programs are started."""
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
# More than lifespan's key settle_time, in seconds.
SETTLES = 4
QUIET = {"metrics": {"level": "none"}}


def kubeconfig(path, port):
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "c",
              "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
              "users": [{"name": "u", "user": {}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}
    written(path, config)
    return path


def written(path, configuration):
    """A file of a configuration; JSON is YAML."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(configuration, file)
    return path


def lifespan(folder, receiver, exporters=None, extensions=None, telemetry=None):
    """The configuration of a lifespan that says nothing of itself unless it is told to."""
    exporters, extensions = exporters or {"debug": {}}, extensions or {}
    return written(os.path.join(folder, "lifespan.yaml"), {
        "receivers": {"k8s_lifecycle": {"auth_type": "kubeConfig", **receiver}}, "exporters": exporters, "extensions": extensions,
        "service": {"telemetry": telemetry or QUIET, "extensions": list(extensions),
                    "pipelines": {"traces": {"receivers": ["k8s_lifecycle"], "exporters": list(exporters)}}}})


def collector(folder):
    """That of a Collector that watches Pods."""
    return written(os.path.join(folder, "otelcol.yaml"), {
        "receivers": {"k8sobjects": {"auth_type": "kubeConfig", "objects": [{"name": "pods", "mode": "watch"}]}},
        "exporters": {"nop": {}},
        "service": {"telemetry": QUIET, "pipelines": {"logs": {"receivers": ["k8sobjects"], "exporters": ["nop"]}}}})


def metrics_at(port):
    return {"metrics": {"readers": [{"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": port}}}}]}}


def figures(pid):
    """CPU-seconds so far, user and system, and the most memory in MiB."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), memory(pid, "VmHWM")


def memory(pid, name="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(name + ":"))


def bytes_written(pid):
    with open(f"/proc/{pid}/io", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("write_bytes:"))


def ask(port, path="/"):
    """The answer, or nothing where it is none or not 200."""
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).read().decode()
    except (OSError, urllib.error.URLError):
        return None


def metrics(port):
    """What lifespan says of itself: sums of what is counted, by name, and the counts of what is measured in classes."""
    told, classes = {}, {}
    for line in (ask(port, "/metrics") or "").splitlines():
        found = re.match(r"otelcol_(?:k8s_lifecycle_)?(\w+?)(?:_total)?(?:\{(.*)\})? ([0-9.e+-]+)$", line)
        if found and found[1] == "handover_delay_bucket":
            bound = re.search('le="([^"]+)"', found[2])[1]
            classes[bound] = classes.get(bound, 0) + float(found[3])
        elif found:
            told[found[1]] = told.get(found[1], 0) + float(found[3])
    return told, classes


def start(command, access, log=None):
    with open(log or os.devnull, "w", encoding="utf-8") as said:
        return subprocess.Popen(command, env={**os.environ, "KUBECONFIG": access}, stdout=subprocess.DEVNULL, stderr=said)


def end(process):
    process.kill()
    process.wait()


def wait(process, what, seconds=900, each=0.02):
    """Waits until it is so; whether it is may cost the process something."""
    until = time.monotonic() + seconds
    while not what():
        if process.poll() is not None or time.monotonic() > until:
            sys.exit(f"{process.args[0]} has ended, or nothing came of it in {seconds} s")
        time.sleep(each)


class Stretches:
    """What each stretch of a run costs."""

    def __init__(self, pid):
        self.pid, self.cpu = pid, 0.0

    def rest(self):
        """Waits until the process has nothing to do."""
        before = -1.0
        while (cpu := figures(self.pid)[0]) - before > 0.015:
            before = cpu
            time.sleep(1)

    def decided(self):
        """The same, of lifespan when what changed last waits for slower watches before it is decided."""
        time.sleep(SETTLES)
        self.rest()

    def end(self):
        """CPU-seconds since the last one's end, the most memory since then, and what it has now."""
        cpu, peak = figures(self.pid)
        told = cpu - self.cpu, peak, memory(self.pid)
        self.cpu = cpu
        # The next stretch has a peak of its own.
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")
        return told
