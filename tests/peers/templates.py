"""Objects as a server answered with them, with places for what differs from one to the next."""
import json
import os
import re

import wire
from measured import HERE

# Of the Pods that a server answered with, one of a ReplicaSet that is ready.
POD = 2


def read(name):
    with open(os.path.join(HERE, "..", "objects", name), "rb") as file:
        return file.read()


def item(name):
    """The object of a file without its kind: an item of a list."""
    it = json.loads(read(name))
    it.pop("kind", None), it.pop("apiVersion", None)
    return it


def pod():
    return json.loads(read("pods_of_a_server.json"))["items"][POD]


def item_in_protobuf(name, n):
    envelope = dict(wire.fields(read(name)[4:]))
    return [item for tag, item in wire.fields(envelope[2]) if tag == 2][n]


def pod_in_protobuf():
    return item_in_protobuf("pods_of_a_server.pb", POD)


class Marks:
    """Places in messages: each is as long as what will stand there, since lengths stand before it."""

    def __init__(self, widths):
        self.names, self.widths = list(widths), widths

    def mark(self, name):
        width = self.widths[name]
        return b"~" + bytes([ord("0") + self.names.index(name)]) + b"~" * (width - 2)

    def parts(self, message):
        parts = re.split(rb"~([0-Z])~+", message)
        return [self.names[part[0] - ord("0")] if n % 2 else part for n, part in enumerate(parts)]


def parts(it):
    """JSON in parts, every other one the name of what stands there: `@name@`, `@n_name@` for a number."""
    text = re.sub(r'"(@n_\w+?@)"', r"\1", json.dumps(it, separators=(",", ":")))
    return [part if n % 2 else part.encode() for n, part in enumerate(re.split(r"@([a-z_]+)@", text))]


def joined(parts, known):
    return b"".join(part if isinstance(part, bytes) else known[part] for part in parts)
