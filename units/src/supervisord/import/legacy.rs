//! Options that supervisor 2 had and supervisor 3 renamed, rewritten in their lines. supervisord
//! itself ignores them today.

use std::sync::Arc;

use super::Rewritten;
use super::report::{Line, Verdict};
use crate::diagnostic::Place;

/// The options of one section of a program that matter here.
#[derive(Default)]
struct Program {
    name: String,
    has_new: bool,
    redirects: bool,
    silent: bool,
    has_old: bool,
}

struct Rewriting<'a> {
    path: &'a Arc<str>,
    rewritten: Rewritten,
    more: String,
    server: Server,
}

/// What `[supervisord]` said of the one server there was.
#[derive(Default)]
struct Server {
    address: Option<String>,
    lines: Vec<(&'static str, String)>,
}

/// The file with its old options under their present names.
pub(super) fn rewrite(path: &Arc<str>, text: &str) -> (String, Rewritten) {
    let programs = programs(text);
    let mut rewriting = Rewriting {
        path,
        rewritten: Rewritten::default(),
        more: String::new(),
        server: Server::default(),
    };
    let mut section = String::new();
    let mut out = String::with_capacity(text.len());
    let mut number = 0;
    for line in text.split_inclusive('\n') {
        number += 1;
        if let Some(name) = header(line) {
            section = name.to_owned();
        }
        let new = match section.strip_prefix("program:") {
            Some(name) => {
                let program = programs.iter().find(|program| program.name == name.trim());
                program.and_then(|program| rewriting.program(program, number, line))
            }
            None if section == "supervisord" => rewriting.daemon(number, line),
            None => None,
        };
        out.push_str(new.as_deref().unwrap_or(line));
    }
    for program in programs
        .iter()
        .filter(|program| program.has_old && !program.has_new)
    {
        // Only one of the two outputs was logged, unless both were.
        let other = match program.redirects {
            true => "redirect_stderr=true",
            false => "stderr_logfile=NONE",
        };
        rewriting
            .more
            .push_str(&format!("[program:{}]\n{other}\n", program.name));
        if program.silent {
            rewriting.more.push_str("stdout_logfile=NONE\n");
        }
    }
    rewriting.finish_server();
    let Rewriting {
        more,
        mut rewritten,
        ..
    } = rewriting;
    if !more.is_empty() {
        if !out.ends_with('\n') {
            out.push('\n');
        }
        rewritten.last_line = Some(number);
        out.push_str(&more);
    }
    (out, rewritten)
}

fn header(line: &str) -> Option<&str> {
    let inside = line.trim_start().strip_prefix('[')?;
    inside.split_once(']').map(|(name, _)| name)
}

fn option(line: &str) -> Option<(String, &str)> {
    if line.starts_with([' ', '\t', ';', '#', '[']) {
        return None;
    }
    let (key, value) = line.split_once(['=', ':'])?;
    Some((key.trim().to_lowercase(), value.trim()))
}

fn is_true(value: &str) -> bool {
    let word = value.split([' ', '\t', ';']).next().unwrap_or_default();
    ["yes", "true", "on", "1"].contains(&word.to_lowercase().as_str())
}

fn programs(text: &str) -> Vec<Program> {
    let mut programs: Vec<Program> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(name) = header(line) {
            inside = name.starts_with("program:");
            if let Some(name) = name.strip_prefix("program:") {
                programs.push(Program {
                    name: name.trim().to_owned(),
                    ..Program::default()
                });
            }
        }
        let Some((key, value)) = option(line).filter(|_| inside) else {
            continue;
        };
        let Some(program) = programs.last_mut() else {
            continue;
        };
        match key.as_str() {
            "stdout_logfile" | "stderr_logfile" | "redirect_stderr" => program.has_new = true,
            "logfile" | "logfile_maxbytes" | "logfile_backups" => program.has_old = true,
            "log_stderr" => {
                program.has_old = true;
                program.redirects = is_true(value);
            }
            "log_stdout" => {
                program.has_old = true;
                program.silent = !is_true(value);
            }
            _ => {}
        }
    }
    programs
}

impl Rewriting<'_> {
    fn say(&mut self, number: u32, section: &str, option: &str, verdict: Verdict, text: &str) {
        self.rewritten.said.push(Line {
            place: Place {
                path: self.path.clone(),
                line: number,
                column: 1,
            },
            section: section.to_owned(),
            option: option.to_owned(),
            verdict,
            text: text.to_owned(),
        });
    }

    fn program(&mut self, program: &Program, number: u32, line: &str) -> Option<String> {
        let (key, _) = option(line).filter(|_| !program.has_new)?;
        let section = format!("program:{}", program.name);
        let new = match key.as_str() {
            "logfile" | "logfile_maxbytes" | "logfile_backups" => format!("stdout_{key}"),
            "log_stderr" => {
                let text = "supervisor 2 logged standard error to the same file, or nowhere";
                self.say(number, &section, &key, Verdict::Approximated, text);
                return Some("\n".to_owned());
            }
            "log_stdout" => {
                let text = "supervisor 2 logged standard output, or did not";
                self.say(number, &section, &key, Verdict::Approximated, text);
                return Some("\n".to_owned());
            }
            _ => return None,
        };
        let difference = "as supervisor 2 had it; supervisord of today ignores it";
        self.rewritten
            .renamed
            .insert(number, (key, Some(difference.to_owned())));
        let at = line.find(['=', ':'])?;
        Some(format!("{new}{}", line.get(at..).unwrap_or_default()))
    }

    fn daemon(&mut self, number: u32, line: &str) -> Option<String> {
        let (key, value) = option(line)?;
        let value = value
            .split(" ;")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        match key.as_str() {
            "http_port" => self.server.address = Some(value),
            "http_username" => self.server.lines.push(("username", value)),
            "http_password" => self.server.lines.push(("password", value)),
            "sockchmod" => self.server.lines.push(("chmod", value)),
            "sockchown" => self.server.lines.push(("chown", value.replace('.', ":"))),
            _ => return None,
        }
        let text =
            "a section [unix_http_server] or [inet_http_server] of today; see runnerd's --http";
        self.say(number, "supervisord", &key, Verdict::Approximated, text);
        Some("\n".to_owned())
    }

    fn finish_server(&mut self) {
        let Some(address) = &self.server.address else {
            return;
        };
        let is_path = address.contains('/');
        let (section, option) = match is_path {
            true => ("unix_http_server", "file"),
            false => ("inet_http_server", "port"),
        };
        self.more
            .push_str(&format!("[{section}]\n{option}={address}\n"));
        for (key, value) in &self.server.lines {
            if is_path || !key.starts_with("ch") {
                self.more.push_str(&format!("{key}={value}\n"));
            }
        }
    }
}
