//! `[supervisord]` and the plug-ins.

use super::config::{Daemon, LogLevel, Server, ServerAddress};
use super::environment;
use super::options::{Notes, Options, Trouble};
use super::python::{normalize, strip, strip_end};
use super::values;

const SECTION: &str = "supervisord";

/// Reads `[supervisord]` in the order of the real program, so that of two errors the same is told.
/// The user is not looked up yet, paths are not yet absolute, and the server's URL is not known.
pub(super) fn read(options: &Options<'_>, notes: &mut Notes) -> Result<Daemon, Trouble> {
    let names = options.names();
    let around = options.around;
    let integer = |key, default| options.value(SECTION, key, &names, default, values::integer);
    let boolean = |key| options.value(SECTION, key, &names, false, values::boolean);
    let path = |key, default: &str| {
        options.value(SECTION, key, &names, default.to_owned(), |text| {
            values::path_in_directory(text, around)
        })
    };
    let directory = |text: &str| values::directory(text, around);

    let minfds = integer("minfds", 1024)?;
    let minprocs = integer("minprocs", 200)?;
    let working_directory = options.value(SECTION, "directory", &names, None, |text| {
        directory(text).map(Some)
    })?;
    // Only that it expands: whether the user exists is asked last of all.
    options.text(SECTION, "user", &names)?;
    let umask = options.value(SECTION, "umask", &names, 0o022, values::octal)?;
    let logfile = path("logfile", "supervisord.log")?;
    let logfile_maxbytes = options.value(
        SECTION,
        "logfile_maxbytes",
        &names,
        50 << 20,
        values::byte_size,
    )?;
    let logfile_backups = integer("logfile_backups", 10)?;
    let loglevel = options.value(
        SECTION,
        "loglevel",
        &names,
        LogLevel::Info,
        values::log_level,
    )?;
    let pidfile = path("pidfile", "supervisord.pid")?;
    let identifier = options.text(SECTION, "identifier", &names)?;
    let nodaemon = boolean("nodaemon")?;
    let silent = boolean("silent")?;
    let childlogdir = match options.text(SECTION, "childlogdir", &names)? {
        Some(text) => directory(&text),
        None => directory(&around.temporary_directory),
    };
    let childlogdir =
        childlogdir.map_err(|message| options.refuse(SECTION, "childlogdir", message))?;
    let nocleanup = boolean("nocleanup")?;
    let strip_ansi = boolean("strip_ansi")?;
    Ok(Daemon {
        logfile,
        logfile_maxbytes,
        logfile_backups,
        loglevel,
        pidfile,
        nodaemon,
        silent,
        minfds,
        minprocs,
        umask,
        directory: working_directory,
        user: None,
        identifier: identifier.unwrap_or_else(|| "supervisor".to_owned()),
        childlogdir,
        nocleanup,
        strip_ansi,
        environment: own_environment(options, notes)?,
        server_url: None,
        written: options.written(SECTION)?,
    })
}

/// `environment` is expanded twice here, with one more name the second time.
fn own_environment(
    options: &Options<'_>,
    notes: &mut Notes,
) -> Result<Vec<(String, String)>, Trouble> {
    const KEY: &str = "environment";
    let place = options.place(SECTION, KEY);
    let names = options.names();
    let text = options.text(SECTION, KEY, &names)?.unwrap_or_default();
    let names = names.with("host_node_name", &options.around.host_name);
    let text = options
        .expand(&text, &names, KEY)
        .map_err(|trouble| trouble.at(place))?;
    let surprises = environment::surprises(&text);
    let read = environment::parse(&text).map_err(|message| {
        let trouble = options.refuse(SECTION, KEY, message);
        match surprises.first() {
            Some(surprise) => trouble.with_hint(surprise.hint.clone()),
            None => trouble,
        }
    })?;
    for surprise in surprises {
        notes.warn(place, surprise.message, &surprise.hint);
    }
    Ok(read)
}

/// What the real program does once the whole file is read: paths become absolute, the user is
/// looked up, the URL for programs is chosen.
pub(super) fn complete(
    daemon: &mut Daemon,
    servers: &[Server],
    options: &Options<'_>,
) -> Result<(), Trouble> {
    let around = options.around;
    // A log file of this name would be in the current directory; the real one means the service.
    if daemon.logfile != "syslog" {
        daemon.logfile = normalize(&daemon.logfile, around);
    }
    daemon.pidfile = normalize(&daemon.pidfile, around);
    if !around.user_is_given
        && let Some(text) = options.text(SECTION, "user", &options.names())?
    {
        let user = values::user(&text, around);
        daemon.user = Some(user.map_err(|message| options.refuse(SECTION, "user", message))?);
    }
    daemon.server_url = server_url(servers);
    Ok(())
}

fn server_url(servers: &[Server]) -> Option<String> {
    let unix = servers.iter().find_map(|server| match &server.address {
        ServerAddress::Unix { file, .. } => Some(format!("unix://{file}")),
        ServerAddress::Inet { .. } => None,
    });
    unix.or_else(|| {
        let mut urls = servers
            .iter()
            .rev()
            .filter_map(|server| match &server.address {
                ServerAddress::Inet { host, port } if host.is_empty() => {
                    Some(format!("http://localhost:{port}"))
                }
                ServerAddress::Inet { host, port } => Some(format!("http://{host}:{port}")),
                ServerAddress::Unix { .. } => None,
            });
        urls.next()
    })
}

/// Reads the sections of plug-ins: `prefix` and a name, with the option `key`. Gives each name and
/// what the option says.
pub(super) fn plugins(
    options: &Options<'_>,
    prefix: &str,
    key: &str,
) -> Result<Vec<(String, String)>, Trouble> {
    let names = options.variables();
    let mut plugins = Vec::new();
    for section in &options.document.sections {
        let Some(name) = section.name.strip_prefix(prefix) else {
            continue;
        };
        let name = name.to_owned();
        let section_name = &section.name;
        let Some(factory) = options.text(section_name, key, &names)? else {
            let message = format!("section [{section_name}] does not specify a {key}");
            return Err(options.refuse(section_name, key, message));
        };
        // They are handed to the plug-in, so all of them are expanded.
        for option in &options.written(section_name)?.options {
            options.text(section_name, &option.key, &names)?;
        }
        plugins.push((name, factory));
    }
    Ok(plugins)
}

/// The plug-in that every sample file has, the only one there is here.
const MAIN_FACTORY: &str = "supervisor.rpcinterface:make_main_rpcinterface";

/// Whether an entry point, as Python's packaging reads one, is `named`: there may be blanks around
/// its colon, and extras in brackets behind it.
pub(super) fn is_entry_point(text: &str, named: &str) -> bool {
    let (text, extras) = text.split_once('[').unwrap_or((text, ""));
    let extras = strip_end(extras);
    let (module, attribute) = text.split_once(':').unwrap_or((text, ""));
    named.split_once(':') == Some((strip_end(module), strip(attribute)))
        && (extras.is_empty() || (extras.ends_with(']') && !extras.contains('\n')))
}

/// Whether the `supervisor.*` methods are asked for.
pub(super) fn rpc_interface(options: &Options<'_>, notes: &mut Notes) -> Result<bool, Trouble> {
    const KEY: &str = "supervisor.rpcinterface_factory";
    let mut is_asked_for = false;
    for (name, factory) in plugins(options, "rpcinterface:", KEY)? {
        if is_entry_point(&factory, MAIN_FACTORY) {
            is_asked_for = true;
            continue;
        }
        let place = options.place(&format!("rpcinterface:{name}"), KEY);
        let message = format!("the Python plug-in {factory} cannot be loaded here");
        let hint = format!("only {MAIN_FACTORY} exists; methods `{name}.*` will be unknown");
        notes.warn(place, message, &hint);
    }
    Ok(is_asked_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points_are_pythons() {
        let named = "a.b:c";
        for text in ["a.b:c", "a.b : c", "a.b:c [x]", "a.b:c\n[x] "] {
            assert!(is_entry_point(text, named), "{text}");
        }
        for text in ["a.b", " a.b:c", "a.b:c x", "a.b:c [x", "a.b:c:", ""] {
            assert!(!is_entry_point(text, named), "{text}");
        }
    }
}
