//! Options of the verbs that need no runnerd.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Unit files, directories of unit files, or a supervisord.conf; the search path if none is named
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
}

/// Of `passwd`.
#[derive(Debug, Args)]
pub struct PasswdArgs {
    /// A SHA-1 hash, which supervisord takes as well; it is quickly guessed from
    #[arg(long)]
    pub sha1: bool,
}

/// Of `calendar`.
#[derive(Debug, Args)]
pub struct CalendarArgs {
    /// Expressions such as `Mon..Fri 9:00`, `*-*~1 02:30 Europe/Berlin` or `weekly`, each one word
    #[arg(required = true, value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub expressions: Vec<String>,
    /// How many moments to show of each
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub iterations: u32,
    /// Moments after this one, such as `2026-11-21 14:30`, `@1700000000`, `tomorrow` or `+2h`
    #[arg(
        long,
        value_name = "TIME",
        default_value = "now",
        allow_hyphen_values = true
    )]
    pub base_time: String,
}

/// Of `timespan`.
#[derive(Debug, Args)]
pub struct TimespanArgs {
    /// Spans such as `1h 30min`, `1.5d` or `90`, each one word
    #[arg(required = true, value_name = "SPAN", allow_hyphen_values = true)]
    pub spans: Vec<String>,
}

/// Of `escape`.
#[derive(Debug, Args)]
pub struct EscapeArgs {
    /// Texts, paths or names
    #[arg(required = true, value_name = "TEXT")]
    pub texts: Vec<String>,
    /// Append `.KIND` to what comes out
    #[arg(long, value_name = "KIND", conflicts_with_all = ["template", "unescape", "mangle"])]
    pub suffix: Option<String>,
    /// Make each text the instance of this template; with --unescape take it out again
    #[arg(long, value_name = "NAME@.KIND", conflicts_with = "mangle")]
    pub template: Option<String>,
    /// With --unescape: take the instance out of names
    #[arg(long, requires = "unescape", conflicts_with = "template")]
    pub instance: bool,
    /// The texts are paths: outer and repeated slashes do not count
    #[arg(short, long, conflicts_with = "mangle")]
    pub path: bool,
    /// The other way round
    #[arg(short, long, conflicts_with = "mangle")]
    pub unescape: bool,
    /// Make unit names of whatever was typed: paths become mounts and devices, `.service` is added
    #[arg(short, long)]
    pub mangle: bool,
}
