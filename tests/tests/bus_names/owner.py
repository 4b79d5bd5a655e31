"""Owns a name on the system bus: owner.py NAME. SIGUSR1 gives it back, SIGUSR2 hands it to another
connection of the same process; when the bus is gone it is looked for again."""
import os
import select
import signal
import socket
import struct
import sys
import time

BUS = "/org/freedesktop/DBus", "org.freedesktop.DBus"


def text(value):
    return struct.pack("<I", len(value)) + value.encode() + b"\0"


def call(serial, member, signature="", body=b""):
    """A method call to the bus itself."""
    fields = [(1, "o", BUS[0]), (2, "s", BUS[1]), (3, "s", member), (6, "s", BUS[1])]
    if signature:
        fields.append((8, "g", signature))
    table = b""
    for code, kind, value in fields:
        table += b"\0" * (-len(table) % 8) + bytes([code, 1]) + kind.encode() + b"\0"
        if kind == "g":
            table += bytes([len(value)]) + value.encode() + b"\0"
        else:
            table += b"\0" * (-len(table) % 4) + text(value)
    head = b"l\1\0\1" + struct.pack("<III", len(body), serial, len(table)) + table
    return head + b"\0" * (-len(head) % 8) + body


def named(name, flags):
    body = text(name)
    return body + b"\0" * (-len(body) % 4) + struct.pack("<I", flags)


def connect():
    while True:
        try:
            bus = socket.socket(socket.AF_UNIX)
            bus.connect("/run/dbus/system_bus_socket")
            bus.sendall(b"\0AUTH EXTERNAL " + b"0".hex().encode() + b"\r\n")
            if bus.recv(256).startswith(b"OK"):
                bus.sendall(b"BEGIN\r\n" + call(1, "Hello"))
                return bus
        except OSError:
            pass
        time.sleep(0.02)


def take(name):
    bus = connect()
    # Whoever has it gives it up, or else we wait for our turn.
    bus.sendall(call(2, "RequestName", "su", named(name, 2 | 1)))
    return bus


name = sys.argv[1]
wake, woken = socket.socketpair()
woken.setblocking(False)
signal.set_wakeup_fd(woken.fileno())
for number in signal.SIGUSR1, signal.SIGUSR2:
    signal.signal(number, lambda *_: None)
bus = take(name)
while True:
    ready, _, _ = select.select([bus, wake], [], [])
    if wake in ready:
        if wake.recv(1)[0] == signal.SIGUSR1:
            bus.sendall(call(3, "ReleaseName", "s", text(name)))
        else:
            former, bus = bus, take(name)
            # Only when the bus has answered is it the new one's.
            bus.recv(4096)
            time.sleep(0.2)
            former.close()
    elif not bus.recv(65536):
        bus = take(name)
