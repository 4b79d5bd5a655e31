//! Options of `run`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The name of the unit, instead of one made up
    #[arg(short, long, value_name = "NAME")]
    pub unit: Option<String>,
    /// What the unit is, instead of its command line
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Set a setting of the service, by systemd's name or ours, such as `MemoryMax=64M`
    #[arg(short, long = "property", value_name = "KEY=VALUE")]
    pub properties: Vec<String>,
    /// Set a variable; without `=VALUE`, to what it is here
    #[arg(short = 'E', long = "setenv", value_name = "NAME[=VALUE]")]
    pub environment: Vec<String>,
    /// Run as this user
    #[arg(long, value_name = "USER")]
    pub uid: Option<String>,
    /// Run as this group
    #[arg(long, value_name = "GROUP")]
    pub gid: Option<String>,
    /// Run in this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub working_directory: Option<PathBuf>,
    /// Wait until the service has ended, and end as it did
    #[arg(long, conflicts_with = "no_block")]
    pub wait: bool,
    /// Give it our standard input, output and error, and wait as with --wait
    #[arg(short = 'P', long, conflicts_with = "no_block")]
    pub pipe: bool,
    /// Do not even wait until it is started
    #[arg(long)]
    pub no_block: bool,
    /// Forget the unit when it has ended, also if it failed
    #[arg(short = 'G', long)]
    pub collect: bool,
    /// Start it at these moments (systemd.time(7))
    #[arg(long, value_name = "EXPRESSION", conflicts_with_all = ["wait", "pipe"])]
    pub on_calendar: Vec<String>,
    /// Start it so long from now
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["wait", "pipe"])]
    pub on_active: Vec<String>,
    /// Start it so long after the machine was booted
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["wait", "pipe"])]
    pub on_boot: Vec<String>,
    /// Start it so long after runnerd was started
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["wait", "pipe"])]
    pub on_startup: Vec<String>,
    /// Start it so long after it was last started
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["wait", "pipe"])]
    pub on_unit_active: Vec<String>,
    /// Start it so long after it last ended
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["wait", "pipe"])]
    pub on_unit_inactive: Vec<String>,
    /// Set a setting of the timer
    #[arg(long = "timer-property", value_name = "KEY=VALUE")]
    pub timer_properties: Vec<String>,
    /// The command, each word as it stands: runnerd replaces no variables in it
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<String>,
}

impl RunArgs {
    /// Whether the command is waited for.
    pub fn waits(&self) -> bool {
        self.wait || self.pipe
    }

    /// What the timer is to be, if there is to be one: settings and values.
    pub fn timers(&self) -> Option<Vec<(&str, &str)>> {
        let bases = [
            ("OnCalendar", &self.on_calendar),
            ("OnActiveSec", &self.on_active),
            ("OnBootSec", &self.on_boot),
            ("OnStartupSec", &self.on_startup),
            ("OnUnitActiveSec", &self.on_unit_active),
            ("OnUnitInactiveSec", &self.on_unit_inactive),
        ];
        let moments: Vec<(&str, &str)> = bases
            .iter()
            .flat_map(|(name, texts)| texts.iter().map(|text| (*name, text.as_str())))
            .collect();
        let more = self.timer_properties.iter();
        let more = more.filter_map(|property| property.split_once('='));
        (!moments.is_empty()).then(|| moments.into_iter().chain(more).collect())
    }
}
