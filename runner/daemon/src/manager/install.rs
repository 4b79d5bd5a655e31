//! Orders about unit files, and questions about them. `units::install` decides from the files as they
//! are now; reading and writing them is the file worker's.

use control::{Answerer, Installed, Refusal, Reply, Request};
use units::disk;
use units::install::{Files, Order, Problem, State};
use units::{Surroundings, UnitName};

use super::Manager;
use super::wake::Done;
use crate::load;
use crate::options::Options;

impl Manager {
    /// Answers one of them, once the files were read.
    pub(super) fn about_files(&mut self, request: Request, answerer: Answerer) {
        if let Some(conf) = &self.settled.conf {
            let message = format!(
                "units come from {}: what starts by itself is said there",
                conf.file
            );
            return answerer.answer(Err(Refusal::Invalid(message)));
        }
        if let Request::UnitFileState(unit) = &request
            && self.engine.is_transient(unit)
        {
            return answerer.answer(Ok(Reply::UnitFileState(State::Transient)));
        }
        if matches!(request, Request::Install(_)) {
            self.unit_files.have_changed();
        }
        let options = self.options.clone();
        let around = self.surroundings.clone();
        self.offload.submit(move || Done::Answer {
            answer: answer(&request, &options, &around),
            answerer,
        });
    }

    /// Lets limits that can be changed in a unit that runs be what its definition says now.
    pub(super) fn renew_limits(&mut self) {
        let Some(cgroups) = self.cgroups.clone() else {
            return;
        };
        let limits: Vec<_> = self
            .engine
            .live_runs()
            .filter_map(|(unit, _)| {
                let definition = self.engine.definition(unit)?;
                Some((unit.clone(), definition.memory_max()))
            })
            .collect();
        if limits.is_empty() {
            return;
        }
        self.offload.submit(move || {
            for (unit, limit) in limits {
                let in_force = cgroups.number(&unit, "memory.max", None);
                if in_force != limit.of(cgroups.memory())
                    && let Err(why) = cgroups.limit_memory(&unit, limit)
                {
                    tracing::warn!(
                        "{unit}: memory-max = {limit} counts from its next start: {why}"
                    );
                }
            }
            Done::Nothing
        });
    }
}

fn answer(request: &Request, options: &Options, around: &Surroundings) -> Result<Reply, Refusal> {
    with_files(options, around, |files| match request {
        Request::Install(order) => install(files, order).map(Reply::Installed),
        Request::UnitFileState(name) => files
            .state(name)
            .map(Reply::UnitFileState)
            .map_err(|problem| refusal(problem, name)),
        Request::UnitFileLinks { unit, runtime } => {
            let order = Order::Disable {
                units: vec![unit.clone()],
                runtime: *runtime,
            };
            let plan = files
                .plan(&order)
                .map_err(|problem| refusal(problem, unit))?;
            let links = plan
                .changes
                .iter()
                .filter(|change| files.links.contains_key(&*change.path().to_string_lossy()));
            Ok(Reply::Installed(Installed {
                has_install_info: plan.has_install_info,
                changes: links
                    .map(|change| {
                        let path = change.path().to_string_lossy().into_owned();
                        ("symlink", path, String::new())
                    })
                    .collect(),
            }))
        }
        _ => Ok(Reply::UnitFiles(files.list())),
    })
}

/// Reads all files and asks about them. Blocks on the file system.
pub(super) fn with_files<T>(
    options: &Options,
    around: &Surroundings,
    ask: impl FnOnce(Files<'_>) -> T,
) -> T {
    let (sources, units, _) = load::read_files(options, around);
    let links = disk::install::links(&sources);
    let places = load::places(options, around);
    let directories: Vec<_> = load::unit_path(options, around)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let presets = disk::preset::read(&directories);
    ask(Files::new(&sources, &units, &links, &places, &presets))
}

fn install(files: Files<'_>, order: &Order) -> Result<Installed, Refusal> {
    let about = match order {
        Order::Enable { units, .. }
        | Order::Disable { units, .. }
        | Order::Reenable { units, .. }
        | Order::Mask { units, .. }
        | Order::Unmask { units, .. }
        | Order::Revert { units }
        | Order::Depend { units, .. } => units.first().cloned(),
        Order::Link { paths, .. } => {
            for path in paths {
                disk::install::is_plain_file(path).map_err(Refusal::Invalid)?;
            }
            let file = paths.first().and_then(|path| path.rsplit('/').next());
            file.and_then(|file| UnitName::parse(file).ok())
        }
        Order::Set { unit, .. } | Order::Default { unit, .. } => Some(unit.clone()),
    };
    let Some(about) = about else {
        return Err(Refusal::Invalid("no unit is named".to_owned()));
    };
    let plan = files
        .plan(order)
        .map_err(|problem| refusal(problem, &about))?;
    let mut changes = Vec::new();
    for change in &plan.changes {
        let emptied = disk::install::perform(change).map_err(Refusal::Invalid)?;
        let (word, target) = change.words();
        changes.push((
            word,
            change.path().to_string_lossy().into_owned(),
            target.to_owned(),
        ));
        if let Some(directory) = emptied.filter(|_| matches!(order, Order::Revert { .. })) {
            changes.push((
                "unlink",
                directory.to_string_lossy().into_owned(),
                String::new(),
            ));
        }
    }
    Ok(Installed {
        has_install_info: plan.has_install_info,
        changes,
    })
}

fn refusal(problem: Problem, about: &UnitName) -> Refusal {
    match problem {
        Problem::NoSuchUnit(unit) => Refusal::NoSuchUnit(unit),
        Problem::Masked(unit, _) => Refusal::Masked(unit),
        Problem::Invalid(found) => Refusal::BadSetting(about.clone(), found.into()),
        Problem::Exists(sentence) | Problem::Refused(sentence) => Refusal::Invalid(sentence),
    }
}
