"""Stands in for polkit on the system bus: permits what is asked about a unit called yes.service, would
ask somebody about ask.service, says nothing about never.service, and denies all else."""
import socket
import struct


def text(value):
    return struct.pack("<I", len(value)) + value.encode() + b"\0"


def pad(data, to):
    return data + b"\0" * (-len(data) % to)


def message(kind, serial, fields, body=b""):
    table = b""
    for code, signature, value in fields:
        table = pad(table, 8) + bytes([code, 1]) + signature.encode() + b"\0"
        if signature == "g":
            table += bytes([len(value)]) + value.encode() + b"\0"
        elif signature == "u":
            table = pad(table, 4) + struct.pack("<I", value)
        else:
            table = pad(table, 4) + text(value)
    head = b"l" + bytes([kind, 0, 1]) + struct.pack("<III", len(body), serial, len(table)) + table
    return pad(head, 8) + body


def call(serial, member, signature="", body=b""):
    bus = "org.freedesktop.DBus"
    fields = [(1, "o", "/org/freedesktop/DBus"), (2, "s", bus), (3, "s", member), (6, "s", bus)]
    if signature:
        fields.append((8, "g", signature))
    return message(1, serial, fields, body)


def fields_of(table):
    found, at = {}, 0
    while at < len(table):
        at += -at % 8
        code, signature = table[at], chr(table[at + 2])
        at += 4
        if signature == "g":
            length = table[at]
            value, at = table[at + 1 : at + 1 + length], at + 2 + length
        else:
            at += -at % 4
            (length,) = struct.unpack_from("<I", table, at)
            if signature == "u":
                value, at = length, at + 4
            else:
                value, at = table[at + 4 : at + 4 + length], at + 5 + length
        found[code] = value
    return found


bus = socket.socket(socket.AF_UNIX)
bus.connect("/run/dbus/system_bus_socket")
bus.sendall(b"\0AUTH EXTERNAL " + b"0".hex().encode() + b"\r\n")
assert bus.recv(256).startswith(b"OK")
name = text("org.freedesktop.PolicyKit1")
own = call(2, "RequestName", "su", pad(name, 4) + struct.pack("<I", 4))
bus.sendall(b"BEGIN\r\n" + call(1, "Hello") + own)
data, serial = b"", 2
while chunk := bus.recv(65536):
    data += chunk
    while len(data) >= 16:
        kind = data[1]
        body_length, number, table_length = struct.unpack_from("<III", data, 4)
        begin = 16 + table_length + (-table_length % 8)
        if len(data) < begin + body_length:
            break
        fields = fields_of(data[16 : 16 + table_length])
        body, data = data[begin : begin + body_length], data[begin + body_length :]
        if kind != 1 or fields.get(3) != b"CheckAuthorization" or b"never.service" in body:
            continue
        said = struct.pack("<III", b"yes.service" in body, b"ask.service" in body, 0)
        serial += 1
        answer = [(5, "u", number), (6, "s", fields[7].decode()), (8, "g", "(bba{ss})")]
        bus.sendall(message(2, serial, answer, pad(said, 8)))
