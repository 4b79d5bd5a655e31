//! `edit`: an editor on a drop-in or a unit's file, and nothing is saved that would be wrong.

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use dbus::client::Client;
use rustix::rand::{GetRandomFlags, getrandom};
use serde_json::json;
use units::UnitName;
use units::install::{Change, Editing, Problem, Wish};

use super::directories::{Directories, make};
use super::install::{UNMASK, names, reload};
use crate::cli::EditArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::runtime::Place;
use crate::terminal::{Finding, Terminal};

/// Tried one after the other where no variable names an editor, as systemctl does.
const EDITORS: [&str; 4] = ["editor", "nano", "vim", "vi"];

/// Variables that name one, the first that is set counts.
const VARIABLES: [&str; 3] = ["SYSTEMD_EDITOR", "EDITOR", "VISUAL"];

/// The largest text that is taken: no larger unit file would be read.
const LARGEST: u64 = 1 << 20;

/// `edit`
pub(super) async fn edit(
    client: Option<&Client>,
    terminal: &mut Terminal,
    args: &EditArgs,
    place: &Place,
) -> Outcome {
    if !args.stdin && !io::stdout().is_terminal() {
        return Err(Failure::because("there is no terminal to edit on")
            .with_hint("--stdin takes the text from standard input"));
    }
    let directories = match client {
        Some(client) => Directories::of_manager(&client.properties().await?, place),
        None => Directories::read(&args.direct.unit_dir, place),
    };
    let wish = Wish {
        full: args.full,
        new: args.force,
        runtime: args.runtime,
        drop_in: drop_in(&args.drop_in)?,
    };
    let mut files = Vec::new();
    for name in names(&args.units)? {
        files.push(open(&directories, &name, &wish)?);
    }
    let texts = match args.stdin {
        true => {
            let text = standard_input()?;
            files.iter().map(|_| Some(text.clone())).collect()
        }
        false => with_editor(&files)?,
    };
    let mut changes = Vec::new();
    let mut broken = false;
    for (file, text) in files.iter().zip(texts) {
        let Some(text) = text else {
            let path = file.path();
            terminal.remark(&format!(
                "{} stays as it is: there was nothing to be written",
                path.display()
            ));
            continue;
        };
        match directories.files().edited(file, &text) {
            Ok(change) => changes.push(change),
            Err(problem) => {
                broken = true;
                refuse(terminal, file, &text, problem)?;
            }
        }
    }
    if broken {
        return Err(Failure::Told(Exit::Failed));
    }
    save(client, terminal, args, &changes).await
}

/// The name of a drop-in, without its end.
fn drop_in(text: &str) -> Result<String, Failure> {
    let stem = [".conf", ".toml"]
        .iter()
        .find_map(|end| text.strip_suffix(end))
        .unwrap_or(text);
    if stem.is_empty() || stem.starts_with('.') || stem.contains(['/', '\0']) {
        let message = format!("{text:?} cannot be the name of a drop-in");
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(stem.to_owned())
}

fn open(directories: &Directories, name: &str, wish: &Wish) -> Result<Editing, Failure> {
    let unit = UnitName::parse(name)
        .map_err(|problem| Failure::new(Exit::Usage, format!("{name}: {problem}")))?;
    let files = directories.files();
    files.edit(&unit, wish).map_err(|problem| {
        let failure = Failure::because(format!("cannot edit {name}: {problem}"));
        match problem {
            Problem::NoSuchUnit(_) => failure.with_hint(format!(
                "`runnerctl edit --force --full {name}` makes a new one"
            )),
            Problem::Masked(..) => failure.with_hint(UNMASK),
            _ => failure,
        }
    })
}

fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().take(LARGEST + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::because(format!("cannot read standard input: {error}")))?;
    if text.len() as u64 > LARGEST {
        let message = format!("standard input has more than {LARGEST} bytes");
        return Err(Failure::because(message));
    }
    if text.trim().is_empty() {
        return Err(Failure::because("standard input is empty: nothing changes"));
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Says what is wrong with a text, and keeps it.
fn refuse(
    terminal: &mut Terminal,
    file: &Editing,
    text: &str,
    problem: Problem,
) -> Result<(), Failure> {
    let private = Private::new()?;
    let kept = private.write(file.file(), text)?;
    let path = file.path().to_string_lossy().into_owned();
    let mut others = vec![problem.to_string()];
    if let Problem::Invalid(found) = problem {
        others.clear();
        for mut found in found {
            // The lines are those of the text that is kept.
            if *found.place.path == *path {
                found.place.path = kept.to_string_lossy().into();
            }
            terminal.finding(&Finding::from(&found));
        }
    }
    let why = match others.pop() {
        Some(why) => format!(": {why}"),
        None => String::new(),
    };
    let message = format!(
        "nothing is changed{why}; what was written is kept in {}",
        kept.display()
    );
    let hint = format!(
        "correct it there, then `runnerctl edit --stdin … {} < {}`",
        file.unit(),
        kept.display()
    );
    terminal.error(&message, Some(&hint), Exit::Failed.code());
    private.keep();
    Ok(())
}

async fn save(
    client: Option<&Client>,
    terminal: &mut Terminal,
    args: &EditArgs,
    changes: &[Change],
) -> Outcome {
    for change in changes {
        make(change)?;
    }
    if terminal.json() {
        let changes: Vec<_> = changes
            .iter()
            .map(|change| json!({ "change": "write", "path": change.path() }))
            .collect();
        terminal.value(&json!({ "changes": changes }))?;
    }
    if let Some(client) = client.filter(|_| !args.no_reload && !changes.is_empty()) {
        reload(client, terminal).await?;
    }
    Ok(Exit::Done)
}

/// Lets a person edit all of them at once; gives back what each is to say, nothing where it stays.
fn with_editor(files: &[Editing]) -> Result<Vec<Option<String>>, Failure> {
    let private = Private::new()?;
    let mut drafts = Vec::new();
    for (at, file) in files.iter().enumerate() {
        // Several drop-ins have one name, and an editor goes by how a name ends.
        let name = match files {
            [_] => file.file().to_owned(),
            _ => format!("{at}-{}", file.file()),
        };
        drafts.push(private.write(&name, &file.draft())?);
    }
    run_editor(&drafts)?;
    let read = |(file, draft): (&Editing, &PathBuf)| {
        let text = fs::read_to_string(draft);
        let text = text.map_err(|error| {
            Failure::because(format!("cannot read {}: {error}", draft.display()))
        })?;
        Ok(file.taken(&text))
    };
    files.iter().zip(&drafts).map(read).collect()
}

fn run_editor(drafts: &[PathBuf]) -> Result<(), Failure> {
    let set = |name: &&str| env::var_os(name).filter(|value| !value.is_empty());
    let chosen = VARIABLES.iter().find_map(set);
    let commands: Vec<OsString> = match chosen {
        Some(command) => vec![command],
        None => EDITORS.iter().map(OsString::from).collect(),
    };
    for command in &commands {
        // Words, as systemctl takes them: `emacs -nw`.
        let command = command.to_string_lossy();
        let mut words = command.split_whitespace();
        let Some(program) = words.next() else {
            continue;
        };
        match Command::new(program).args(words).args(drafts).status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => {
                let message = format!("{program} ended with {status}: nothing changes");
                return Err(Failure::because(message));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && commands.len() > 1 => {}
            Err(error) => {
                return Err(Failure::because(format!("cannot run {program}: {error}")));
            }
        }
    }
    Err(Failure::because("there is no editor")
        .with_hint("say which one is to be used: SYSTEMD_EDITOR, EDITOR or VISUAL"))
}

/// A directory of ours alone, gone with this unless it is kept.
struct Private {
    path: PathBuf,
    keeps: bool,
}

impl Private {
    fn new() -> Result<Private, Failure> {
        let base = env::temp_dir();
        let failed = |why: String| {
            Failure::because(format!(
                "cannot make a directory in {}: {why}",
                base.display()
            ))
        };
        let mut bytes = [0; 8];
        getrandom(&mut bytes, GetRandomFlags::empty())
            .map_err(|error| failed(error.to_string()))?;
        let path = base.join(format!("runnerctl-edit-{:016x}", u64::from_ne_bytes(bytes)));
        // It fails where something is there already, be it a link of somebody's.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| failed(error.to_string()))?;
        Ok(Private { path, keeps: false })
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            Failure::because(format!("cannot write {}: {error}", Path::display(&path)))
        })?;
        Ok(path)
    }

    fn keep(mut self) {
        self.keeps = true;
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if !self.keeps {
            // What stays in the directory for temporary files goes with the next boot.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
