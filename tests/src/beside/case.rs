//! Case files: units and steps as text.
//!
//! ```text
//! # A comment.
//! with RESTART = no always
//!
//! == a service that fails, with Restart=<RESTART>
//! -- a.service
//! [Service]
//! Restart=<RESTART>
//! ExecStart=/bin/false
//! -- steps
//! start a
//! settle
//! show a ActiveState Result NRestarts
//! -- differs: name of a row of runner-systemd(7)
//! step: start a
//! systemd: 0
//! runnerd: 1
//! ```
//!
//! `==` begins a case with its title, `--` one of its parts: a unit file or drop-in by its name, a
//! link (`-- a.service -> /dev/null`), a program (`-- file NAME`, in `@dir@`), a unit file that the
//! step `put` writes (`-- later NAME`), the steps, and what is known to differ.
//!
//! A `with` line before the first case counts for all that have none of that name. A
//! word of it in the title multiplies the case, in the name of a part the part, and in a step it
//! repeats the word of the step.
//!
//! A unit that is down and that no other names is forgotten by systemd, with its result and its
//! count of starts. So a target that is up names all units of all cases, except for cases that
//! have a line `forgets` below their title.
//!
//! Names of units are the case's own: each case gets a prefix before its units' names, which the
//! answers do not show. In units and steps `@dir@` is the directory of the case, `@log@` its log,
//! and `@actor@` the program that plays services, whose `say=` writes to that log.

use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::machine::Machine;

/// Some units, and what is done to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// What it is about.
    pub title: String,
    /// What is put before the names of its units.
    pub prefix: String,
    /// The parts before the boot and later, by name: see [`Part`].
    parts: Vec<Part>,
    /// The names of its units.
    units: BTreeSet<String>,
    /// What is done, one step a line.
    pub steps: Vec<String>,
    /// Whether its units are forgotten when they are down, as units are that nothing names.
    pub forgets: bool,
    /// The row of the tables of `units::systemd` that says why both differ; empty if they do not.
    pub reason: String,
    /// Where both differ, and how.
    pub differs: Vec<Difference>,
}

/// A step that both answer differently.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// The step.
    pub step: String,
    /// What systemd answers.
    pub systemd: Vec<String>,
    /// What runnerd answers.
    pub runnerd: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "step: {}", self.step)?;
        for line in &self.systemd {
            writeln!(f, "systemd: {line}")?;
        }
        for line in &self.runnerd {
            writeln!(f, "runnerd: {line}")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    kind: PartKind,
    name: String,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PartKind {
    /// A unit file or drop-in.
    Unit,
    /// A link in the unit directory; the text is where it leads.
    Link,
    /// A unit file that a step writes.
    Later,
    /// A program in the directory of the case.
    Program,
}

/// The suffixes of unit names.
const SUFFIXES: &[&str] = &[
    "service", "socket", "timer", "path", "target", "slice", "mount",
];

impl Case {
    /// The directory of the case, inside the machine.
    pub fn directory(&self) -> String {
        format!("/run/cases/{}", self.prefix)
    }

    /// The name of a unit as the init knows it: `a` is `PREFIXa.service`.
    pub fn unit(&self, word: &str) -> String {
        let has_suffix = word
            .rsplit_once('.')
            .is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
        let name = if has_suffix {
            word.to_owned()
        } else {
            format!("{word}.service")
        };
        self.named(&name)
    }

    /// The names of the units that are there from the start, templates excepted.
    pub fn plain_units(&self) -> Vec<String> {
        self.parts
            .iter()
            .filter(|part| matches!(part.kind, PartKind::Unit | PartKind::Link))
            .filter(|part| !part.name.contains('/') && !part.name.contains("@."))
            .map(|part| self.named(&part.name))
            .collect()
    }

    /// A text of the case with the names the init knows and the places that were meant.
    pub fn filled(&self, text: &str) -> String {
        let actor = format!("/run/bin/actor {}/log", self.directory());
        self.named(text)
            .replace("@actor@", &actor)
            .replace("@log@", &format!("{}/log", self.directory()))
            .replace("@dir@", &self.directory())
    }

    /// Puts the prefix before every name of a unit of the case.
    fn named(&self, text: &str) -> String {
        let in_name = |c: char| c.is_ascii_alphanumeric() || ":_.-@\\".contains(c);
        let mut named = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(in_name) {
            named.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            if self.owns(word) {
                named.push_str(&self.prefix);
            }
            named.push_str(word);
            rest = &rest[end..];
        }
        named + rest
    }

    /// Whether a unit of the case, or an instance of one of its templates, has the name.
    fn owns(&self, name: &str) -> bool {
        let template = name.split_once('@').and_then(|(stem, rest)| {
            let (_, suffix) = rest.rsplit_once('.')?;
            Some(format!("{stem}@.{suffix}"))
        });
        self.units.contains(name) || template.is_some_and(|template| self.units.contains(&template))
    }

    /// Writes the unit files into a directory, before the boot.
    pub fn install(&self, directory: &Path) {
        for part in &self.parts {
            let path = directory.join(self.named_path(&part.name));
            let parent = path.parent().expect("a file is in a directory");
            match part.kind {
                PartKind::Unit => {
                    std::fs::create_dir_all(parent).expect("a directory for drop-ins");
                    std::fs::write(path, self.filled(&part.text)).expect("a unit file");
                }
                PartKind::Link => {
                    std::fs::create_dir_all(parent).expect("a directory for links");
                    let target = self.filled(part.text.trim_end());
                    std::os::unix::fs::symlink(target, path).expect("a link");
                }
                PartKind::Later | PartKind::Program => {}
            }
        }
    }

    /// Makes the directory of the case with its programs.
    pub fn set_up(&self, machine: &Machine) {
        let directory = machine.file(&self.directory());
        std::fs::create_dir(&directory).expect("the directory of the case");
        // Services of any user work here.
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&directory, mode(0o777)).expect("mode");
        for part in &self.parts {
            if part.kind == PartKind::Program {
                let path = directory.join(&part.name);
                std::fs::write(&path, self.filled(&part.text)).expect("a program");
                std::fs::set_permissions(&path, mode(0o755)).expect("mode");
            }
        }
    }

    /// Writes the unit file that was kept for later.
    pub fn put(&self, machine: &Machine, name: &str) {
        let part = self
            .parts
            .iter()
            .find(|part| part.kind == PartKind::Later && part.name == name)
            .unwrap_or_else(|| panic!("{}: there is no `-- later {name}`", self.title));
        let path = machine
            .file("/etc/systemd/system")
            .join(self.named_path(name));
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        std::fs::write(path, self.filled(&part.text)).expect("a unit file");
    }

    /// `a.service.d/x.conf` is that of the case's `a.service`, and `a-.service.d/x.conf` that of its
    /// `a-b.service`.
    fn named_path(&self, path: &str) -> String {
        let named = |word: &str| {
            let directory = [".d", ".wants", ".requires", ".upholds"]
                .iter()
                .find_map(|end| Some((word.strip_suffix(end)?, *end)));
            let (unit, end) = directory.unwrap_or((word, ""));
            let is_beginning = unit.rsplit_once("-.").is_some_and(|(beginning, _)| {
                let beginning = format!("{beginning}-");
                self.units.iter().any(|name| name.starts_with(&beginning))
            });
            if is_beginning {
                format!("{}{word}", self.prefix)
            } else {
                self.named(unit) + end
            }
        };
        path.split('/').map(named).collect::<Vec<_>>().join("/")
    }
}

/// `with NAME = WORD…`
#[derive(Debug, Clone)]
struct With {
    placeholder: String,
    words: Vec<String>,
}

impl With {
    fn parse(line: &str) -> Option<With> {
        let (name, words) = line.split_once('=')?;
        Some(With {
            placeholder: format!("<{}>", name.trim()),
            words: words.split_whitespace().map(str::to_owned).collect(),
        })
    }

    /// The text once for every word, or once if the placeholder is not in there.
    fn multiply(&self, texts: Vec<Vec<String>>, at: usize) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for texts in texts {
            if !texts[at].contains(&self.placeholder) {
                all.push(texts);
                continue;
            }
            for word in &self.words {
                let filled = texts
                    .iter()
                    .map(|text| text.replace(&self.placeholder, word));
                all.push(filled.collect());
            }
        }
        all
    }
}

/// A case as it is written, before its words are put in.
#[derive(Debug)]
struct Draft {
    title: String,
    withs: Vec<With>,
    forgets: bool,
    /// Header and text of each part.
    parts: Vec<(String, String)>,
}

/// Reads a case file; the error begins with its line.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut shared = Vec::new();
    let mut drafts: Vec<Draft> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: &str| format!("{}: {what}", number + 1);
        if let Some(title) = line.strip_prefix("== ") {
            drafts.push(Draft {
                title: title.to_owned(),
                withs: shared.clone(),
                forgets: false,
                parts: Vec::new(),
            });
            continue;
        }
        if let Some(header) = line.strip_prefix("-- ") {
            let draft = drafts.last_mut();
            let draft = draft.ok_or_else(|| wrong("a part before the first case"))?;
            draft.parts.push((header.to_owned(), String::new()));
            continue;
        }
        if let Some(Draft { parts, .. }) = drafts.last_mut()
            && let Some((_, text)) = parts.last_mut()
        {
            text.push_str(line);
            text.push('\n');
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match (line.strip_prefix("with "), drafts.last_mut()) {
            (Some(rest), draft) => {
                let with =
                    With::parse(rest).ok_or_else(|| wrong("this is not `with NAME = WORD…`"))?;
                let withs = draft.map_or(&mut shared, |draft| &mut draft.withs);
                withs.retain(|other| other.placeholder != with.placeholder);
                withs.push(with);
            }
            (None, Some(draft)) if line == "forgets" => draft.forgets = true,
            (None, _) => return Err(wrong("neither `==`, `--`, `with`, `forgets` nor a comment")),
        }
    }
    let mut cases = Vec::new();
    for draft in &drafts {
        // The title and the parts as one list of texts, so that a word goes into all of them.
        let mut texts = vec![draft.title.clone()];
        for (header, text) in &draft.parts {
            texts.extend([header.clone(), text.clone()]);
        }
        let mut all = vec![texts];
        for with in &draft.withs {
            all = with.multiply(all, 0);
        }
        for texts in all {
            let case = finish(&texts, draft, cases.len());
            cases.push(case.map_err(|what| format!(" {}: {what}", draft.title))?);
        }
    }
    Ok(cases)
}

/// A case of its title and the headers and texts of its parts.
fn finish(texts: &[String], draft: &Draft, number: usize) -> Result<Case, String> {
    let withs = &draft.withs;
    let mut case = Case {
        title: texts[0].clone(),
        prefix: format!("k{number}_"),
        forgets: draft.forgets,
        ..Case::default()
    };
    for pair in texts[1..].chunks(2) {
        let mut all = vec![pair.to_vec()];
        for with in withs {
            all = with.multiply(all, 0);
        }
        for pair in all {
            case.add(&pair[0], &pair[1], withs)?;
        }
    }
    if case.steps.is_empty() {
        return Err("it has no steps".to_owned());
    }
    Ok(case)
}

impl Case {
    fn add(&mut self, header: &str, text: &str, withs: &[With]) -> Result<(), String> {
        let text = text.trim_end_matches('\n');
        if header == "steps" {
            let lines = text.lines().filter(|line| !line.is_empty());
            self.steps = lines.map(|line| repeated(line, withs)).collect();
            return Ok(());
        }
        if let Some(reason) = header.strip_prefix("differs: ") {
            self.reason = reason.to_owned();
            self.differs = differences(text)?;
            return Ok(());
        }
        let (kind, name, text) = if let Some(name) = header.strip_prefix("file ") {
            (PartKind::Program, name, text.to_owned())
        } else if let Some(name) = header.strip_prefix("later ") {
            (PartKind::Later, name, text.to_owned())
        } else if let Some((name, target)) = header.split_once(" -> ") {
            (PartKind::Link, name, target.to_owned())
        } else {
            (PartKind::Unit, header, text.to_owned())
        };
        if kind != PartKind::Program && !name.contains('/') {
            self.units.insert(name.to_owned());
        }
        self.parts.push(Part {
            kind,
            name: name.to_owned(),
            text: text + "\n",
        });
        Ok(())
    }
}

/// Every word of the step with a placeholder, once for each word it stands for.
fn repeated(line: &str, withs: &[With]) -> String {
    let words = line.split(' ').flat_map(|word| {
        let mut all = vec![vec![word.to_owned()]];
        for with in withs {
            all = with.multiply(all, 0);
        }
        all.into_iter().flatten()
    });
    words.collect::<Vec<_>>().join(" ")
}

fn differences(text: &str) -> Result<Vec<Difference>, String> {
    let mut all: Vec<Difference> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (key, rest) = line.split_once(':').unwrap_or((line, ""));
        let rest = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
        match (key, all.last_mut()) {
            ("step", _) => all.push(Difference {
                step: rest,
                ..Difference::default()
            }),
            ("systemd", Some(last)) => last.systemd.push(rest),
            ("runnerd", Some(last)) => last.runnerd.push(rest),
            _ => return Err(format!("{line:?} belongs to no step that differs")),
        }
    }
    Ok(all)
}
