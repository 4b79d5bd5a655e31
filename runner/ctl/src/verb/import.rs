//! `import`: unit files out of a supervisord.conf or of systemd's unit files. What is in them is
//! decided in `units`; here files are read and written.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use units::supervisord::import::{Import, UnitFile, Verdict, import as unit_files_of};
use units::supervisord::{Around, Refused, SourceFile, Sources, include_patterns};
use units::systemd::import as systemd;
use units::{Content, Diagnostic, disk};

use super::check::surroundings;
use crate::cli::ImportArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::runtime::Place;
use crate::supervisorctl::config_file;
use crate::terminal::{Finding, Terminal, in_json};

/// `import`
pub(super) fn import(args: &ImportArgs, place: &Place, terminal: &mut Terminal) -> Outcome {
    let is_systemds = |path: &PathBuf| units::systemd::is_unit_file(&path.to_string_lossy());
    let import = match args.files.as_slice() {
        [file] if !is_systemds(file) => of_supervisord(file, terminal)?,
        files => match files.iter().find(|path| !is_systemds(path)) {
            None => of_systemd(files, place)?,
            Some(other) => {
                let message = format!("{} is no unit file of systemd", other.display());
                let hint = "a supervisord.conf is imported alone";
                return Err(Failure::new(Exit::Usage, message).with_hint(hint));
            }
        },
    };
    if let Some(directory) = &args.output {
        let modes = args.files.iter().map(|file| mode_like(file));
        let mode = modes
            .reduce(|all, mode| all & mode)
            .unwrap_or(Mode::RUSR | Mode::WUSR);
        write_all(directory, &import.files, args.force, mode)?;
    }
    if terminal.json() {
        print_json(&import, args, terminal)?;
    } else {
        print_text(&import, args, terminal)?;
    }
    if import.diagnostics.iter().any(Diagnostic::is_error) && import.files.is_empty() {
        return Err(Failure::Told(Exit::Usage));
    }
    let lost = |verdict| matches!(verdict, Verdict::Dropped | Verdict::Decide);
    match import.report.iter().any(|line| lost(line.verdict)) {
        true => Ok(Exit::Lost),
        false => Ok(Exit::Done),
    }
}

/// Unit files of systemd's, read with the care the daemon takes.
fn of_systemd(files: &[PathBuf], place: &Place) -> Result<Import, Failure> {
    let (around, _) = surroundings(place);
    let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
    let (sources, found) = disk::read(files, true, &around);
    let mut problems = found.into_iter();
    if let Some(problem) = problems.next() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{}: {}", problem.place, problem.message),
        ));
    }
    for source in sources {
        match source.content {
            // Drop-ins beside the file are no part of it.
            Content::Bytes(bytes) if source.named => texts.push((source.path.to_string(), bytes)),
            Content::Unreadable(problem) if source.named => {
                let message = format!("{}: {}", problem.place, problem.message);
                return Err(Failure::new(Exit::Usage, message));
            }
            Content::Mask if source.named => {
                let message = format!("{} is masked", source.path);
                return Err(Failure::new(Exit::Usage, message));
            }
            _ => {}
        }
    }
    let files: Vec<systemd::File<'_>> = texts
        .iter()
        .map(|(path, bytes)| systemd::File { path, bytes })
        .collect();
    Ok(systemd::import(&files, &around))
}

/// A supervisord.conf.
fn of_supervisord(file: &Path, terminal: &mut Terminal) -> Result<Import, Failure> {
    let around = config_file::around();
    let read = if file.as_os_str() == "-" {
        standard_input(&around)?
    } else {
        disk::supervisord::read(&file.to_string_lossy(), &around)
    };
    let imported = read.and_then(|(sources, mut found)| {
        let mut import = unit_files_of(&sources, &around)?;
        found.append(&mut import.diagnostics);
        import.diagnostics = found;
        Ok(import)
    });
    imported.map_err(|refused| refusal(&refused, terminal))
}

/// A configuration, or why there is none.
type Reading = Result<(Sources, Vec<Diagnostic>), Refused>;

/// What somebody pipes in. Where it comes from nobody knows, so it cannot include anything.
fn standard_input(around: &Around<'_>) -> Result<Reading, Failure> {
    let mut bytes = Vec::new();
    let mut input = io::stdin().lock().take(disk::LARGEST_FILE + 1);
    input
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::because(format!("cannot read standard input: {error}")))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > disk::LARGEST_FILE) {
        let message = format!("standard input has more than {} bytes", disk::LARGEST_FILE);
        return Err(Failure::new(Exit::Usage, message));
    }
    let main = SourceFile {
        path: "(standard input)".into(),
        bytes,
    };
    if include_patterns(&main, around).is_ok_and(|patterns| !patterns.is_empty()) {
        let message = "[include] cannot be followed from standard input";
        return Err(Failure::new(Exit::Usage, message).with_hint("name the file"));
    }
    let includes = Vec::new();
    Ok(Ok((Sources { main, includes }, Vec::new())))
}

/// What supervisord would say, with every finding before it.
fn refusal(refused: &Refused, terminal: &mut Terminal) -> Failure {
    if terminal.json() {
        return Failure::new(Exit::Usage, refused.message.clone());
    }
    for found in &refused.diagnostics {
        terminal.finding(&Finding::from(found));
    }
    Failure::Told(Exit::Usage)
}

/// The unit files hold what the configuration holds, secrets included: whoever may not read the one
/// may not read the others.
fn mode_like(file: &Path) -> Mode {
    let bits = fs::metadata(file).map_or(0, |found| found.permissions().mode());
    Mode::from_raw_mode(bits & 0o044) | Mode::RUSR | Mode::WUSR
}

/// Writes every file, or none where one of them is there already and may not be replaced.
pub(super) fn write_all(
    path: &Path,
    files: &[UnitFile],
    force: bool,
    mode: Mode,
) -> Result<(), Failure> {
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        Failure::because(format!("cannot {what}: {error}"))
    };
    fs::create_dir_all(path)
        .map_err(|error| cannot(&format!("make the directory {}", path.display()), &error))?;
    // Everything below goes by this descriptor: a link put in the way meanwhile leads nowhere.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|error| cannot(&format!("open {}", path.display()), &error))?;
    if !force {
        let is_there = |file: &&UnitFile| {
            rustix::fs::statat(&directory, &file.name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
        };
        let there: Vec<&str> = files
            .iter()
            .filter(is_there)
            .map(|file| file.name.as_str())
            .collect();
        if !there.is_empty() {
            let message = format!(
                "{} has {} already, and nothing was written",
                path.display(),
                there.join(", ")
            );
            return Err(Failure::because(message).with_hint("--force replaces them"));
        }
    }
    for file in files {
        write(&directory, file, force, mode).map_err(|error| {
            let target = path.join(&file.name);
            cannot(&format!("write {}", target.display()), &error)
        })?;
    }
    Ok(())
}

/// Writes one file under another name first: it is there as a whole or not at all.
fn write(directory: &OwnedFd, file: &UnitFile, force: bool, mode: Mode) -> io::Result<()> {
    let draft = format!(
        ".{}.{}",
        file.name,
        rustix::process::getpid().as_raw_nonzero()
    );
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut written = File::from(rustix::fs::openat(directory, &draft, flags, mode)?);
    let placed = written
        .write_all(file.text.as_bytes())
        .and_then(|()| written.sync_all())
        .and_then(|()| match force {
            true => Ok(rustix::fs::renameat(
                directory, &draft, directory, &file.name,
            )?),
            // A link, unlike a renaming, never takes the place of another file.
            false => {
                let flags = AtFlags::empty();
                rustix::fs::linkat(directory, &draft, directory, &file.name, flags)?;
                Ok(rustix::fs::unlinkat(directory, &draft, flags)?)
            }
        });
    if placed.is_err() {
        // It is the first failure that counts.
        let _ = rustix::fs::unlinkat(directory, &draft, AtFlags::empty());
    }
    placed
}

fn count(import: &Import, verdict: Verdict) -> usize {
    let lines = import.report.iter();
    lines.filter(|line| line.verdict == verdict).count()
}

fn print_json(import: &Import, args: &ImportArgs, terminal: &mut Terminal) -> Result<(), Failure> {
    let files = import.files.iter().map(|file| {
        let path = args.output.as_ref().map(|output| output.join(&file.name));
        serde_json::json!({
            "name": file.name,
            "path": path,
            "units": file.units,
            "text": file.text,
        })
    });
    let report = import.report.iter().map(|line| {
        serde_json::json!({
            "path": line.place.path,
            "line": line.place.line,
            "section": line.section,
            "option": line.option,
            "verdict": line.verdict.as_str().replace(' ', "-"),
            "text": line.text,
        })
    });
    terminal.value(&serde_json::json!({
        "files": files.collect::<Vec<_>>(),
        "report": report.collect::<Vec<_>>(),
        "diagnostics": import.diagnostics.iter().map(in_json).collect::<Vec<_>>(),
    }))
}

fn print_text(import: &Import, args: &ImportArgs, terminal: &mut Terminal) -> Result<(), Failure> {
    for found in &import.diagnostics {
        terminal.finding(&Finding::from(found));
    }
    if args.output.is_none() {
        for file in &import.files {
            let text = terminal.foreign(&file.text).into_owned();
            terminal.line(&format!("# {}\n\n{}", file.name, text))?;
        }
    }
    let mut report: Vec<String> = import
        .report
        .iter()
        .map(|line| {
            format!(
                "{}:{}: {}: [{}] {}: {}",
                line.place.path,
                line.place.line,
                line.verdict.as_str(),
                line.section,
                line.option,
                line.text.replace('\n', "\\n"),
            )
        })
        .collect();
    let files = match (import.files.len(), &args.output) {
        (1, Some(output)) => format!("1 file in {}", output.display()),
        (number, Some(output)) => format!("{number} files in {}", output.display()),
        (1, None) => "1 file".to_owned(),
        (number, None) => format!("{number} files"),
    };
    report.push(format!(
        "{files}; {} options mapped, {} approximated, {} dropped, {} to decide",
        count(import, Verdict::Mapped),
        count(import, Verdict::Approximated),
        count(import, Verdict::Dropped),
        count(import, Verdict::Decide),
    ));
    for line in report {
        let line = terminal.foreign(&line).into_owned();
        if args.output.is_some() {
            terminal.line(&line)?;
        } else {
            terminal.remark(&line);
        }
    }
    Ok(())
}
