"""Writes what a process sees of itself, as JSON, to /run/cases/NAME.

usage: dump.py NAME [WORD ...]
"""

import ctypes
import json
import os
import resource
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)

# What is another one each time, or says where it is from.
# LC_CTYPE is Python's own doing where LANG is not set.
VOLATILE = {
    "INVOCATION_ID", "SYSTEMD_EXEC_PID", "PWD", "LANG", "LC_CTYPE", "JOURNAL_STREAM", "MANAGERPID",
    "_",
}


def status():
    wanted = {
        "Uid", "Gid", "Groups", "Umask", "SigBlk", "SigIgn", "CapInh", "CapPrm", "CapEff",
        "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Cpus_allowed_list",
    }
    with open("/proc/self/status") as lines:
        fields = (line.rstrip("\n").split(":", 1) for line in lines)
        found = {name: value.split() for name, value in fields if name in wanted}
    # The C library's own two signals cannot be had from it, neither by us nor by systemd.
    own = 1 << 31 | 1 << 32
    found["SigIgn"] = f"{int(found['SigIgn'][0], 16) & ~own:x}"
    return found


def read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError as error:
        return os.strerror(error.errno)


def descriptor(number):
    try:
        found = os.fstat(number)
    except OSError:
        return "closed"
    path = os.readlink(f"/proc/self/fd/{number}")
    kind = stat.S_IFMT(found.st_mode)
    # Each has its own way to its log.
    # No journal runs here, and systemd gives the null device in its place.
    if number > 0 and (kind in (stat.S_IFIFO, stat.S_IFSOCK) or path == "/dev/null"):
        return "log"
    if path.startswith("/memfd:"):
        return "memory"
    if kind == stat.S_IFSOCK:
        return "socket"
    if path.startswith("/dev/pts/"):
        path = "/dev/pts/N"
    import fcntl
    flags = fcntl.fcntl(number, fcntl.F_GETFL)
    access = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}[flags & os.O_ACCMODE]
    return f"{path} {access}{' append' if flags & os.O_APPEND else ''}"


def limits():
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: resource.getrlimit(getattr(resource, name)) for name in sorted(names)}


def directories(environment):
    found = {}
    for name, value in environment.items():
        if not name.endswith("_DIRECTORY") or name == "CREDENTIALS_DIRECTORY":
            continue
        for path in value.split(":"):
            at = os.stat(path)
            found[path] = [oct(at.st_mode & 0o7777), at.st_uid, at.st_gid]
    return found


def credentials(environment):
    path = environment.get("CREDENTIALS_DIRECTORY")
    if not path:
        return None
    return {name: read(os.path.join(path, name)) for name in sorted(os.listdir(path))}


def main():
    environment = dict(os.environ)
    facts = {
        "argv": sys.argv[2:],
        "status": status(),
        "cwd": os.getcwd(),
        "root": os.readlink("/proc/self/root"),
        "limits": limits(),
        "nice": os.nice(0),
        "scheduler": os.sched_getscheduler(0),
        "priority": os.sched_getparam(0).sched_priority,
        "ioprio": libc.syscall(252, 1, 0),
        "oom": read("/proc/self/oom_score_adj"),
        "coredump": read("/proc/self/coredump_filter"),
        "slack": libc.prctl(30, 0, 0, 0, 0),
        "securebits": libc.prctl(27, 0, 0, 0, 0),
        "personality": libc.personality(ctypes.c_ulong(0xFFFFFFFF)),
        "session": os.getsid(0) == os.getpid() == os.getpgrp(),
        "terminal": os.isatty(0),
        "descriptors": {n: descriptor(n) for n in range(3)},
        "input": "" if os.isatty(0) or descriptor(0) in ("closed", "socket") else sys.stdin.read(),
        "directories": directories(environment),
        "credentials": credentials(environment),
        "environment": {k: v for k, v in environment.items() if k not in VOLATILE},
        "pid is told": environment.get("SYSTEMD_EXEC_PID", str(os.getpid())) == str(os.getpid()),
        "invocation": len(environment.get("INVOCATION_ID", "")),
    }
    # Where it is differs; what is in it does not.
    if "CREDENTIALS_DIRECTORY" in facts["environment"]:
        facts["environment"]["CREDENTIALS_DIRECTORY"] = "its own"
    with open(f"/run/cases/{sys.argv[1]}", "w") as file:
        json.dump(facts, file, indent=1, sort_keys=True)


main()
