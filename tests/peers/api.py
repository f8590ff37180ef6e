"""As much of an API server as those need that watch it: who it is, what it has, and its ways to answer."""
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import wire

PROTOBUF = "application/vnd.kubernetes.protobuf"
PODS, EVENTS = "/api/v1/pods", "/api/v1/events"
REPLICA_SETS, DEPLOYMENTS = "/apis/apps/v1/replicasets", "/apis/apps/v1/deployments"


def resource(name, singular, kind):
    return {"name": name, "singularName": singular, "namespaced": True, "kind": kind, "verbs": ["get", "list", "watch"]}


def answers(minor):
    """What is asked for before anything is listed."""
    core = [resource("pods", "pod", "Pod"), resource("events", "event", "Event")]
    return {
        "/version": {"major": "1", "minor": minor, "gitVersion": f"v1.{minor}.0"},
        "/api/v1/namespaces/kube-system": {"metadata": {"uid": "u"}},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": core},
    }


class Handler(BaseHTTPRequestHandler):
    """Answers; `list` and `watch` are for those who know what there is."""
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    minor = "33"
    # Of these both forms are there.
    in_protobuf = (PODS, EVENTS)

    def log_message(self, *_):
        pass

    def is_protobuf(self, path):
        return path in self.in_protobuf and self.headers.get("Accept", "").startswith(PROTOBUF)

    def answer(self, body, code=200, is_protobuf=False):
        self.send_response(code)
        self.send_header("Content-Type", PROTOBUF if is_protobuf else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
        named = answers(self.minor)
        if path in named:
            self.answer(json.dumps(named[path]).encode())
        elif pairs.get("watch") in ("true", "1"):
            self.watch(path, pairs)
        else:
            self.list(path, pairs)

    def answer_list(self, path, items, version, goes_on):
        """A page; `goes_on` is where the next one begins, nothing for the last."""
        is_protobuf = self.is_protobuf(path)
        if is_protobuf:
            told = wire.field(2, str(version).encode()) + wire.field(3, goes_on.encode())
            body = wire.enveloped(wire.field(1, told) + b"".join(wire.field(2, item) for item in items))
        else:
            meta = {"resourceVersion": str(version), **({"continue": goes_on} if goes_on else {})}
            head = json.dumps({"kind": "List", "apiVersion": "v1", "metadata": meta})[:-1].encode()
            body = head + b',"items":[' + b",".join(items) + b"]}"
        self.answer(body, is_protobuf=is_protobuf)

    def begin_watch(self, path):
        self.send_response(200)
        self.send_header("Content-Type", f"{PROTOBUF};stream=watch" if self.is_protobuf(path) else "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data):
        """A piece of a watch; the empty one is its end."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def event(name, item, is_protobuf):
    if not is_protobuf:
        return b'{"type":"' + name.encode() + b'","object":' + item + b"}\n"
    told = wire.field(1, name.encode()) + wire.field(2, wire.field(1, wire.enveloped(item)))
    return len(told).to_bytes(4, "big") + told


def bookmark(version, is_protobuf, annotation=None):
    if is_protobuf:
        said = b"" if annotation is None else wire.field(12, wire.field(1, annotation.encode()) + wire.field(2, b"true"))
        mark = wire.field(1, wire.field(6, str(version).encode()) + said)
    else:
        said = {} if annotation is None else {"annotations": {annotation: "true"}}
        mark = json.dumps({"metadata": {"resourceVersion": str(version), **said}}).encode()
    return event("BOOKMARK", mark, is_protobuf)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Whoever watches is ended in the middle of it."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(handler, port):
    server = Server(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def stop(server):
    server.shutdown()
    server.server_close()
