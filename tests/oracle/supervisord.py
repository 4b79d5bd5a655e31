"""What the real supervisord 4.3.0 makes of configuration files.

usage: supervisord.py REQUESTS

REQUESTS has a JSON object per line: {"path": FILE, "lenient": BOOL}. For each, one JSON object is
printed: what supervisord would run with, or the message it refuses the file with, and the same for
the client. Nothing is started. "lenient" takes users, directories and plug-ins for granted, for files of
other machines. With "config_info" only getAllConfigInfo's answer is printed.
"""
import json
import os
import sys
import types

from supervisor import datatypes, options
from supervisor.datatypes import Automatic, RestartUnconditionally, RestartWhenExitUnexpected
from supervisor.events import EventTypes
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface, make_main_rpcinterface

real_import = options.import_spec


def lenient_import(spec):
    try:
        return real_import(spec)
    except (AttributeError, ImportError):
        return spec


STRICT = {
    (module, name): getattr(module, name)
    for module in (datatypes, options)
    for name in ("existing_dirpath", "existing_directory", "name_to_uid", "gid_for_uid",
                 "colon_separated_user_group", "import_spec")
    if hasattr(module, name)
}


def lenient_uid(text):
    """A user that exists only on another machine is known by its text."""
    try:
        return int(text)
    except ValueError:
        return text


def lenient_owner(text):
    user, _, group = text.partition(":")
    return (lenient_uid(user), lenient_uid(group) if group else -1)


LENIENT = {
    "existing_dirpath": os.path.expanduser,
    "existing_directory": os.path.expanduser,
    "name_to_uid": lenient_uid,
    "gid_for_uid": lambda uid: "?",
    "colon_separated_user_group": lenient_owner,
    "import_spec": lenient_import,
}


def be_lenient(lenient):
    for (module, name), strict in STRICT.items():
        setattr(module, name, LENIENT[name] if lenient else strict)


class Parser(options.UnhosedConfigParser):
    """The real parser, remembered so that its sections can be shown."""

    last = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        Parser.last = self


options.UnhosedConfigParser = Parser

RESTARTS = {RestartUnconditionally: "always", RestartWhenExitUnexpected: "unexpected", False: "never"}


def plain(value):
    if value is Automatic:
        return {"auto": True}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return max(-(2**63), min(2**63 - 1, int(value)))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise TypeError(repr(value))


EVENTS = {event: name for name, event in vars(EventTypes).items() if name.isupper()}
PROCESS = (
    "name command directory umask priority autostart startsecs startretries uid exitcodes stopsignal "
    "stopwaitsecs stopasgroup killasgroup redirect_stderr serverurl"
).split()
STREAM = "logfile logfile_maxbytes logfile_backups capture_maxbytes events_enabled syslog".split()


def process(config):
    shown = {name: plain(getattr(config, name)) for name in PROCESS}
    for stream in ("stdout", "stderr"):
        shown[stream] = {name: plain(getattr(config, stream + "_" + name)) for name in STREAM}
    shown["autorestart"] = RESTARTS[config.autorestart]
    # Pairs, since the order counts too.
    shown["environment"] = [[key, value] for key, value in config.environment.items()]
    return shown


def group(config):
    shown = {
        "name": config.name,
        "priority": plain(config.priority),
        "kind": type(config).__name__,
        "processes": [process(one) for one in config.process_configs],
    }
    if shown["kind"] == "EventListenerPoolConfig":
        shown["buffer_size"] = plain(config.buffer_size)
        shown["events"] = sorted(EVENTS[event] for event in config.pool_events)
    if shown["kind"] == "FastCGIGroupConfig":
        socket = config.socket_config
        shown["socket"] = {"url": socket.url, "backlog": plain(socket.backlog)}
        if socket.url.startswith("unix:"):
            shown["socket"]["mode"] = plain(socket.mode)
            shown["socket"]["owner"] = plain(socket.owner or (-1, -1))
    return shown


def server(config):
    shown = {"name": config["name"], "username": config["username"], "password": config["password"]}
    for key in ("host", "port", "file", "chmod", "chown"):
        if key in config:
            shown[key] = plain(config[key])
    return shown


DAEMON = (
    "logfile logfile_maxbytes logfile_backups loglevel pidfile nodaemon silent minfds minprocs umask "
    "directory identifier childlogdir nocleanup strip_ansi serverurl uid gid"
).split()


class Refusal(Exception):
    pass


def refuse(message):
    raise Refusal(str(message))


def daemon(path):
    read = options.ServerOptions()
    read.usage = refuse
    read.realize(["-c", path])
    section = read.configroot.supervisord
    shown = {name: plain(getattr(read, name)) for name in DAEMON}
    shown["environment"] = [[key, value] for key, value in section.environment.items()]
    return {
        "daemon": shown,
        "servers": [server(one) for one in read.server_configs],
        "rpc_interface": any(one[1] is make_main_rpcinterface for one in read.rpcinterface_factories),
        "groups": [group(one) for one in read.process_group_configs],
        "infos": read.parse_infos,
        "warnings": read.parse_warnings,
    }


def config_info(path):
    """What clients are told of every program, all groups being active."""
    read = options.ServerOptions()
    read.usage = refuse
    read.realize(["-c", path])
    daemon = types.SimpleNamespace(
        options=read, process_groups={one.name for one in read.process_group_configs}
    )
    interface = SupervisorNamespaceRPCInterface(daemon)
    interface._update = lambda text: None
    return [
        {key: plain(value) for key, value in info.items()} for info in interface.getAllConfigInfo()
    ]


def client(path):
    read = options.ClientOptions()
    section = read.read_config(path)
    names = ("serverurl", "username", "password", "prompt", "history_file")
    return {name: getattr(section, name) for name in names}


def attempt(read, path):
    try:
        return {"is": read(path)}
    except (Refusal, ValueError, options.ConfigParser.Error) as why:
        return {"refused": str(why)}


def answer(request):
    path = request["path"]
    be_lenient(request["lenient"])
    if request.get("config_info"):
        return attempt(config_info, path)
    Parser.last = None
    shown = {"daemon": attempt(daemon, path)}
    if Parser.last is not None:
        parser = Parser.last
        shown["sections"] = [[name, list(parser._sections[name].items())] for name in parser.sections()]
        shown["defaults"] = list(parser.defaults().items())
    shown["client"] = attempt(client, path)
    return shown


def main():
    with open(sys.argv[1], encoding="utf-8") as requests:
        for line in requests:
            print(json.dumps(answer(json.loads(line))), flush=True)


main()
