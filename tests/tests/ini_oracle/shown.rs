//! A configuration in the shape that `tests/oracle/supervisord.py` prints.

use serde_json::{Value, json};
use units::supervisord::{
    AutoRestart, Client, Config, Daemon, FcgiSocket, Group, GroupKind, LogFile, LogLevel, Process,
    Secret, Server, ServerAddress, SocketOwner, Stream, User,
};

pub(crate) fn config(config: &Config) -> Value {
    json!({
        "daemon": daemon(&config.daemon),
        "servers": config.servers.iter().map(server).collect::<Vec<_>>(),
        "rpc_interface": config.rpc_interface,
        "groups": config.groups.iter().map(group).collect::<Vec<_>>(),
        "infos": config.infos,
        "warnings": config.warnings,
    })
}

pub(crate) fn client(client: &Client) -> Value {
    json!({
        "serverurl": client.serverurl,
        "username": client.username,
        "password": client.password.as_ref().map(Secret::reveal),
        "prompt": client.prompt,
        "history_file": client.history_file,
    })
}

fn environment(pairs: &[(String, String)]) -> Value {
    let pairs = pairs.iter().map(|(key, value)| json!([key, value]));
    Value::Array(pairs.collect())
}

/// A user's number; of one that only another machine knows, the text.
fn uid(user: Option<&User>) -> Value {
    match user {
        None => Value::Null,
        Some(user) => user.uid.map_or_else(|| json!(user.text), |uid| json!(uid)),
    }
}

fn daemon(daemon: &Daemon) -> Value {
    let level = match daemon.loglevel {
        LogLevel::Blather => 3,
        LogLevel::Trace => 5,
        LogLevel::Debug => 10,
        LogLevel::Info => 20,
        LogLevel::Warn => 30,
        LogLevel::Error => 40,
        LogLevel::Critical => 50,
    };
    let gid = daemon
        .user
        .as_ref()
        .map(|user| user.gid.map_or(json!("?"), |gid| json!(gid)));
    json!({
        "logfile": daemon.logfile,
        "logfile_maxbytes": daemon.logfile_maxbytes,
        "logfile_backups": daemon.logfile_backups,
        "loglevel": level,
        "pidfile": daemon.pidfile,
        "nodaemon": daemon.nodaemon,
        "silent": daemon.silent,
        "minfds": daemon.minfds,
        "minprocs": daemon.minprocs,
        "umask": daemon.umask,
        "directory": daemon.directory,
        "identifier": daemon.identifier,
        "childlogdir": daemon.childlogdir,
        "nocleanup": daemon.nocleanup,
        "strip_ansi": daemon.strip_ansi,
        "serverurl": daemon.server_url,
        "uid": uid(daemon.user.as_ref()),
        "gid": gid,
        "environment": environment(&daemon.environment),
    })
}

/// Two numbers, -1 for what is left as it is.
fn owner(owner: &SocketOwner) -> Value {
    let number = |id: Option<u32>, text: Option<&str>| match (id, text) {
        (Some(id), _) => json!(id),
        (None, Some(text)) => json!(text),
        (None, None) => json!(-1),
    };
    let (user, group) = match &owner.text {
        None => (None, None),
        Some(text) => match text.split_once(':') {
            Some((user, group)) => (Some(user), Some(group)),
            None => (Some(text.as_str()), None),
        },
    };
    json!([number(owner.uid, user), number(owner.gid, group)])
}

fn server(server: &Server) -> Value {
    let mut shown = json!({
        "name": server.name,
        "username": server.username,
        "password": server.password.as_ref().map(Secret::reveal),
    });
    match &server.address {
        ServerAddress::Inet { host, port } => {
            shown["host"] = json!(host);
            shown["port"] = json!(port);
        }
        ServerAddress::Unix { file, chmod, chown } => {
            shown["file"] = json!(file);
            shown["chmod"] = json!(chmod);
            shown["chown"] = owner(chown);
        }
    }
    shown
}

fn group(group: &Group) -> Value {
    let kind = match &group.kind {
        GroupKind::Group | GroupKind::Homogeneous => "ProcessGroupConfig",
        GroupKind::EventPool { .. } => "EventListenerPoolConfig",
        GroupKind::Fcgi(_) => "FastCGIGroupConfig",
    };
    let mut shown = json!({
        "name": group.name,
        "priority": group.priority,
        "kind": kind,
        "processes": group.processes.iter().map(process).collect::<Vec<_>>(),
    });
    match &group.kind {
        GroupKind::Group | GroupKind::Homogeneous => {}
        GroupKind::EventPool {
            events,
            buffer_size,
            ..
        } => {
            let mut events = events.clone();
            events.sort();
            shown["events"] = json!(events);
            shown["buffer_size"] = json!(buffer_size);
        }
        GroupKind::Fcgi(socket) => shown["socket"] = fcgi_socket(socket),
    }
    shown
}

fn fcgi_socket(socket: &FcgiSocket) -> Value {
    match socket {
        FcgiSocket::Tcp { backlog, .. } => json!({"url": socket.url(), "backlog": backlog}),
        FcgiSocket::Unix {
            owner: own,
            mode,
            backlog,
            ..
        } => json!({
            "url": socket.url(),
            "backlog": backlog,
            "mode": mode,
            "owner": owner(own),
        }),
    }
}

fn stream(stream: &Stream) -> Value {
    let logfile = match &stream.logfile {
        LogFile::Auto => json!({"auto": true}),
        LogFile::None => Value::Null,
        LogFile::Path(path) => json!(path),
    };
    json!({
        "logfile": logfile,
        "logfile_maxbytes": stream.logfile_maxbytes,
        "logfile_backups": stream.logfile_backups,
        "capture_maxbytes": stream.capture_maxbytes,
        "events_enabled": stream.events_enabled,
        "syslog": stream.syslog,
    })
}

fn process(process: &Process) -> Value {
    let autorestart = match process.autorestart {
        AutoRestart::Never => "never",
        AutoRestart::Unexpected => "unexpected",
        AutoRestart::Always => "always",
    };
    json!({
        "name": process.name,
        "command": process.command,
        "directory": process.directory,
        "umask": process.umask,
        "priority": process.priority,
        "autostart": process.autostart,
        "autorestart": autorestart,
        "startsecs": process.startsecs,
        "startretries": process.startretries,
        "uid": uid(process.user.as_ref()),
        "exitcodes": process.exitcodes,
        "stopsignal": process.stopsignal,
        "stopwaitsecs": process.stopwaitsecs,
        "stopasgroup": process.stopasgroup,
        "killasgroup": process.killasgroup,
        "redirect_stderr": process.redirect_stderr,
        "serverurl": process.serverurl,
        "stdout": stream(&process.stdout),
        "stderr": stream(&process.stderr),
        "environment": environment(&process.environment),
    })
}
