//! The interactive shell: a prompt, lines, and a line editor where a person types them.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{History, MemHistory, SearchDirection};
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::completion::{self, Process};
use super::controller::Controller;
use super::failure::{Failure, Outcome};
use super::history;
use super::supervisor::{Supervisor, text};
use crate::terminal::visible;

/// Shows the status, then does line after line until there is no further one. Whatever happened,
/// the exit status of a shell is 0.
pub(super) fn run(controller: &mut Controller) -> Outcome<()> {
    controller.notice_interrupts()?;
    let mut lines = Lines::new(controller)?;
    let outcome = talk(controller, &mut lines);
    lines.remember();
    match outcome {
        Err(Failure::Interrupted) => controller.say(""),
        outcome => outcome,
    }
}

fn talk(controller: &mut Controller, lines: &mut Lines) -> Outcome<()> {
    controller.command("status")?;
    while !controller.over {
        let line = lines.next(controller)?;
        // The end of the input is a command as well.
        controller.command(line.as_deref().unwrap_or("EOF"))?;
    }
    Ok(())
}

/// Where the lines come from.
enum Lines {
    /// A person with a terminal.
    Edited(Box<Edited>),
    /// Whatever standard input is.
    Plain,
}

/// A line editor, and what it remembers.
struct Edited {
    editor: Editor<Names, MemHistory>,
    file: Option<PathBuf>,
}

impl Lines {
    fn new(controller: &Controller) -> Outcome<Lines> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Ok(Lines::Plain);
        }
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .max_history_size(history::LINES)
            .map_err(editor_failed)?
            .build();
        let remembered = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, remembered).map_err(editor_failed)?;
        editor.set_helper(Some(Names::default()));
        let file = controller.options().history_file.clone();
        for line in file.as_deref().map(history::read).unwrap_or_default() {
            // A line too many or the same twice is left out, and nothing depends on it.
            let _ = editor.add_history_entry(line);
        }
        Ok(Lines::Edited(Box::new(Edited { editor, file })))
    }

    /// The next line; `None` at the end.
    fn next(&mut self, controller: &mut Controller) -> Outcome<Option<String>> {
        let prompt = format!("{}> ", controller.options().prompt);
        let Lines::Edited(edited) = self else {
            controller.screen.prompt(&prompt)?;
            let interrupt = Rc::clone(controller.interrupt());
            return controller.input.line(&interrupt);
        };
        controller.screen.flush()?;
        if let Some(names) = edited.editor.helper_mut() {
            *names = Names::of(controller);
        }
        match edited.editor.readline(&*visible(&prompt)) {
            Ok(line) => {
                let _ = edited.editor.add_history_entry(&line);
                Ok(Some(line))
            }
            Err(ReadlineError::Eof) => Ok(None),
            Err(ReadlineError::Interrupted) => Err(Failure::Interrupted),
            Err(error) => Err(editor_failed(error)),
        }
    }

    /// Writes what was typed to the history file. One that cannot be written is no reason to
    /// complain at the end of a session: the original keeps silent as well.
    fn remember(&self) {
        if let Lines::Edited(edited) = self
            && let Some(file) = &edited.file
        {
            let _ = history::write(file, &typed(edited.editor.history()));
        }
    }
}

/// All lines of a history, oldest first.
fn typed(history: &MemHistory) -> Vec<String> {
    let entry = |at| history.get(at, SearchDirection::Forward).ok().flatten();
    (0..history.len())
        .filter_map(entry)
        .map(|found| found.entry.into_owned())
        .collect()
}

fn editor_failed(error: ReadlineError) -> Failure {
    match error {
        ReadlineError::Io(error) => error.into(),
        other => Failure::raised("OSError", other.to_string()),
    }
}

/// Completes words; asks the daemon for its processes at most once for each line.
#[derive(Default)]
struct Names {
    supervisor: RefCell<Option<Supervisor>>,
    known: RefCell<Option<Vec<Process>>>,
}

impl Names {
    fn of(controller: &Controller) -> Names {
        Names {
            supervisor: RefCell::new(controller.supervisor().ok()),
            known: RefCell::default(),
        }
    }

    /// The daemon's processes; none where it does not answer.
    fn processes(&self) -> Vec<Process> {
        let mut known = self.known.borrow_mut();
        let ask = || {
            let mut supervisor = self.supervisor.borrow_mut();
            let answer = supervisor.as_mut()?.list("getAllProcessInfo", &[]).ok()?;
            let process = |value| Some((text(value, "group").ok()?, text(value, "name").ok()?));
            answer.iter().map(process).collect::<Option<Vec<Process>>>()
        };
        known
            .get_or_insert_with(|| ask().unwrap_or_default())
            .clone()
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let line = line.get(..position).unwrap_or(line);
        let start = completion::word_start(line);
        let word = line.get(start..).unwrap_or_default();
        let candidates = completion::candidates(line, word, &mut || self.processes());
        Ok((start, candidates))
    }
}

impl Helper for Names {}
impl Highlighter for Names {}
impl Hinter for Names {
    type Hint = String;
}
impl Validator for Names {}
