"""supervisor's own tests of supervisorctl, replayed with a live daemon in place of its dummy.

usage: client_tests.py SOCKET

Prints a JSON object: the name of each test, and whether it passed. Many look into the dummy or wait
for its invented values, and fail with any live daemon; what counts is that they come out the same
with every daemon.
"""
import io
import json
import sys
import unittest
import xmlrpc.client

from supervisor.tests import test_supervisorctl
from supervisor.xmlrpc import SupervisorTransport

SOCKET = sys.argv[1]


def live():
    transport = SupervisorTransport(None, None, "unix://" + SOCKET)
    return xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor


class Namespace:
    """Stands where the dummy stood: what a test replaces is replaced, the rest is the daemon's."""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("shutdown", "restart"):
            # The other tests still need it.
            return lambda: True
        return getattr(live(), name)


def reset():
    daemon = live()
    for process in daemon.getAllProcessInfo():
        name = f"{process['group']}:{process['name']}"
        wanted = process["name"] in ("foo", "ALREADY_STARTED")
        try:
            if wanted and process["statename"] not in ("RUNNING", "STARTING"):
                daemon.startProcess(name)
            elif not wanted and process["statename"] in ("RUNNING", "STARTING", "BACKOFF"):
                daemon.stopProcess(name)
        except xmlrpc.client.Fault:
            pass


class Live(test_supervisorctl.TestDefaultControllerPlugin):
    def setUp(self):
        reset()

    def _makeOne(self, *arguments, **words):
        plugin = super()._makeOne(*arguments, **words)
        plugin.ctl.options._server.supervisor = Namespace()
        return plugin


class Results(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed = {}

    def addSuccess(self, test):
        self.passed[test._testMethodName] = True

    def addFailure(self, test, error):
        self.passed[test._testMethodName] = False

    addError = addFailure


results = Results()
printed, sys.stdout = sys.stdout, io.StringIO()
unittest.defaultTestLoader.loadTestsFromTestCase(Live).run(results)
print(json.dumps(results.passed), file=printed)
