//! What must fit together within one unit. systemd refuses the same combinations.

use crate::definition::Definition;
use crate::dependency::Dependency;
use crate::diagnostic::{Diagnostic, Place};
use crate::name::UnitKind;
use crate::settings::{SettingId, Value};
use crate::value::{
    ExitSet, ExitType, Input, ListenAddress, ListenKind, Output, Restart, ServiceType,
    SocketProtocol,
};

/// Checks a definition whose settings could all be read and whose table begins at `place`.
pub(crate) fn definition(definition: &Definition, place: &Place) -> Vec<Diagnostic> {
    let mut found = Findings {
        definition,
        place,
        diagnostics: Vec::new(),
    };
    match definition.kind() {
        UnitKind::Service => {
            found.commands();
            found.restarts();
            found.logs();
            found.starts();
            found.listener();
            found.others_of_service();
        }
        UnitKind::Socket => found.socket(),
        UnitKind::Timer => found.timer(),
        UnitKind::Path => found.path(),
        _ => {}
    }
    found.dependencies();
    found.diagnostics
}

struct Findings<'a> {
    definition: &'a Definition,
    place: &'a Place,
    diagnostics: Vec<Diagnostic>,
}

impl Findings<'_> {
    /// Where `id` was written, else where the unit is.
    fn place(&self, id: SettingId) -> Place {
        self.definition.place(id).unwrap_or(self.place).clone()
    }

    fn error(&mut self, id: SettingId, message: impl Into<String>) -> &mut Diagnostic {
        let found = Diagnostic::error(self.place(id), message).about(self.definition.name());
        self.push(found)
    }

    fn warn(&mut self, id: SettingId, message: impl Into<String>) -> &mut Diagnostic {
        let found = Diagnostic::warning(self.place(id), message).about(self.definition.name());
        self.push(found)
    }

    fn push(&mut self, found: Diagnostic) -> &mut Diagnostic {
        let at = self.diagnostics.len();
        self.diagnostics.push(found);
        &mut self.diagnostics[at]
    }

    fn commands(&mut self) {
        let unit = self.definition;
        let name = unit.name();
        let kind = unit.service_type();
        match (unit.exec_start().len(), kind) {
            (0, _) if unit.exec_stop().is_empty() => {
                let message = format!("{name} has no `exec-start`");
                self.error(SettingId::ExecStart, message).hint =
                    Some("write the command it runs: exec-start = \"/usr/bin/program\"".into());
            }
            (0, ServiceType::Oneshot) if !unit.remain_after_exit() => {
                let message = format!(
                    "{name} has no `exec-start`, which needs `remain-after-exit = true` so that there is something to stop"
                );
                self.error(SettingId::ExecStop, message);
            }
            (0, ServiceType::Oneshot) => {}
            (0, _) => {
                let message =
                    format!("{name} has no `exec-start`, which only a `oneshot` can do without");
                self.error(SettingId::Type, message);
            }
            (count, kind) if count > 1 && kind != ServiceType::Oneshot => {
                let message = format!(
                    "`exec-start` has {count} commands, which only a `oneshot` runs in turn"
                );
                self.error(SettingId::ExecStart, message).hint = Some(
                    "write commands that go before it in `exec-start-pre`, or set type = \"oneshot\""
                        .into(),
                );
            }
            _ => {}
        }
    }

    fn restarts(&mut self) {
        let unit = self.definition;
        let policy = unit.restart();
        let oneshot = unit.service_type() == ServiceType::Oneshot;
        if oneshot && matches!(policy, Restart::Always | Restart::OnSuccess) {
            let message = format!(
                "`restart` is {policy}, which a `oneshot` that ends well would do for ever"
            );
            self.error(SettingId::Restart, message).hint =
                Some("a `oneshot` can have restart = \"on-failure\"".into());
        }
        if oneshot && *unit.restart_force_exit_status() != ExitSet::default() {
            let message = "`restart-force-exit-status` is not for a `oneshot`, whose end is no reason to run it again";
            self.error(SettingId::RestartForceExitStatus, message).hint =
                Some("a `oneshot` can have restart = \"on-failure\"".into());
        }
        let (first, longest) = (unit.restart_sec(), unit.restart_max_delay_sec());
        if unit.restart_steps() > 0 && longest.is_infinite() {
            self.warn(
                SettingId::RestartSteps,
                "`restart-steps` does nothing without `restart-max-delay-sec`",
            );
        }
        if unit.restart_steps() == 0 && unit.is_set(SettingId::RestartMaxDelaySec) {
            self.warn(
                SettingId::RestartMaxDelaySec,
                "`restart-max-delay-sec` does nothing without `restart-steps`",
            );
        }
        if unit.restart_steps() > 0 && first > longest {
            let message = format!(
                "`restart-max-delay-sec` is {longest}, less than `restart-sec`, which is {first}"
            );
            self.error(SettingId::RestartMaxDelaySec, message);
        }
    }

    fn starts(&mut self) {
        let unit = self.definition;
        let kind = unit.service_type();
        let says_itself = !matches!(kind, ServiceType::Simple | ServiceType::Exec);
        if unit.is_set(SettingId::ReadyAfter) && !unit.ready_after().is_zero() && says_itself {
            let message = format!("`ready-after` does nothing for type = \"{kind}\"");
            self.warn(SettingId::ReadyAfter, message).hint =
                Some("only `simple` and `exec` count as started once they stayed up".into());
        }
        if unit.ready_after().is_infinite() {
            let message = "`ready-after` is infinite, so it would never count as started";
            self.error(SettingId::ReadyAfter, message);
        }
        self.probe();
        let unit = self.definition;
        if unit.service_type() == ServiceType::Idle && unit.ready_probe().is_some() {
            let message =
                "an `idle` service counts as started at once, so nobody would wait for its probe";
            self.error(SettingId::ReadyProbe, message).hint = Some("set another `type`".into());
        }
        if unit.is_set(SettingId::StartRetrySec) && unit.start_retries().is_none() {
            self.warn(
                SettingId::StartRetrySec,
                "`start-retry-sec` does nothing without `start-retries`",
            );
        }
        if unit.start_retry_sec().is_infinite() {
            let message = "`start-retry-sec` is infinite, so no start would be tried again";
            self.error(SettingId::StartRetrySec, message).hint =
                Some("start-retries = 0 tries no start again".into());
        }
        for socket in unit.sockets() {
            if socket.kind() != UnitKind::Socket {
                let message = format!("`sockets` names {socket}, which is no socket");
                self.error(SettingId::Sockets, message);
            }
        }
    }

    /// A probe that can succeed, and attempts that are made.
    fn probe(&mut self) {
        let unit = self.definition;
        let details = [
            SettingId::ReadyProbeIntervalSec,
            SettingId::ReadyProbeTimeoutSec,
        ];
        if unit.ready_probe().is_none() {
            for id in details.into_iter().filter(|id| unit.is_set(*id)) {
                self.warn(id, format!("`{id}` does nothing without `ready-probe`"));
            }
            return;
        }
        if unit.service_type() == ServiceType::Oneshot {
            let message = "a `oneshot` counts as started when its commands have ended, so there is nothing to probe";
            self.error(SettingId::ReadyProbe, message).hint =
                Some("put the check last in `exec-start`, or set another `type`".into());
        }
        let [interval, timeout] = details;
        if unit.ready_probe_interval_sec().is_infinite() {
            let message = format!("`{interval}` is infinite, so there would be one attempt only");
            self.error(interval, message);
        }
        for (id, span) in [
            (interval, unit.ready_probe_interval_sec()),
            (timeout, unit.ready_probe_timeout_sec()),
        ] {
            if span.is_zero() {
                let message = format!("`{id}` is 0, so nobody would have time to answer");
                self.error(id, message).hint = Some("10ms is a short one".into());
            }
        }
    }

    /// What an event listener needs: both ends of the protocol to itself.
    fn listener(&mut self) {
        let unit = self.definition;
        if unit.event_types().is_empty() {
            for id in [SettingId::EventBufferSize, SettingId::EventResults] {
                if unit.is_set(id) {
                    let key = id.key();
                    self.warn(id, format!("`{key}` does nothing without `event-types`"));
                }
            }
            return;
        }
        if unit.standard_input() != &Input::Pipe {
            let message = format!(
                "`event-types` makes {} an event listener, which needs `standard-input = \"pipe\"`",
                unit.name()
            );
            self.error(SettingId::EventTypes, message);
        }
        let joins = match unit.standard_error() {
            Some(target) => *target == Output::Inherit,
            None => unit.error_log_file().is_none(),
        };
        if joins {
            let message = "an event listener answers on its standard output, so `standard-error` cannot go there";
            self.error(SettingId::StandardError, message).hint =
                Some("set `error-log-file`, or another `standard-error`".into());
        }
        if unit.event_buffer_size() == 0 {
            self.error(
                SettingId::EventBufferSize,
                "`event-buffer-size` is 0, so every event would be dropped",
            );
        }
    }

    fn logs(&mut self) {
        use SettingId as S;
        let unit = self.definition;
        let output = [
            S::LogFile,
            S::LogMaxSize,
            S::LogBackups,
            S::LogOwner,
            S::LogMode,
        ];
        let error = [
            S::ErrorLogFile,
            S::ErrorLogMaxSize,
            S::ErrorLogBackups,
            S::ErrorLogOwner,
            S::ErrorLogMode,
        ];
        for (stream, target, settings, has_file) in [
            (
                S::StandardOutput,
                unit.standard_output(),
                output,
                unit.log_file().is_some(),
            ),
            (
                S::StandardError,
                unit.standard_error(),
                error,
                unit.error_log_file().is_some(),
            ),
        ] {
            let file = settings[0].key();
            let goes_elsewhere = target.is_some_and(|target| *target != Output::Log);
            if target == Some(&Output::Log) && !has_file {
                self.error(stream, format!("`{stream}` is `log`, which needs `{file}`"));
            }
            for id in settings {
                let own_file = id == settings[0];
                // supervisord's clients are told of these even where there is no file.
                let told = matches!(
                    id,
                    S::LogMaxSize | S::LogBackups | S::ErrorLogMaxSize | S::ErrorLogBackups
                ) && !unit.server_url().is_empty();
                if !unit.is_set(id) || told {
                    continue;
                }
                if goes_elsewhere {
                    self.warn(
                        id,
                        format!("`{id}` does nothing, since `{stream}` goes elsewhere"),
                    );
                } else if !has_file && !own_file {
                    self.warn(id, format!("`{id}` does nothing without `{file}`"));
                }
            }
        }
    }

    fn others_of_service(&mut self) {
        let unit = self.definition;
        let kind = unit.service_type();
        if unit.exit_type() == ExitType::Cgroup && kind == ServiceType::Oneshot {
            let message = "a `oneshot` ends with its commands, which exit-type = \"cgroup\" denies";
            self.error(SettingId::ExitType, message);
        }
        if kind == ServiceType::Dbus && unit.bus_name().is_none() {
            let message = "a `dbus` service has started when its name on the bus has an owner, and there is no `bus-name`";
            self.error(SettingId::Type, message).hint =
                Some("set bus-name = \"org.example.Service\", or another `type`".into());
        }
        let unit = self.definition;
        if unit.is_set(SettingId::RuntimeMaxSec) && kind == ServiceType::Oneshot {
            self.warn(
                SettingId::RuntimeMaxSec,
                "`runtime-max-sec` does nothing for a `oneshot`, which has ended when it counts as started",
            )
            .hint = Some("`timeout-start-sec` limits how long it takes".into());
        }
        if unit.is_set(SettingId::RuntimeRandomizedExtraSec) && unit.runtime_max_sec().is_infinite()
        {
            self.warn(
                SettingId::RuntimeRandomizedExtraSec,
                "`runtime-randomized-extra-sec` does nothing without `runtime-max-sec`",
            );
        }
        if unit.is_set(SettingId::ReloadSignal) && kind != ServiceType::NotifyReload {
            self.warn(
                SettingId::ReloadSignal,
                "`reload-signal` is sent only for type = \"notify-reload\"",
            );
        }
        if unit.is_set(SettingId::FileDescriptorStorePreserve)
            && unit.file_descriptor_store_max() == 0
        {
            self.warn(
                SettingId::FileDescriptorStorePreserve,
                "`file-descriptor-store-preserve` does nothing without `file-descriptor-store-max`",
            );
        }
        if unit.pid_file().is_some() && unit.service_type() != ServiceType::Forking {
            self.warn(
                SettingId::PidFile,
                "`pid-file` is read only for type = \"forking\"",
            );
        }
    }

    fn socket(&mut self) {
        let unit = self.definition;
        let name = unit.name();
        if unit.listen().next().is_none() && !name.is_template() {
            let message = format!("{name} listens on nothing");
            self.error(SettingId::ListenStream, message).hint =
                Some("set `listen-stream`, or another `listen-…`".into());
        }
        let packets_over_inet = unit.socket_protocol() != Some(SocketProtocol::Sctp)
            && unit
                .listen_sequential_packet()
                .iter()
                .any(ListenAddress::is_inet);
        if packets_over_inet {
            self.error(
                SettingId::ListenSequentialPacket,
                "over the internet only SCTP has sequential packets",
            )
            .hint =
                Some("set `socket-protocol = \"sctp\"`, or listen on a path or an @name".into());
        }
        let nodes = unit
            .listen()
            .filter(|(kind, address)| {
                *kind != ListenKind::Special
                    && *kind != ListenKind::MessageQueue
                    && address.as_path().is_some()
            })
            .count();
        if !unit.symlinks().is_empty() && nodes != 1 && !name.is_template() {
            let message = format!(
                "`symlinks` lead to the one socket or pipe in the file system, and {name} has {nodes}"
            );
            self.error(SettingId::Symlinks, message);
        }
        if let Some(service) = unit
            .written_service()
            .filter(|s| s.kind() != UnitKind::Service)
        {
            let message = format!("`service` is {service}, and a socket starts services only");
            self.error(SettingId::Service, message);
        }
        if !unit.activates() {
            if unit.accept() {
                self.error(
                    SettingId::Accept,
                    "`accept = true` starts a service for each connection, which `activates = false` forbids",
                );
            }
            if unit.is_set(SettingId::Service) {
                self.error(
                    SettingId::Service,
                    "`service` names what a connection starts, and `activates = false` says that none does",
                );
            }
        }
        if !unit.accept() {
            if unit.is_set(SettingId::MaxConnections) {
                self.warn(
                    SettingId::MaxConnections,
                    "`max-connections` does nothing without `accept = true`",
                );
            }
            return;
        }
        if name.is_template() || name.instance().is_some() {
            self.error(
                SettingId::Accept,
                "a socket with `accept = true` cannot be a template, since each connection makes an instance",
            );
        }
        if unit.is_set(SettingId::Service) {
            let message = format!(
                "`service` cannot be set with `accept = true`, which starts {}@.service",
                name.prefix()
            );
            self.error(SettingId::Service, message);
        }
        if unit.max_connections() == 0 {
            self.error(
                SettingId::MaxConnections,
                "`max-connections` is 0, so every connection would be refused",
            );
        }
        for id in [
            SettingId::ListenDatagram,
            SettingId::ListenFifo,
            SettingId::ListenSpecial,
            SettingId::ListenNetlink,
            SettingId::ListenMessageQueue,
        ] {
            if matches!(unit.value(id), Value::Addresses(found) if !found.is_empty()) {
                let message = format!("`{id}` makes no connections for `accept = true` to accept");
                self.error(id, message);
            }
        }
    }

    fn timer(&mut self) {
        let unit = self.definition;
        let elapses = unit.timer_spans().next().is_some()
            || !unit.on_calendar().is_empty()
            || unit.on_clock_change()
            || unit.on_timezone_change();
        if !elapses && !unit.name().is_template() {
            let message = format!("{} never elapses", unit.name());
            self.error(SettingId::OnCalendar, message).hint =
                Some("set `on-calendar`, `on-boot-sec`, or another `on-…`".into());
        }
        if unit.persistent() && unit.on_calendar().is_empty() {
            self.warn(
                SettingId::Persistent,
                "`persistent` does nothing without `on-calendar`",
            );
        }
        if unit.fixed_random_delay() && unit.randomized_delay_sec().is_zero() {
            self.warn(
                SettingId::FixedRandomDelay,
                "`fixed-random-delay` does nothing without `randomized-delay-sec`",
            );
        }
        self.triggered();
    }

    fn path(&mut self) {
        let unit = self.definition;
        if unit.watched_paths().next().is_none() && !unit.name().is_template() {
            let message = format!("{} looks for nothing", unit.name());
            self.error(SettingId::PathExists, message).hint =
                Some("set `path-exists`, `path-changed`, or another path".into());
        }
        self.triggered();
    }

    /// What a timer or path starts is of another kind.
    fn triggered(&mut self) {
        let unit = self.definition;
        if let Some(triggered) = unit
            .written_unit()
            .filter(|name| name.kind() == unit.kind())
        {
            let kind = unit.kind();
            let message = format!("`unit` is {triggered}, and a {kind} starts no other {kind}");
            self.error(SettingId::Unit, message);
        }
    }

    fn dependencies(&mut self) {
        let unit = self.definition;
        for id in Dependency::ALL.iter().filter_map(|word| word.setting()) {
            if unit.names_of(id).contains(unit.name()) && !unit.name().is_template() {
                let message = format!("`{id}` names the unit itself, which is left out");
                self.warn(id, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Surroundings, load_texts};

    /// What there is to say about a service with these settings.
    fn said(settings: &str) -> String {
        let text = format!("[service]\nexec-start = '/a'\n{settings}");
        let (_, found) = load_texts(&[("a.toml", &text)], &Surroundings::example());
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn settings_of_supervisords_kind_fit_together() {
        for (settings, wanted) in [
            (
                "type = 'notify'\nready-after = '1s'",
                "warning: `ready-after` does nothing",
            ),
            (
                "ready-after = 'infinity'",
                "error: `ready-after` is infinite",
            ),
            (
                "start-retry-sec = '1s'",
                "warning: `start-retry-sec` does nothing",
            ),
            (
                "type = 'oneshot'\nready-probe = 'tcp:1'",
                "error: a `oneshot` counts as started when its commands have ended",
            ),
            (
                "ready-probe = 'tcp:db.example:1'",
                "error: `ready-probe`: the host name \"db.example\" is not looked up",
            ),
            (
                "ready-probe-timeout-sec = 1",
                "warning: `ready-probe-timeout-sec` does nothing without `ready-probe`",
            ),
            (
                "ready-probe = 'tcp:1'\nready-probe-timeout-sec = 0",
                "error: `ready-probe-timeout-sec` is 0",
            ),
            (
                "ready-probe = 'tcp:1'\nready-probe-interval-sec = 'infinity'",
                "error: `ready-probe-interval-sec` is infinite",
            ),
            (
                "memory-max = '0'",
                "error: `memory-max`: nothing can run without any memory",
            ),
            (
                "event-types = ['TICK_5']\nerror-log-file = '/e'",
                "error: `event-types` makes a.service an event listener",
            ),
            (
                "event-types = ['TICK_5']\nstandard-input = 'pipe'",
                "error: an event listener answers on its standard output",
            ),
            (
                "event-results = \"any\"",
                "warning: `event-results` does nothing without `event-types`",
            ),
            (
                "event-buffer-size = 5",
                "warning: `event-buffer-size` does nothing",
            ),
            (
                "sockets = ['b.socket']",
                "error: `sockets` names b.socket, and there is no such unit",
            ),
            (
                "sockets = ['b.service']",
                "error: `sockets` names b.service, which is no socket",
            ),
            (
                "[socket]\nlisten-stream = '/s'\nactivates = false\nservice = 'a.service'",
                "error: `service` names what a connection starts",
            ),
        ] {
            let found = said(settings);
            assert!(found.contains(wanted), "{settings}: {found}");
        }
        for settings in [
            "ready-after = '1s'\nstart-retries = 3\nstart-retry-sec = '1s'",
            "ready-probe = 'exec:/bin/x %n'\nready-probe-interval-sec = '100ms'",
            "memory-max = '12.5%'",
            "event-types = ['EVENT']\nstandard-input = 'pipe'\nerror-log-file = '/e'",
            "sockets = ['a.socket']\n[socket]\nlisten-stream = '/s'\nactivates = false",
        ] {
            assert_eq!(said(settings), "", "{settings}");
        }
    }
}
