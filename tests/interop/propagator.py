"""Trace contexts between lifespan and the reference propagator of OpenTelemetry Python.

What lifespan writes the propagator reads as the same, and the other way round; of malformed ones both
say the same. Needs the package opentelemetry-api. Usage: propagator.py PATH-OF-LIFESPAN
"""

import gzip
import json
import logging
import os
import random
import subprocess
import sys

from opentelemetry import trace
from opentelemetry.baggage import set_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# What is malformed is told by the propagator; here that is no news.
logging.disable(logging.WARNING)

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
LIFESPAN = sys.argv[1]
PREFIX = "tracing.k8s.io/"
PROPAGATOR = TraceContextTextMapPropagator()
MANIFEST = '{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}'

IDS = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"

# traceparent, tracestate. Not here is what level 2 allows and the propagator, which follows level 1
# there, does not: keys of tracestate that begin with a digit.
VECTORS = [
    (f"00-{IDS}-01", ""),
    (f"00-{IDS}-00", "foo=1"),
    (f"00-{IDS}-03", "foo=1,bar=2"),
    (f"00-{IDS}-01", "foo=1 \t , \t bar=2"),
    (f"00-{IDS}-01", "foo=1,,bar=2"),
    (f"00-{IDS}-01", "fw529a3039@dt=FfQfzz,a-_*/=~ !"),
    (f"00-{IDS}-01", "k" * 256 + "=" + "v" * 200),
    (f"cc-{IDS}-01", ""),
    (f"cc-{IDS}-01-what-the-future-brings", ""),
    (f"cc-{IDS}-01.what", ""),
    (f"ff-{IDS}-01", ""),
    (f"00-{IDS}-01-more", ""),
    (f"00-{IDS}-1", ""),
    (f"00-{IDS}-0A", ""),
    (f"00-{IDS.upper()}-01", ""),
    (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
    (f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", ""),
    (f"0-{IDS}-01", ""),
    (f"000-{IDS}-01", ""),
    (f".0-{IDS}-01", ""),
    ("00", ""),
    (f"00-{IDS}-01", "foo=1,foo=1"),
    (f"00-{IDS}-01", "FOO=1"),
    (f"00-{IDS}-01", "foo =1"),
    (f"00-{IDS}-01", "foo"),
    (f"00-{IDS}-01", "foo=1=2"),
    (f"00-{IDS}-01", "foo.bar=1"),
    (f"00-{IDS}-01", "z" * 257 + "=1"),
]


def stamp(environment):
    """The annotations that lifespan writes for an environment; None if it refuses."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TRACE")}
    run = subprocess.run(
        [LIFESPAN, "stamp", "--strict"], input=MANIFEST, env={**clean, **environment}, capture_output=True, text=True
    )
    if run.returncode:
        return None
    return json.loads(run.stdout)["metadata"]["annotations"]


def extracted(carrier):
    return trace.get_current_span(PROPAGATOR.extract(carrier, Context())).get_span_context()


def injected(context):
    carrier = {}
    PROPAGATOR.inject(carrier, trace.set_span_in_context(trace.NonRecordingSpan(context)))
    return carrier


def state_of(context):
    return list(context.trace_state.items())


def contexts(n):
    chance = random.Random(5915)
    keys = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@"
    values = [chr(code) for code in range(0x21, 0x7F) if chr(code) not in ",="]
    for _ in range(n):
        state = [
            (chance.choice(keys[:36]) + "".join(chance.choices(keys, k=chance.randrange(20))),
             "".join(chance.choices(values, k=chance.randrange(1, 20))))
            for _ in range(chance.randrange(5))
        ]
        yield trace.SpanContext(
            chance.getrandbits(128) | 1, chance.getrandbits(64) | 1, True,
            trace.TraceFlags(chance.randrange(4)), trace.TraceState(list(dict(state).items())),
        )


def both_ways():
    """What the propagator writes into an environment lifespan reads, and what that writes onto an
    object the propagator reads: the same."""
    n = 0
    for context in contexts(100):
        environment = {key.upper(): value for key, value in injected(context).items()}
        written = stamp(environment)
        read = extracted({key.removeprefix(PREFIX): value for key, value in written.items()})
        # Only the flag that every version of every propagator reads is written.
        assert (read.trace_id, read.span_id, read.trace_flags) == (
            context.trace_id, context.span_id, context.trace_flags & 1), (environment, written)
        assert state_of(read) == state_of(context), (environment, written)
        n += 1
    minted = stamp({})
    read = extracted({key.removeprefix(PREFIX): value for key, value in minted.items()})
    assert read.is_valid and read.trace_flags == 0, minted
    return n + 1


def same_verdicts():
    """Both take and refuse the same texts, and read the same in those that they take."""
    for parent, state in VECTORS:
        theirs = extracted({"traceparent": parent, "tracestate": state})
        written = stamp({"TRACEPARENT": parent})
        assert theirs.is_valid == (written is not None), parent
        if not theirs.is_valid:
            continue
        ours = extracted({"traceparent": written[PREFIX + "traceparent"]})
        assert (ours.trace_id, ours.span_id) == (theirs.trace_id, theirs.span_id), parent
        # A person who gives a malformed tracestate is told; the propagator drops it.
        members = [member for member in state.split(",") if member.strip()]
        with_state = stamp({"TRACEPARENT": parent, "TRACESTATE": state})
        assert (with_state is not None) == (len(theirs.trace_state) == len(members)), state
    return len(VECTORS)


def on_objects():
    """What the propagator writes into annotations is a link of the replayed trace."""
    path = os.path.join(TOP, "config", "demo", "rolling-update.jsonl.gz")
    with gzip.open(path, "rt") as recording:
        lines = recording.read()
    old = "00-284d834001790d9a3e6c48e067abb5dd-"
    at = lines.index(old)
    old = lines[at:at + 55]
    n = 0
    for context in contexts(8):
        carrier = injected(context)
        new = lines.replace(old, carrier["traceparent"])
        if "tracestate" in carrier:
            pair = f'"{PREFIX}traceparent":"{carrier["traceparent"]}"'
            state = f'"{PREFIX}tracestate":{json.dumps(carrier["tracestate"])}'
            assert pair in new
            new = new.replace(pair, f"{pair},{state}")
        run = subprocess.run(
            [LIFESPAN, "replay", "-o", "json", "-"], input=new, capture_output=True, text=True, check=True
        )
        links = [
            link
            for line in run.stdout.splitlines()
            for group in json.loads(line)["resourceSpans"]
            for scope in group["scopeSpans"]
            for span in scope["spans"]
            for link in span.get("links", [])
        ]
        wanted = (f"{context.trace_id:032x}", f"{context.span_id:016x}", carrier.get("tracestate", ""))
        found = [(link["traceId"], link["spanId"], link.get("traceState", "")) for link in links]
        assert found == [wanted], (found, wanted)
        assert links[0]["flags"] & 0xFF == context.trace_flags, links
        n += 1
    return n


def baggage():
    """The propagator's baggage is by the grammar that lifespan checks."""
    carrier = {}
    context = set_baggage("team", "a b,c", Context())
    W3CBaggagePropagator().inject(carrier, set_baggage("release", "1=2;é", context))
    run = subprocess.run(
        [LIFESPAN, "stamp", "--traceparent", f"00-{IDS}-01", "--baggage", carrier["baggage"]],
        input=MANIFEST, capture_output=True, text=True, check=True,
    )
    annotations = json.loads(run.stdout)["metadata"]["annotations"]
    assert annotations[PREFIX + "baggage"] == carrier["baggage"]
    read = W3CBaggagePropagator().extract({"baggage": annotations[PREFIX + "baggage"]}, Context())
    assert read == W3CBaggagePropagator().extract(carrier, Context())
    return 1


def main():
    for check in (both_ways, same_verdicts, on_objects, baggage):
        print(f"{check.__name__}: {check()} trace contexts agree")


if __name__ == "__main__":
    main()
