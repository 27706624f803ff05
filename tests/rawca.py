"""A tiny Channel Access client for tests: one socket, one message at a time, the bytes as they are.

    circuit = rawca.Circuit("127.0.0.1", rawca.search("127.0.0.1", udp_port, "PV"))
    channel = circuit.create("PV")                          # sid, native, count, rights
    status, count, payload = circuit.read(channel, 20, 1)   # READ_NOTIFY: TIME_DOUBLE x 1
    status = circuit.write(channel, 0, 1, b"2.5".ljust(8, b"\\0"))

It knows the header and nothing of DBR types, so that it can't make the mistakes of what it tests.
"""
import socket
import struct
import time
from collections import namedtuple

VERSION, EVENT_ADD, READ, WRITE, SEARCH, ERROR = 0, 1, 3, 4, 6, 11
READ_NOTIFY, CREATE_CHAN, WRITE_NOTIFY, ACCESS_RIGHTS, CREATE_CH_FAIL = 15, 18, 19, 22, 26

Message = namedtuple("Message", "command type count p1 p2 payload")
Channel = namedtuple("Channel", "sid native count rights")


def pad8(payload):
    return payload + bytes(-len(payload) % 8)


def message(command, type=0, count=0, p1=0, p2=0, payload=b""):
    """The bytes of a message; the 24-byte header where size or count asks for it."""
    payload = pad8(payload)
    if len(payload) >= 0xFFFF or count >= 0xFFFF:
        return struct.pack(">HHHHIIII", command, 0xFFFF, type, 0, p1, p2, len(payload), count) + payload
    return struct.pack(">HHHHII", command, len(payload), type, count, p1, p2) + payload


def split(data):
    """The first message of data and the rest, or (None, data) if it isn't whole."""
    if len(data) < 16:
        return None, data
    command, size, type, count, p1, p2 = struct.unpack(">HHHHII", data[:16])
    start = 16
    if size == 0xFFFF:
        if len(data) < 24:
            return None, data
        size, count = struct.unpack(">II", data[16:24])
        start = 24
    if len(data) < start + size:
        return None, data
    return Message(command, type, count, p1, p2, data[start:start + size]), data[start + size:]


def search(host, udp_port, name, timeout_s=30):
    """The TCP port of the server that answers for name; asked again every 0.1 s until it does."""
    request = message(VERSION, 1, 13, 1) + message(SEARCH, 5, 13, 1, 1, name.encode() + b"\0")
    end = time.monotonic() + timeout_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.1)
        while time.monotonic() < end:
            s.sendto(request, (host, udp_port))
            try:
                data = s.recv(65536)
            except (TimeoutError, ConnectionError):
                continue
            while data:
                reply, data = split(data)
                if reply is None:
                    break
                if reply.command == SEARCH:
                    return reply.type
    raise TimeoutError(f"nobody at {host}:{udp_port} knows {name} after {timeout_s} s")


class Circuit:
    """One TCP connection; a method a request, each waits for its reply."""

    def __init__(self, host, port, timeout_s=30, minor=13):
        self.socket = socket.create_connection((host, port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""
        self.number = 0
        self.send(message(VERSION, 0, minor) + message(20, payload=b"test\0") + message(21, payload=b"host\0"))

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next message, whatever it is. ConnectionError at the circuit's end, TimeoutError if nothing comes."""
        while True:
            reply, self.data = split(self.data)
            if reply is not None:
                return reply
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError("the server ended the circuit")
            self.data += more

    def receive_until(self, *commands):
        """The next message with one of these commands; others before it are dropped."""
        while True:
            reply = self.receive()
            if reply.command in commands:
                return reply

    def _next(self):
        self.number += 1
        return self.number

    def create(self, name):
        cid = self._next()
        self.send(message(CREATE_CHAN, p1=cid, p2=13, payload=name.encode() + b"\0"))
        rights = 0
        while True:
            reply = self.receive_until(ACCESS_RIGHTS, CREATE_CHAN, CREATE_CH_FAIL)
            if reply.command == CREATE_CH_FAIL:
                raise KeyError(name)
            if reply.command == CREATE_CHAN:
                return Channel(reply.p2, reply.type, reply.count, rights)
            rights = reply.p2

    def read(self, channel, type, count):
        """READ_NOTIFY: (status, count, payload) of the reply."""
        self.send(message(READ_NOTIFY, type, count, channel.sid, self._next()))
        reply = self.receive_until(READ_NOTIFY)
        return reply.p1, reply.count, reply.payload

    def write(self, channel, type, count, payload):
        """WRITE_NOTIFY: the status of the reply."""
        self.send(message(WRITE_NOTIFY, type, count, channel.sid, self._next(), payload))
        return self.receive_until(WRITE_NOTIFY).p1

    def write_blindly(self, channel, type, count, payload):
        """WRITE: nothing comes back; the status of the ERROR that stands before an ECHO's reply, or 1."""
        self.send(message(WRITE, type, count, channel.sid, self._next(), payload) + message(23))
        reply = self.receive_until(ERROR, 23)
        if reply.command == ERROR:
            self.receive_until(23)
            return reply.p2
        return 1
