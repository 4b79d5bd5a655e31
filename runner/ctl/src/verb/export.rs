//! `export`: units as unit files of another system. What is in them is decided in `units`.

use rustix::fs::Mode;
use units::supervisord::import::{UnitFile, Verdict};
use units::systemd::export::{Told, export as unit_file_of};
use units::{UnitName, disk};

use super::check::surroundings;
use super::import::write_all;
use crate::cli::{ExportArgs, System};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::runtime::Place;
use crate::terminal::{Finding, Terminal};

/// `export`
pub(super) fn export(args: &ExportArgs, place: &Place, terminal: &mut Terminal) -> Outcome {
    let System::Systemd = args.system;
    let (around, data_home) = surroundings(place);
    let (sources, mut findings) = match args.paths.as_slice() {
        [] => disk::read(&disk::search_path(&around, &data_home), false, &around),
        paths => disk::read(paths, true, &around),
    };
    let (set, more) = units::load(&sources, &around);
    findings.extend(more);
    let mut files: Vec<(UnitFile, Vec<Told>)> = Vec::new();
    for unit in &args.units {
        let text = unit.to_string();
        let name = UnitName::parse(&text)
            .map_err(|problem| Failure::new(Exit::Usage, format!("{text}: {problem}")))?;
        let definition = set
            .resolve(&name)
            .ok_or_else(|| Failure::new(Exit::NoSuchUnit, format!("there is no unit {name}")))?;
        if !definition.is_loaded() {
            let about = findings
                .iter()
                .filter(|found| found.unit.as_ref() == Some(&name));
            for found in about {
                terminal.finding(&Finding::from(found));
            }
            let state = definition.load_state().as_str();
            return Err(Failure::because(format!("{name} cannot be used: {state}")));
        }
        let exported = unit_file_of(&definition);
        let file = UnitFile {
            name: name.to_string(),
            text: exported.text,
            units: vec![name],
        };
        files.push((file, exported.report));
    }
    if let Some(directory) = &args.output {
        let all: Vec<UnitFile> = files.iter().map(|(file, _)| file.clone()).collect();
        let mode = Mode::from_raw_mode(0o644);
        write_all(directory, &all, args.force, mode)?;
    }
    match terminal.json() {
        true => print_json(&files, args, terminal)?,
        false => print_text(&files, args, terminal)?,
    }
    let told = files.iter().flat_map(|(_, report)| report);
    let lost = told.filter(|told| matches!(told.verdict, Verdict::Dropped | Verdict::Decide));
    match lost.count() {
        0 => Ok(Exit::Done),
        _ => Ok(Exit::Lost),
    }
}

fn print_json(
    files: &[(UnitFile, Vec<Told>)],
    args: &ExportArgs,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let files = files.iter().map(|(file, report)| {
        let path = args.output.as_ref().map(|output| output.join(&file.name));
        let report = report.iter().map(|told| {
            serde_json::json!({
                "setting": told.key,
                "verdict": told.verdict.as_str().replace(' ', "-"),
                "text": told.text,
            })
        });
        serde_json::json!({
            "name": file.name,
            "path": path,
            "text": file.text,
            "report": report.collect::<Vec<_>>(),
        })
    });
    terminal.value(&files.collect::<Vec<_>>())
}

fn print_text(
    files: &[(UnitFile, Vec<Told>)],
    args: &ExportArgs,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    for (file, report) in files {
        if args.output.is_none() {
            let text = terminal.foreign(&file.text).into_owned();
            terminal.line(&format!("# {}\n\n{}", file.name, text))?;
        }
        for told in report {
            let verdict = told.verdict.as_str();
            let line = format!("{}: {verdict}: {}: {}", file.name, told.key, told.text);
            let line = terminal.foreign(&line).into_owned();
            match args.output.is_some() {
                true => terminal.line(&line)?,
                false => terminal.remark(&line),
            }
        }
    }
    Ok(())
}
