"""Drives a daemon that speaks supervisord's API through a script, and prints what was answered.

usage: drive.py DIRECTORY SUPERVISORCTL SCRIPT

DIRECTORY holds `supervisord.conf`, whose server is the socket `s.sock` there. SUPERVISORCTL is the
client to run. The answers are one JSON object a step, on standard output. What differs from run to
run whatever the daemon (pids, times, the directory) is replaced by a word.

A script has one step a line:

    ctl ARG...            runs the client; an argument may be quoted as in a shell
    type LINE | LINE ...  runs the client in interactive mode and types these lines
    rpc METHOD JSON...    calls a method
    raw METHOD JSON...    the same, answered with the bytes of the reply
    http METHOD PATH [HEADER: VALUE | ...]
                          asks the HTTP server: status, headers, body
    wait NAME STATE       until the process is in this state; answers nothing
    wait-pid NAME         until the process has another pid than at the last `note-pid NAME`
    note-pid NAME         remembers the pid
    feed NAME PATH [LOG]  writes a file to a process's standard input, line by line, and waits for each
                          in LOG and its rotated files; answers nothing
    file PATH TEXT        writes a file below the directory; \\n is a line's end
    sh COMMAND            runs a shell command in the directory
    until COMMAND         runs one again and again until it succeeds; answers nothing
    bytes TEXT            sends this to the HTTP server, with \\r and \\n, and reads until it hangs up:
                          the lines that do not differ from run to run, sorted
    cgi ADDRESS           connects to `tcp:PORT` or to a path below the directory, and says what the
                          program there answers
"""
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client

from supervisor.xmlrpc import SupervisorTransport

DIRECTORY, CLIENT, SCRIPT = sys.argv[1:4]
SOCKET = os.path.join(DIRECTORY, "s.sock")
CONF = os.path.join(DIRECTORY, "supervisord.conf")
USER, PASSWORD = os.environ.get("DRIVE_USER"), os.environ.get("DRIVE_PASSWORD")
PATIENCE = 30.0
pids = {}


def server():
    transport = SupervisorTransport(USER, PASSWORD, "unix://" + SOCKET)
    return xmlrpc.client.ServerProxy("http://localhost", transport=transport)


def normal(text):
    text = text.replace(os.path.realpath(DIRECTORY), "DIR").replace(DIRECTORY, "DIR")
    text = re.sub(r"pid \d+, uptime (\d+ days?, )?\d+:\d\d:\d\d", "pid N, uptime T", text)
    text = re.sub(r"\b[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M", "DATE", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "STAMP", text)
    text = re.sub(r"---supervisor-[A-Za-z0-9_]{8}\.log", "---supervisor-X.log", text)
    text = re.sub(r"(file: ).*? line: \d+", r"\1FILE line: N", text)
    text = re.sub(r"\((\d+)\) with SIGKILL", "(N) with SIGKILL", text)
    text = re.sub(r"with pid \d+", "with pid N", text)
    return text


def normal_value(value, key=None):
    if isinstance(value, dict):
        return {k: normal_value(v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [normal_value(v) for v in value]
    if key in ("start", "stop", "now", "pid") and isinstance(value, int):
        return 0 if value == 0 else "N"
    if isinstance(value, str):
        return normal(value)
    return value


def run_client(arguments, typed=None):
    command = [CLIENT, "-c", CONF] + arguments
    done = subprocess.run(
        command,
        input=typed if typed is not None else "",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=DIRECTORY,
        env=dict(os.environ, COLUMNS="80", TERM="dumb"),
    )
    return {"out": normal(done.stdout), "err": normal(done.stderr), "code": done.returncode}


def call(method, *arguments):
    try:
        target = server()
        for part in method.split("."):
            target = getattr(target, part)
        return {"value": normal_value(target(*arguments))}
    except xmlrpc.client.Fault as fault:
        return {"fault": [fault.faultCode, normal(fault.faultString)]}
    except xmlrpc.client.ProtocolError as error:
        return {"http": [error.errcode, error.errmsg]}


def exchange(request):
    """Sends bytes and reads one reply with a Content-Length, or all until the end."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(PATIENCE)
    peer.connect(SOCKET)
    peer.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        more = peer.recv(65536)
        if not more:
            break
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while length is None or len(body) < int(length.group(1)):
        more = peer.recv(65536)
        if not more:
            break
        body += more
    peer.close()
    return head.decode("latin-1"), body.decode("utf-8", "replace")


def raw(method, *arguments):
    body = xmlrpc.client.dumps(arguments, method).encode()
    head = b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    return normal(exchange(head + body)[1])


def http(method, path, *headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    head, body = exchange(("\r\n".join(lines) + "\r\n\r\n").encode())
    status, *fields = head.split("\r\n")
    fields = sorted(
        field
        for field in fields
        # What runs change, and what ours says beyond the original.
        if field.split(":")[0].lower()
        not in ("date", "last-modified", "connection", "x-content-type-options")
    )
    return {"status": status, "headers": fields, "body": normal(body)}


def info(name):
    return server().supervisor.getProcessInfo(name)


def until(what, look):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if look():
                return None
        except (OSError, xmlrpc.client.Error):
            pass
        time.sleep(0.02)
    return {"timeout": what}


def shell(command):
    return subprocess.run(
        command, shell=True, cwd=DIRECTORY, capture_output=True, text=True, timeout=PATIENCE
    )


def sent(text):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(PATIENCE)
        peer.connect(SOCKET)
        peer.sendall(text.replace("\\r", "\r").replace("\\n", "\n").encode())
        answer = b""
        while more := peer.recv(65536):
            answer += more
    lines = normal(answer.decode()).splitlines()
    # Without what runs change, and what ours says beyond the original; fields may be in any order.
    said = r"(?i)(date|last-modified|connection: close|x-)"
    return sorted(line for line in lines if not re.match(said, line))


def cgi(address):
    """One connection, as a web server makes it: a request, and all that is answered."""
    kind, _, port = address.partition(":")
    if kind == "tcp":
        peer = socket.create_connection(("127.0.0.1", int(port)), PATIENCE)
    else:
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(PATIENCE)
        peer.connect(os.path.join(DIRECTORY, address))
    with peer:
        peer.sendall(b"request\n")
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while more := peer.recv(65536):
            answer += more
    return {"value": normal(answer.decode())}


def values(text):
    """The JSON values of a line, one after another."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def step(line):
    word, _, rest = line.partition(" ")
    if word == "ctl":
        return run_client(shlex.split(rest))
    if word == "type":
        typed = "".join(part.strip() + "\n" for part in rest.split("|"))
        return run_client([], typed)
    if word == "rpc":
        method, _, arguments = rest.partition(" ")
        return call(method, *values(arguments))
    if word == "raw":
        method, _, arguments = rest.partition(" ")
        return raw(method, *values(arguments))
    if word == "http":
        method, path, *headers = rest.split(" ", 2)
        return http(method, path, *[h.strip() for h in "".join(headers).split("|") if h.strip()])
    if word == "wait":
        name, state = rest.split()
        return until(rest, lambda: info(name)["statename"] == state)
    if word == "note-pid":
        pids[rest] = info(rest)["pid"]
        return None
    if word == "wait-pid":
        return until(rest, lambda: info(rest)["pid"] not in (0, pids[rest]))
    if word == "feed":
        name, path, *log = rest.split()
        with open(os.path.join(DIRECTORY, path)) as lines:
            for line in lines:
                server().supervisor.sendProcessStdin(name, line)
                # So that each is read, and written, by itself.
                missing = log and until(line, lambda: shell(f"grep -qF '{line.strip()}' {log[0]}*").returncode == 0)
                if missing:
                    return missing
        return None
    if word == "file":
        path, _, text = rest.partition(" ")
        with open(os.path.join(DIRECTORY, path), "w") as out:
            out.write(text.replace("\\n", "\n").replace("DIR", DIRECTORY))
        return None
    if word == "sh":
        done = shell(rest)
        return {"out": normal(done.stdout), "err": normal(done.stderr), "code": done.returncode}
    if word == "until":
        return until(rest, lambda: shell(rest).returncode == 0)
    if word == "bytes":
        return {"lines": sent(rest)}
    if word == "cgi":
        return cgi(rest)
    raise SystemExit(f"no such step: {line}")


def in_any_order(line, answer):
    """Who of many was done first is chance: their lines are sorted."""
    several = re.match(r"(ctl|type) .*\b(start|stop|restart|signal)\b.*(\ball\b|:\*)", line)
    if several and "out" in answer:
        lines = answer["out"].replace("supervisor> ", "").splitlines()
        answer["out"] = sorted(lines)
    if re.match(r"rpc supervisor\.(start|stop|signal)", line) and isinstance(answer.get("value"), list):
        answer["value"].sort(key=lambda one: (one["group"], one["name"]))
    return answer


for line in open(SCRIPT):
    line = line.strip()
    if not line or line.startswith("#"):
        continue
    answer = step(line)
    if isinstance(answer, dict):
        answer = in_any_order(line, answer)
    print(json.dumps({"step": line, "answer": answer}), flush=True)
