//! `[supervisorctl]`.

use super::config::{Client, Secret};
use super::daemon::plugins;
use super::options::{Notes, Options, Trouble};
use super::python::normalize;

const SECTION: &str = "supervisorctl";

/// Reads the section as the real client does: in its order, with its names.
pub(super) fn read(options: &Options<'_>, notes: &mut Notes) -> Result<Client, Trouble> {
    if options.document.section(SECTION).is_none() {
        let message = ".ini file does not include supervisorctl section";
        return Err(Trouble::new(message));
    }
    let names = options.names();
    let variables = options.variables();
    let around = options.around;
    let serverurl = options.text(SECTION, "serverurl", &names)?;
    let serverurl = match serverurl {
        None => "http://localhost:9001".to_owned(),
        Some(url) => match url.strip_prefix("unix://") {
            Some(path) => format!("unix://{}", normalize(path, around)),
            None => url,
        },
    };
    let prompt = options.text(SECTION, "prompt", &variables)?;
    let username = options.text(SECTION, "username", &variables)?;
    let password = options.text(SECTION, "password", &variables)?;
    let history_file = options.text(SECTION, "history_file", &names)?;
    let mut names_of_plugins = Vec::new();
    for (name, factory) in plugins(options, "ctlplugin:", "supervisor.ctl_factory")? {
        let place = options.place(&format!("ctlplugin:{name}"), "supervisor.ctl_factory");
        let message = format!("the Python plug-in {factory} cannot be loaded here");
        notes.warn(place, message, "its commands will be unknown");
        names_of_plugins.push(name);
    }
    Ok(Client {
        serverurl,
        username,
        password: password.map(Secret::new),
        prompt: prompt.unwrap_or_else(|| "supervisor".to_owned()),
        history_file: history_file
            .filter(|path| !path.is_empty())
            .map(|path| normalize(&path, around)),
        plugins: names_of_plugins,
    })
}
