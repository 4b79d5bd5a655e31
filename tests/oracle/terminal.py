"""Runs a program on a terminal and talks to it.

usage: terminal.py PROGRAM ARG... < SCRIPT

A script has one step a line:

    expect TEXT   until the text appears behind what the last step expected
    send TEXT     types; \\n, \\t, \\x03 and the like are what they are in Python
    end CODE      until the program has ended with this exit status

All that the program printed goes to standard output. A step that does not come true within the time
is an error. Whatever becomes of the script, the program is gone afterwards.
"""
import os
import pty
import select
import signal
import sys
import time

PATIENCE = 60.0


def main():
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.argv[1], sys.argv[1:])
    seen, at, status, failed = b"", 0, None, None

    def read(seconds):
        nonlocal seen
        if not select.select([terminal], [], [], seconds)[0]:
            return True
        try:
            more = os.read(terminal, 65536)
        except OSError:
            more = b""
        seen += more
        return bool(more)

    for line in sys.stdin:
        word, _, text = line.rstrip("\n").partition(" ")
        text = text.encode().decode("unicode_escape").encode("latin-1")
        end = time.monotonic() + PATIENCE
        if word == "send":
            os.write(terminal, text)
        elif word == "expect":
            while text not in seen[at:] and time.monotonic() < end and read(0.1):
                pass
            found = seen.find(text, at)
            if found < 0:
                failed = line
                break
            at = found + len(text)
        elif word == "end":
            while time.monotonic() < end and read(0.1):
                pass
            done, status = os.waitpid(pid, os.WNOHANG)
            while not done and time.monotonic() < end:
                time.sleep(0.02)
                done, status = os.waitpid(pid, os.WNOHANG)
            if not done or os.waitstatus_to_exitcode(status) != int(text):
                failed = f"{line.rstrip()} (status {status})"
            if not done:
                status = None
            break
        else:
            raise SystemExit(f"no such step: {line}")
    if status is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    sys.stdout.buffer.write(seen)
    sys.stdout.flush()
    if failed:
        raise SystemExit(f"not so: {failed}")


main()
