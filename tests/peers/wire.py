"""As much of protobuf as a fake API server needs: fields of messages that are there are put to others."""


def number(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(tag, value):
    """A field of this number: a number, or bytes."""
    if isinstance(value, int):
        return number(tag << 3) + number(value)
    return number(tag << 3 | 2) + number(len(value)) + value


def fields(message):
    """The numbers and values of a message; Kubernetes writes no others than numbers and bytes."""
    at = 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag, value = read(), read()
        if tag & 7 == 2:
            at, value = at + value, message[at:at + value]
        yield tag >> 3, value


def put(message, path, value):
    """The message with another value at a path, which is a number for each level; nothing takes it away."""
    first, *rest = path
    out = []
    for tag, old in fields(message):
        new = old if tag != first else put(old, rest, value) if rest else value
        if new is not None:
            out.append(field(tag, new))
    return b"".join(out)


def message(schema, value):
    """A message of what is named in a schema: by name a number, or with the schema of what is in it."""
    out = []
    for name, said in schema.items():
        tag, inner = said if isinstance(said, tuple) else (said, None)
        for it in value[name] if isinstance(value.get(name), list) else [value[name]] if name in value else []:
            it = inner(it) if callable(inner) else message(inner, it) if inner else it
            out.append(field(tag, it.encode() if isinstance(it, str) else int(it) if isinstance(it, bool) else it))
    return b"".join(out)


def enveloped(message):
    return b"k8s\0" + field(2, message)
