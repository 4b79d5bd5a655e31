"""Drives supervisord's own listener code (its dispatcher, pools and events) through scenarios.

One scenario a line on standard input, as JSON; one answer a line: for every step what was written
to whom and what was logged as a warning or worse.
"""

import json
import sys

from supervisor import events, process
from supervisor.dispatchers import PEventListenerDispatcher, default_handler
from supervisor.states import EventListenerStates, ProcessStates


class Logger:
    def __init__(self, said):
        self.said = said

    def warn(self, text):
        self.said.append(["say", text])

    error = warn

    def debug(self, text):
        pass


class Options:
    identifier = "me"
    strip_ansi = False

    def __init__(self, said):
        self.logger = Logger(said)
        self.bytes = b""

    def readfd(self, fd):
        return self.bytes


class ProcessConfig:
    stdout_logfile = None

    def __init__(self, name, options):
        self.name = name
        self.options = options


class Member:
    """A process as far as pool and dispatcher look at it."""

    backoff = 0
    pid = 7

    def __init__(self, name, options, group, said):
        self.config = ProcessConfig(name, options)
        self.group = group
        self.state = ProcessStates.STOPPED
        self.listener_state = None
        self.event = None
        self.said = said

    def start(self):
        # As Subprocess.spawn().
        events.notify(events.ProcessStateStartingEvent(self, ProcessStates.STOPPED))
        self.state = ProcessStates.STARTING
        self.dispatcher = PEventListenerDispatcher(self, "stdout", 0)

    def up(self):
        self.state = ProcessStates.RUNNING
        events.notify(events.ProcessStateRunningEvent(self, ProcessStates.STARTING))

    def exit(self):
        # The end of Subprocess.finish().
        self.state = ProcessStates.EXITED
        events.notify(events.ProcessStateExitedEvent(self, ProcessStates.RUNNING))
        if self.event is not None:
            events.notify(events.EventRejectedEvent(self, self.event))
            self.event = None

    def write(self, data):
        self.said.append(["write", self.config.name, data.decode("utf-8")])


class PoolConfig:
    result_handler = staticmethod(default_handler)

    def __init__(self, name, options, size, types):
        self.name = name
        self.options = options
        self.buffer_size = size
        self.pool_events = [getattr(events.EventTypes, type) for type in types]
        self.process_configs = []


def play(scenario):
    events.clear()
    process.GlobalSerial.serial = -1
    said = []
    options = Options(said)
    pools, members = [], {}
    for number, about in enumerate(scenario["pools"]):
        name = "p%d" % number
        config = PoolConfig(name, options, about["size"], about["types"])
        pool = process.EventListenerPool(config)
        for index in range(about["members"]):
            member = Member("%s_%d" % (name, index), options, pool, said)
            pool.processes[member.config.name] = member
            members[member.config.name] = member
        pools.append(pool)
    answers = []
    for step in scenario["steps"]:
        kind = step[0]
        if kind == "start":
            members[step[1]].start()
        elif kind == "up":
            members[step[1]].up()
        elif kind == "exit":
            members[step[1]].exit()
        elif kind == "out":
            options.bytes = step[2].encode("latin-1")
            members[step[1]].dispatcher.handle_read_event()
        elif kind == "remote":
            events.notify(events.RemoteCommunicationEvent(step[1], step[2]))
        elif kind == "group":
            events.notify(events.ProcessGroupAddedEvent(step[1]))
        # As Pool.transition() does once in each turn of the loop.
        for pool in pools:
            if any(
                member.state == ProcessStates.RUNNING
                and member.listener_state == EventListenerStates.READY
                for member in pool.processes.values()
            ):
                pool.dispatch()
        answers.append(list(said))
        del said[:]
    return answers


for line in sys.stdin:
    print(json.dumps(play(json.loads(line))), flush=True)
