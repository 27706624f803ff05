"""A trace's events with their payloads, read as traces/FORMAT.md has the file: in another language than what is tested."""
import pathlib
import struct
from collections import namedtuple

NONE = 0xFFFFFFFF
FROM_SERVER, UPDATE, FIRST, RIGHTS_OF = 1, 2, 4, 8

Event = namedtuple("Event", "index t_ns circuit pv peer count size p1 p2 command type flags payload")


def read(path):
    """All events of a trace, in order; pv is the name, or None."""
    data = pathlib.Path(path).read_bytes()
    rows = [struct.unpack_from("<QQ", data, 32 + 32 * i) for i in range(6)]  # POOL, STRINGS, PVS, CIRCUITS, EVENTS, META
    (pool, _), (strings, _), (pvs, pvs_bytes), _, (events, events_bytes), _ = rows
    names = []
    for at in range(pvs, pvs + pvs_bytes, 16):
        begin = strings + struct.unpack_from("<I", data, at)[0]
        names.append(data[begin:data.index(b"\0", begin)].decode(errors="surrogateescape"))
    return [event(data, pool, names, i, events + 72 * i) for i in range(events_bytes // 72)]


def event(data, pool, names, index, at):
    (t_ns, head, body, _, circuit, pv, peer, count, size, p1, p2, command, type_, flags, head_bytes,
     body_bytes) = struct.unpack_from("<QQQIIIIIIIIHHHHI", data, at)
    head, body = pool + head, pool + body
    rest = head + head_bytes
    payload = data[head:rest] + data[body:body + body_bytes] + data[rest:rest + size - head_bytes - body_bytes]
    return Event(index, t_ns, circuit, names[pv] if pv != NONE else None, peer, count, size, p1, p2, command, type_, flags, payload)
