"""Steps that come out otherwise than on the real IOC, for every client: {(server, step): (why, may(on the IOC, on ours))}."""


def same_values(ioc, ours):
    """Of updates [value, status, severity]."""
    return [update[0] for update in ours["result"]] == [update[0] for update in ioc["result"]]


def kept(ioc, ours):
    return ours == {"result": "x"}


EXPLAINED = {
    ("replay", "monitor"):
        ("what is put has no alarm: a recording does not hold at which limits a record raises which", same_values),
    ("replay", "refused put"):
        ("the put is kept: a recording in which nobody tried does not hold that the record refuses puts", kept),
}

LEFT_OUT = {("sim", "access rights"): "they do not change: access security is not part of a .db"}
