//! `[inet_http_server]` and `[unix_http_server]`.

use super::config::{Secret, Server, ServerAddress, SocketOwner};
use super::options::{Notes, Options, Trouble};
use super::python::{normalize, strip};
use super::values;

/// All servers, inet first. A section counts by how its name begins, so `[unix_http_server_off]`
/// is one too.
pub(super) fn read_all(options: &Options<'_>, notes: &mut Notes) -> Result<Vec<Server>, Trouble> {
    let mut servers = Vec::new();
    for section in sections(options, "inet_http_server") {
        servers.push(inet(options, section, notes)?);
    }
    for section in sections(options, "unix_http_server") {
        servers.push(unix(options, section)?);
    }
    Ok(servers)
}

fn sections<'a>(options: &'a Options<'_>, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let names = options.document.sections.iter().map(|s| s.name.as_str());
    names.filter(move |name| name.starts_with(prefix))
}

fn credentials(
    options: &Options<'_>,
    section: &str,
) -> Result<(Option<String>, Option<Secret>), Trouble> {
    let names = options.variables();
    let username = options.text(section, "username", &names)?;
    let password = options.text(section, "password", &names)?;
    if username.is_some() != password.is_some() {
        let key = if username.is_some() {
            "username"
        } else {
            "password"
        };
        let message = format!(
            "Section [{section}] contains incomplete authentication: If a username or a password \
             is specified, both the username and password must be specified"
        );
        return Err(options.refuse(section, key, message));
    }
    Ok((username, password.map(Secret::new)))
}

fn name_of(section: &str) -> Option<String> {
    section.split_once(':').map(|(_, name)| name.to_owned())
}

fn inet(options: &Options<'_>, section: &str, notes: &mut Notes) -> Result<Server, Trouble> {
    let (username, password) = credentials(options, section)?;
    let Some(text) = options.text(section, "port", &options.variables())? else {
        let message = format!("section [{section}] has no port value");
        return Err(options.refuse(section, "port", message));
    };
    let (host, port) =
        values::inet_address(&text).map_err(|message| options.refuse(section, "port", message))?;
    let is_local = host == "localhost" || host.starts_with("127.");
    if !is_local && username.as_deref().unwrap_or_default().is_empty() {
        notes.warn(
            options.place(section, "port"),
            "whoever reaches this port can run any program: there is no password".to_owned(),
            "listen on 127.0.0.1, or set `username` and `password`",
        );
    }
    Ok(Server {
        name: name_of(section),
        address: ServerAddress::Inet { host, port },
        username,
        password,
        written: options.written(section)?,
    })
}

fn unix(options: &Options<'_>, section: &str) -> Result<Server, Trouble> {
    let Some(file) = options.text(section, "file", &options.names())? else {
        let message = format!("section [{section}] has no file value");
        return Err(options.refuse(section, "file", message));
    };
    let (username, password) = credentials(options, section)?;
    let names = options.variables();
    let chown = match options.text(section, "chown", &names)? {
        None => SocketOwner::default(),
        Some(text) => values::socket_owner(&text, options.around).ok_or_else(|| {
            options.refuse(section, "chown", format!("Invalid sockchown value {text}"))
        })?,
    };
    let chmod = options.value(section, "chmod", &names, 0o700, |text| {
        values::octal(text).map_err(|_| format!("Invalid chmod value {text}"))
    })?;
    Ok(Server {
        name: name_of(section),
        address: ServerAddress::Unix {
            file: normalize(strip(&file), options.around),
            chmod,
            chown,
        },
        username,
        password,
        written: options.written(section)?,
    })
}
