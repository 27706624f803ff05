"""What a server saw of its clients, from `caplay ... --report`. Times are seconds."""
from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Dict, Mapping


@dataclass(frozen=True)
class Lateness:
    """From when messages were due to when the kernel had them."""
    count: int
    p50_s: float
    p90_s: float
    p99_s: float
    p999_s: float
    max_s: float


@dataclass(frozen=True)
class PvPosts:
    """Of one PV: changes that somebody subscribed to, and over all subscriptions updates sent and updates replaced by newer ones."""
    posts: int
    sent: int
    merged: int


@dataclass(frozen=True)
class Observations:
    """One life of a server, from its start to its end."""
    valid: bool  # searches that the kernel dropped, or lateness over --late-budget, say nothing about a client
    why: str  # it is not valid, or ""
    searches: int  # for names that are served
    repeated_searches: int  # of these, by the same client again
    lost_searches: int  # datagrams that the server's kernel had no room for
    circuits: int  # TCP connections, ever made; so are channels and subscriptions
    channels: int
    subscriptions: int
    posts: int  # changes that somebody subscribed to
    sent: int  # updates
    merged: int  # updates that newer ones replaced before they left
    flow_control: int  # how often clients sent EVENTS_OFF
    flow_control_s: float
    connect_s: float  # from the first search to the last channel; nan: there was none
    bytes_in: int  # on circuits, from clients
    bytes_out: int
    lateness: Mapping[str, Lateness]  # by owner: "self", "order", "peer", "contention"
    pvs: Mapping[str, PvPosts]  # those that have posted
    report: Mapping[str, Any]  # the whole report, as it was written


def _lateness(of: Mapping[str, Any]) -> Lateness:
    return Lateness(of["count"], *(of[f"{name}_ns"] / 1e9 for name in ("p50", "p90", "p99", "p999", "max")))


def _connect_s(observed: Mapping[str, Any]) -> float:
    first: int = observed["first_search_ns"]
    last: int = observed["last_created_ns"]
    return (last - first) / 1e9 if first and last else math.nan


def read_report(path: str) -> Observations:
    with open(path, encoding="utf-8") as file:
        report: Dict[str, Any] = json.load(file)
    same = ("valid", "searches", "repeated_searches", "circuits", "channels", "subscriptions", "posts", "sent", "merged")
    return Observations(
        **{name: report[name] for name in same},
        why=report.get("why", ""),
        lost_searches=report["udp_drops"],
        flow_control=report["events_off"],
        flow_control_s=report["events_off_ns"] / 1e9,
        connect_s=_connect_s(report["observed"]),
        bytes_in=report["observed"]["bytes"][0],
        bytes_out=report["observed"]["bytes"][1],
        lateness={owner: _lateness(of) for owner, of in report["lateness"].items()},
        pvs={name: PvPosts(of["posts"], of["sent"], of["merged"]) for name, of in report["pvs"].items()},
        report=report)
