#!/usr/bin/env python3
"""Sends recordings to a Jaeger and reads them back: span for span what was sent, no warnings.

Two warnings are expected, told and counted apart: where a `terminate Pod` outlives the span above
it, Jaeger suspects the clocks of two hosts, adjusts nothing and says so; and a span without a length,
which says how unsure it is, is made a nanosecond long, beyond the span above it.

    tests/e2e/jaeger.py LIFESPAN RECORDING...

LIFESPAN is the built binary. A Jaeger must take OTLP gRPC on 127.0.0.1:4317 and answer queries on
127.0.0.1:16686. Only the standard library is used.
"""
import json
import subprocess
import sys
import time
import urllib.request

OTLP, QUERY = "127.0.0.1:4317", "http://127.0.0.1:16686"


def value(of):
    kind, what = next(iter(of.items()))
    if kind == "arrayValue":
        return json.dumps([value(item) for item in what.get("values", [])], separators=(",", ":"))
    return int(what) if kind == "intValue" else what


def plain(span):
    """What a span says, in the words that both sides share."""
    return {
        "name": span["name"],
        "parent": span.get("parentSpanId", ""),
        "start": int(span["startTimeUnixNano"]) // 1000,
        "duration": (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) // 1000,
        "links": sorted((link["traceId"], link["spanId"]) for link in span.get("links", [])),
        "events": sorted((int(event["timeUnixNano"]) // 1000, event["name"]) for event in span.get("events", [])),
        "tags": {item["key"]: value(item["value"]) for item in span.get("attributes", [])},
        "error": span.get("status", {}).get("code") == 2,
    }


def sent(lifespan, recording, *arguments):
    return replayed(lifespan, recording, *arguments)[0]


def replayed(lifespan, recording, *arguments):
    out = subprocess.run([lifespan, "replay", "-o", "json", *arguments, recording], check=True, capture_output=True, text=True)
    return told(out.stdout.splitlines())


def told(lines):
    """The spans in lines of OTLP JSON, by trace, and what the resource of each trace says."""
    traces, resources = {}, {}
    for line in lines:
        if not line.startswith("{"):
            continue
        for resource in json.loads(line)["resourceSpans"]:
            about = {item["key"]: value(item["value"]) for item in resource["resource"]["attributes"]}
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    traces.setdefault(span["traceId"], {})[span["spanId"]] = plain(span)
                    resources[span["traceId"]] = about
    return traces, resources


def ids_of(service, since):
    """The ids of all traces of a service since a time in microseconds."""
    with urllib.request.urlopen(f"{QUERY}/api/traces?service={service}&start={since}&limit=5000") as answer:
        return [trace["traceID"] for trace in json.load(answer)["data"]]


def stored_of(service, since):
    """The spans of those, by trace."""
    return {trace_id: stored(trace_id)[0] for trace_id in ids_of(service, since)}


def stored(trace_id):
    with urllib.request.urlopen(f"{QUERY}/api/traces/{trace_id}") as answer:
        trace = json.load(answer)["data"][0]
    spans, warnings, expected = {}, list(trace.get("warnings") or []), 0
    ends = {span["spanID"]: span["startTime"] + span["duration"] for span in trace["spans"]}
    for span in trace["spans"]:
        above = next((ref["spanID"] for ref in span["references"] if ref["traceID"] == trace_id), None)
        outlives = span["operationName"] == "terminate Pod" and ends[span["spanID"]] > ends.get(above, 0)
        is_unsure = span["duration"] == 0 and any(tag["key"] == "lifespan.time.uncertainty_ms" for tag in span["tags"])
        for warning in span.get("warnings") or []:
            is_expected = is_unsure and warning.startswith("Negative duration detected")
            if is_expected or (outlives or is_unsure) and warning.startswith("clock skew adjustment disabled"):
                expected += 1
            else:
                warnings.append(f"{span['operationName']}: {warning}")
        tags = {tag["key"]: tag["value"] for tag in span["tags"]}
        parents = [ref["spanID"] for ref in span["references"] if ref["refType"] == "CHILD_OF" and ref["traceID"] == trace_id]
        links = [(ref["traceID"], ref["spanID"]) for ref in span["references"] if ref["traceID"] != trace_id]
        events = []
        for log in span["logs"]:
            name = next(field["value"] for field in log["fields"] if field["key"] == "event")
            events.append((log["timestamp"], name))
        ours = {key: of for key, of in tags.items() if not key.startswith(("otel.", "span.", "w3c.", "internal.")) and key != "error"}
        spans[span["spanID"]] = {
            "name": span["operationName"],
            "parent": parents[0] if parents else "",
            "start": span["startTime"],
            "duration": span["duration"],
            "links": sorted(links),
            "events": sorted(events),
            "tags": ours,
            "error": tags.get("error", False) is True,
        }
    return spans, warnings, expected


def main():
    lifespan, recordings = sys.argv[1], sys.argv[2:]
    faults = 0
    for recording in recordings:
        traces = sent(lifespan, recording)
        subprocess.run([lifespan, "replay", "--endpoint", OTLP, recording], check=True, capture_output=True)
        time.sleep(2)
        for trace_id, spans in traces.items():
            back, warnings, expected = stored(trace_id)
            for warning in warnings:
                print(f"{trace_id}: warning: {warning}")
            different = [key for key in spans.keys() | back.keys() if spans.get(key) != back.get(key)]
            for key in different[:3]:
                print(f"{trace_id} {key}:\n  sent   {spans.get(key)}\n  stored {back.get(key)}")
            faults += len(different) + len(warnings)
            print(f"{recording}: trace {trace_id}: {len(spans)} spans, {len(different)} differ, {len(warnings)} warnings, {expected} expected ones")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
