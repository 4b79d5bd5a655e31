//! A definition: what somebody wrote about one unit, merged and resolved. It is sparse: only
//! settings that were written take room, the rest are the table's defaults.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dependency::Dependency;
use crate::diagnostic::{Diagnostic, Place};
use crate::name::{UnitKind, UnitName};
use crate::settings::{SettingId, Value, default_of};
use crate::value::{
    Input, KeyringMode, ListenAddress, ListenKind, NotifyAccess, PathCheck, ServiceType, Signal,
    Span, TimerBase,
};

/// What stands for the file in the place of what a slice that is in none says.
const SLICE_WITHOUT_FILE: &str = "(slice)";

/// One text as written, and where. A scalar has one, a list one for each line or array element.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Item {
    /// The text, specifiers and variables as they stand. Where an array of words was written, the
    /// words are quoted to one line.
    pub text: Box<str>,
    /// Where it stands.
    pub place: Place,
}

/// One setting of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: SettingId,
    pub(crate) value: Value,
    pub(crate) items: Box<[Item]>,
}

impl Entry {
    /// Whether both say the same, wherever they say it.
    pub(crate) fn says_the_same(&self, other: &Entry) -> bool {
        self.id == other.id && self.value == other.value
    }
}

/// A setting of a record that this build does not know; carried over unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownEntry {
    pub(crate) key: Box<str>,
    pub(crate) items: Box<[Item]>,
}

/// The files a definition was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The unit file; `None` for a built-in unit.
    pub fragment: Option<Arc<str>>,
    /// The drop-ins, in the order they were applied.
    pub drop_ins: Box<[Arc<str>]>,
}

/// Whether a definition can be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LoadState {
    /// It can.
    #[default]
    Loaded,
    /// There is no such unit.
    NotFound,
    /// A setting is wrong; the diagnostics say which and why.
    BadSetting(Arc<[Diagnostic]>),
    /// It is linked to `/dev/null`.
    Masked,
    /// Its file could not be read.
    Error(Arc<[Diagnostic]>),
}

impl LoadState {
    /// systemd's word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            LoadState::Loaded => "loaded",
            LoadState::NotFound => "not-found",
            LoadState::BadSetting(_) => "bad-setting",
            LoadState::Masked => "masked",
            LoadState::Error(_) => "error",
        }
    }

    /// What is wrong, where something is.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            LoadState::BadSetting(found) | LoadState::Error(found) => found,
            LoadState::Loaded | LoadState::NotFound | LoadState::Masked => &[],
        }
    }
}

/// Everything that was written about one unit. Accessors named like the settings, with defaults
/// filled in, come from the settings table.
#[derive(Debug, Clone)]
pub struct Definition {
    pub(crate) name: UnitName,
    pub(crate) load_state: LoadState,
    pub(crate) origin: Origin,
    /// What was written, sorted by setting; of an instance only what differs from its template.
    pub(crate) entries: Box<[Entry]>,
    /// What an instance was made from.
    pub(crate) template: Option<Arc<Definition>>,
    pub(crate) unknown: Box<[UnknownEntry]>,
    /// Other names it goes by.
    pub(crate) aliases: Box<[UnitName]>,
}

/// Equal when the same was written in the same places, whether an instance still shares it with its
/// template or not.
impl PartialEq for Definition {
    fn eq(&self, other: &Definition) -> bool {
        self.name == other.name
            && self.load_state == other.load_state
            && self.origin == other.origin
            && self.unknown == other.unknown
            && self.aliases == other.aliases
            && self.all_entries() == other.all_entries()
    }
}

impl Definition {
    /// A definition in which nothing is set: built-in targets, and units nobody defined.
    pub(crate) fn empty(name: UnitName, load_state: LoadState) -> Definition {
        Definition {
            name,
            load_state,
            origin: Origin::default(),
            entries: Box::default(),
            template: None,
            unknown: Box::default(),
            aliases: Box::default(),
        }
    }

    /// The definition of a slice that is in no file: any name that can be one's is a slice. `None`
    /// for every other name.
    pub(crate) fn slice_without_file(name: &UnitName) -> Option<Definition> {
        let text = format!("Slice {}", name.slice_path()?);
        let place = Place::file(SLICE_WITHOUT_FILE);
        let description = Entry {
            id: SettingId::Description,
            value: Value::Text(text.as_str().into()),
            items: [Item {
                text: text.as_str().into(),
                place,
            }]
            .into(),
        };
        Some(Definition {
            entries: [description].into(),
            ..Definition::empty(name.clone(), LoadState::Loaded)
        })
    }

    /// Whether it is of a slice that is in no file, and that nobody defined either.
    pub fn is_slice_without_file(&self) -> bool {
        let place = self.place(SettingId::Description);
        self.kind() == UnitKind::Slice
            && place.is_some_and(|place| &*place.path == SLICE_WITHOUT_FILE)
    }

    /// The definition of a unit nobody defined: its load state is [`LoadState::NotFound`].
    pub fn not_found(name: UnitName) -> Definition {
        Definition::empty(name, LoadState::NotFound)
    }

    /// The unit's name.
    pub fn name(&self) -> &UnitName {
        &self.name
    }

    /// Other names it goes by: links to its file.
    pub fn aliases(&self) -> &[UnitName] {
        &self.aliases
    }

    /// What kind of unit it is.
    pub fn kind(&self) -> UnitKind {
        self.name.kind()
    }

    /// The files it was made from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it can be used.
    pub fn load_state(&self) -> &LoadState {
        &self.load_state
    }

    /// Whether it can be used: [`LoadState::Loaded`].
    pub fn is_loaded(&self) -> bool {
        self.load_state == LoadState::Loaded
    }

    pub(crate) fn entry(&self, id: SettingId) -> Option<&Entry> {
        let own = self.entries.binary_search_by_key(&id, |entry| entry.id);
        match own {
            Ok(at) => self.entries.get(at),
            Err(_) => self.template.as_ref()?.entry(id),
        }
    }

    /// Whether a setting from `first` to `last` is set.
    pub(crate) fn sets_any_in(&self, first: SettingId, last: SettingId) -> bool {
        let from = self.entries.partition_point(|entry| entry.id < first);
        let own = self.entries.get(from).is_some_and(|entry| entry.id <= last);
        let of_template = || {
            self.template
                .as_ref()
                .map(|unit| unit.sets_any_in(first, last))
        };
        own || of_template().unwrap_or(false)
    }

    /// Every entry, those of the template included, sorted by setting.
    pub(crate) fn all_entries(&self) -> Vec<&Entry> {
        let mut all: Vec<&Entry> = self.entries.iter().collect();
        if let Some(template) = &self.template {
            let own = |entry: &&Entry| self.entries.iter().any(|held| held.id == entry.id);
            all.extend(
                template
                    .all_entries()
                    .into_iter()
                    .filter(|entry| !own(entry)),
            );
            crate::sort::by_key(&mut all, |entry| entry.id);
        }
        all
    }

    /// The value of a setting, or its default.
    pub fn value(&self, id: SettingId) -> &Value {
        self.entry(id)
            .map_or_else(|| default_of(id), |entry| &entry.value)
    }

    /// Whether somebody wrote this setting.
    pub fn is_set(&self, id: SettingId) -> bool {
        self.entry(id).is_some()
    }

    /// The texts of a setting as written, with their places; empty where nobody wrote it.
    pub fn items(&self, id: SettingId) -> &[Item] {
        self.entry(id).map_or(&[], |entry| &entry.items)
    }

    /// A setting as it was written, a list one line for each item.
    pub fn written(&self, id: SettingId) -> Option<Cow<'_, str>> {
        match self.items(id) {
            [] => None,
            [one] => Some(Cow::Borrowed(&one.text)),
            several => {
                let texts: Vec<&str> = several.iter().map(|item| &*item.text).collect();
                Some(Cow::Owned(texts.join("\n")))
            }
        }
    }

    /// Where a setting was written, first.
    pub fn place(&self, id: SettingId) -> Option<&Place> {
        self.items(id).first().map(|item| &item.place)
    }

    /// The settings somebody wrote, in the order of the table, with their values.
    pub fn set_settings(&self) -> impl Iterator<Item = (SettingId, &Value)> {
        self.all_entries()
            .into_iter()
            .map(|entry| (entry.id, &entry.value))
    }

    /// The settings whose values differ between two definitions; places do not count.
    pub fn changed_settings(&self, other: &Definition) -> Vec<SettingId> {
        let (mine, others) = (self.all_entries(), other.all_entries());
        let says = |definition: &Definition, entry: &Entry| {
            definition
                .entry(entry.id)
                .is_some_and(|found| found.says_the_same(entry))
        };
        let mut changed: Vec<SettingId> = mine
            .iter()
            .filter(|entry| !says(other, entry))
            .chain(others.iter().filter(|entry| !says(self, entry)))
            .map(|entry| entry.id)
            .collect();
        crate::sort::all(&mut changed);
        changed.dedup();
        changed
    }

    /// When the service counts as started; `oneshot` where there is no `exec-start` and nobody says
    /// otherwise.
    pub fn service_type(&self) -> ServiceType {
        if self.is_set(SettingId::Type) || !self.exec_start().is_empty() {
            self.written_type()
        } else {
            ServiceType::Oneshot
        }
    }

    /// Whose kernel keyring the commands see, where somebody or the kind of unit says.
    pub fn keyring(&self) -> KeyringMode {
        let unset = match self.kind() {
            _ if self.inherit_environment() => KeyringMode::Inherit,
            // As systemd.
            UnitKind::Socket => KeyringMode::Shared,
            _ => KeyringMode::Private,
        };
        self.keyring_mode().unwrap_or(unset)
    }

    /// How long each part of a start may take; [`Span::INFINITY`] where there is no limit.
    pub fn timeout_start_sec(&self) -> Span {
        let unset = !self.is_set(SettingId::TimeoutStartSec);
        if unset && self.service_type() == ServiceType::Oneshot {
            Span::INFINITY
        } else {
            self.written_timeout_start_sec().zero_is_infinite()
        }
    }

    /// How long each part of a stop may take; [`Span::INFINITY`] where there is no limit.
    pub fn timeout_stop_sec(&self) -> Span {
        self.written_timeout_stop_sec().zero_is_infinite()
    }

    /// How long an aborted service may take; [`Span::INFINITY`] where there is no limit.
    pub fn timeout_abort_sec(&self) -> Span {
        match self.written_timeout_abort_sec() {
            Some(span) => span.zero_is_infinite(),
            None => self.timeout_stop_sec(),
        }
    }

    /// How long the service or scope may run; [`Span::INFINITY`] where there is no limit.
    pub fn runtime_max_sec(&self) -> Span {
        if self.kind() == UnitKind::Service && self.service_type() == ServiceType::Oneshot {
            Span::INFINITY
        } else {
            self.written_runtime_max_sec().zero_is_infinite()
        }
    }

    /// Whether there is a way to make the service read its configuration again.
    pub fn can_reload(&self) -> bool {
        self.service_type() == ServiceType::NotifyReload || !self.exec_reload().is_empty()
    }

    /// How often the service must show that it is alive; `None` where it need not.
    pub fn watchdog_sec(&self) -> Option<Span> {
        Some(self.written_watchdog_sec()).filter(|span| !span.is_zero() && !span.is_infinite())
    }

    /// How long a job of the unit may take from when it is queued; [`Span::INFINITY`] where there is
    /// no limit.
    pub fn job_timeout_sec(&self) -> Span {
        self.written_job_timeout_sec().zero_is_infinite()
    }

    /// The same from when it runs. Where only the other limit is set, it counts here as well.
    pub fn job_running_timeout_sec(&self) -> Span {
        if self.is_set(SettingId::JobRunningTimeoutSec) {
            self.written_job_running_timeout_sec().zero_is_infinite()
        } else {
            self.job_timeout_sec()
        }
    }

    /// Where standard input comes from: what is written for it, where nothing else is said.
    pub fn standard_input(&self) -> &Input {
        let has_data =
            !self.standard_input_text().is_empty() || !self.standard_input_data().is_empty();
        match self.written_standard_input() {
            Input::Null if has_data => &Input::Data,
            input => input,
        }
    }

    /// The signal that asks the service to stop when it is to be started again.
    pub fn restart_kill_signal(&self) -> Signal {
        self.written_restart_kill_signal()
            .unwrap_or_else(|| self.kill_signal())
    }

    /// Whose notify messages are believed: at least the main process's where the service has to
    /// send some.
    pub fn notify_access(&self) -> NotifyAccess {
        let needed = self.service_type().says_ready()
            || self.watchdog_sec().is_some()
            || self.file_descriptor_store_max() > 0;
        match self.written_notify_access() {
            NotifyAccess::None if needed => NotifyAccess::Main,
            access => access,
        }
    }

    /// The name the service sees for the socket's descriptors.
    pub fn file_descriptor_name(&self) -> &str {
        self.written_file_descriptor_name()
            .unwrap_or(self.name.as_str())
    }

    /// How long a command of a socket may take; [`Span::INFINITY`] where there is no limit.
    pub fn timeout_sec(&self) -> Span {
        self.written_timeout_sec().zero_is_infinite()
    }

    /// How often something may be there to be read within `poll-limit-interval-sec`; 0 is no limit.
    pub fn poll_limit_burst(&self) -> u32 {
        let default = if self.accept() { 150 } else { 15 };
        self.written_poll_limit_burst().unwrap_or(default)
    }

    /// How many activations are allowed within `trigger-limit-interval-sec`; 0 is no limit.
    pub fn trigger_limit_burst(&self) -> u32 {
        let many = self.kind() == UnitKind::Path || self.accept();
        let default = if many { 200 } else { 20 };
        self.written_trigger_limit_burst().unwrap_or(default)
    }

    /// Every address of a socket, in the order its descriptors are passed on: that in which they
    /// are written, in the unit file and then in each drop-in.
    pub fn listen(&self) -> impl Iterator<Item = (ListenKind, &ListenAddress)> {
        const SETTINGS: [(ListenKind, SettingId); 7] = [
            (ListenKind::Stream, SettingId::ListenStream),
            (ListenKind::Datagram, SettingId::ListenDatagram),
            (
                ListenKind::SequentialPacket,
                SettingId::ListenSequentialPacket,
            ),
            (ListenKind::Fifo, SettingId::ListenFifo),
            (ListenKind::Special, SettingId::ListenSpecial),
            (ListenKind::Netlink, SettingId::ListenNetlink),
            (ListenKind::MessageQueue, SettingId::ListenMessageQueue),
        ];
        let file = |place: &Place| {
            let files = self.origin.drop_ins.iter();
            let at = files.clone().position(|file| **file == *place.path);
            at.map_or(0, |at| at + 1)
        };
        let mut found = Vec::new();
        for (kind, id) in SETTINGS {
            let Value::Addresses(addresses) = self.value(id) else {
                continue;
            };
            let items = self.items(id);
            for (at, address) in addresses.iter().enumerate() {
                // One address an item, so where there are other numbers nobody wrote it.
                let place = items.get(at).map(|item| &item.place);
                let place = place.map(|place| (file(place), place.line, place.column));
                found.push((place, kind, address));
            }
        }
        crate::sort::by_key(&mut found, |(place, ..)| *place);
        found.into_iter().map(|(_, kind, address)| (kind, address))
    }

    /// The moments of a timer that count from something that happened.
    pub fn timer_spans(&self) -> impl Iterator<Item = (TimerBase, Span)> {
        let of = |base: TimerBase, spans: &[Span]| -> Vec<(TimerBase, Span)> {
            spans.iter().map(|span| (base, *span)).collect()
        };
        of(TimerBase::Active, self.on_active_sec())
            .into_iter()
            .chain(of(TimerBase::Boot, self.on_boot_sec()))
            .chain(of(TimerBase::Startup, self.on_startup_sec()))
            .chain(of(TimerBase::UnitActive, self.on_unit_active_sec()))
            .chain(of(TimerBase::UnitInactive, self.on_unit_inactive_sec()))
    }

    /// What a path unit looks for, and where.
    pub fn watched_paths(&self) -> impl Iterator<Item = (PathCheck, &str)> {
        fn of(check: PathCheck, paths: &[Box<str>]) -> impl Iterator<Item = (PathCheck, &str)> {
            paths.iter().map(move |path| (check, &**path))
        }
        of(PathCheck::Exists, self.path_exists())
            .chain(of(PathCheck::ExistsGlob, self.path_exists_glob()))
            .chain(of(PathCheck::Changed, self.path_changed()))
            .chain(of(PathCheck::Modified, self.path_modified()))
            .chain(of(PathCheck::DirectoryNotEmpty, self.directory_not_empty()))
    }

    /// The slice the unit is in: the one it names, else that of its template or of the machine's
    /// services; of a slice the one above it. `None` for the root slice and for kinds that have no
    /// processes.
    pub fn slice(&self) -> Option<UnitName> {
        match self.kind() {
            UnitKind::Slice => self.name.slice_above(),
            UnitKind::Service | UnitKind::Socket | UnitKind::Scope => Some(
                self.written_slice()
                    .cloned()
                    .unwrap_or_else(|| self.name.slice_by_default()),
            ),
            _ => None,
        }
    }

    /// The unit that a socket, timer or path starts. `None` for other kinds, and where
    /// [`Definition::service`] is none.
    pub fn triggered_unit(&self) -> Option<UnitName> {
        match self.kind() {
            UnitKind::Timer | UnitKind::Path => match self.written_unit() {
                Some(name) => Some(name.clone()),
                None => self.name.with_kind(UnitKind::Service).ok(),
            },
            _ => self.service(),
        }
    }

    /// The service a socket starts; with `accept` the template of which each connection gets an
    /// instance. `None` for other kinds, for a socket that only listens (`activates = false`), and for
    /// an instance or template of a socket with `accept`, which cannot be.
    pub fn service(&self) -> Option<UnitName> {
        if self.kind() != UnitKind::Socket || !self.activates() {
            return None;
        }
        if self.accept() {
            let plain = !self.name.is_template() && self.name.instance().is_none();
            return plain
                .then(|| UnitName::build(self.name.prefix(), Some(""), UnitKind::Service).ok())?;
        }
        match self.written_service() {
            Some(name) => Some(name.clone()),
            None => self.name.with_kind(UnitKind::Service).ok(),
        }
    }
}

impl Definition {
    /// The dependencies that follow from the definition alone: those written, those of a socket and
    /// its service, and those that nearly every unit has (`default-dependencies`). Which a template
    /// would have is not known.
    pub fn ties(&self) -> Vec<(Dependency, UnitName)> {
        if self.name.is_template() {
            return Vec::new();
        }
        let written = |word: &Dependency| {
            let setting = word
                .setting()
                .filter(|id| !id.row().is_install() || self.installs_itself());
            let names = setting.map_or(&[][..], |id| self.names_of(id));
            let word = *word;
            names.iter().map(move |other| (word, other.clone()))
        };
        let mut ties: Vec<_> = Dependency::ALL.iter().flat_map(written).collect();
        for socket in self.sockets() {
            ties.push((Dependency::Wants, socket.clone()));
            ties.push((Dependency::After, socket.clone()));
        }
        if self.kind() == UnitKind::Service
            && self.service_type() == ServiceType::Dbus
            && let Ok(socket) = UnitName::build("dbus", None, UnitKind::Socket)
        {
            // Wanted, not required as by systemd: the bus may be another unit's, or nobody's here.
            ties.push((Dependency::Wants, socket.clone()));
            ties.push((Dependency::After, socket));
        }
        if !self.accept()
            && let Some(triggered) = self.triggered_unit()
        {
            ties.push((Dependency::Triggers, triggered.clone()));
            ties.push((Dependency::Before, triggered));
        }
        if self.is_loaded()
            && let Some(slice) = self.slice()
        {
            ties.push((Dependency::Requires, slice.clone()));
            ties.push((Dependency::After, slice));
        }
        if self.is_loaded() && self.default_dependencies() {
            ties.extend(self.default_ties());
        }
        ties
    }

    /// What nearly every unit of its kind needs (systemd.service(5) and its like, "Default
    /// Dependencies").
    fn default_ties(&self) -> impl Iterator<Item = (Dependency, UnitName)> {
        use Dependency::{After, Before, Conflicts, Requires};
        const START: &[(Dependency, &str)] = &[(Requires, "sysinit"), (After, "sysinit")];
        const END: &[(Dependency, &str)] = &[(Conflicts, "shutdown"), (Before, "shutdown")];
        let own: &[(Dependency, &str)] = match self.kind() {
            UnitKind::Service => &[(After, "basic")],
            UnitKind::Socket => &[(Before, "sockets")],
            UnitKind::Timer => &[(Before, "timers")],
            UnitKind::Path => &[(Before, "paths")],
            _ => &[],
        };
        let start = if own.is_empty() { &[] } else { START };
        let end = match self.kind() {
            UnitKind::Service
            | UnitKind::Socket
            | UnitKind::Timer
            | UnitKind::Path
            | UnitKind::Target
            | UnitKind::Scope
            | UnitKind::Slice => END,
            _ => &[],
        };
        [start, own, end]
            .into_iter()
            .flatten()
            .filter_map(|(word, stem)| {
                let target = UnitName::build(stem, None, UnitKind::Target).ok()?;
                Some((*word, target))
            })
            .filter(|(_, target)| *target != self.name)
    }

    /// The unit names of a setting that holds some; none for every other setting.
    pub(crate) fn names_of(&self, id: SettingId) -> &[UnitName] {
        match self.value(id) {
            Value::Names(names) => names,
            _ => &[],
        }
    }
}
