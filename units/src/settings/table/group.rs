//! Groups, their order, and event listeners: supervisord's notions, as settings of a service.

use crate::value::{EventResults, Span};

settings! {
    after super::log::END;

    /// The place of the service within its group, for clients that ask for the whole group.
    ///
    /// Lower numbers come first. A service named `GROUP:NAME` is in that group, any other one is
    /// in a group of its own.
    Priority: Service "priority" = ours,
        pub priority -> i32 as Integer, default "999";

    /// The place of the service's group among all groups.
    ///
    /// Groups with lower numbers are begun with at boot, without waiting for each other; at
    /// shutdown those with higher numbers are stopped first, and are waited for.
    GroupPriority: Service "group-priority" = ours,
        pub group_priority -> i32 as Integer, default "999";

    /// The place of the service within its group at boot.
    ///
    /// Services of one group are begun with in this order, without waiting for each other.
    GroupPosition: Service "group-position" = ours,
        pub group_position -> u32 as Count, default "0";

    /// The events the service is told about, which makes it an event listener.
    ///
    /// supervisord's names (`PROCESS_STATE`, `TICK_60`, `EVENT` …). It is told over standard input
    /// and answers on standard output, by supervisord's protocol; the listeners of one group share
    /// the events. `standard-input` has to be `pipe`.
    EventTypes: Service "event-types" = ours,
        pub event_types -> &[Box<str>] as Texts, default "";

    /// How many events may wait for the listeners of the group.
    ///
    /// When one more comes the oldest is dropped, and the log says so.
    EventBufferSize: Service "event-buffer-size" = ours,
        pub event_buffer_size -> u32 as Count, default "10";

    /// Which results of the service accept an event.
    ///
    /// A listener answers `RESULT`, a length and a text. `OK` accepts the event, and any other text
    /// rejects it: it is told again. With `any` every text accepts it, for listeners that were
    /// written for a result handler of their own.
    EventResults: Service "event-results" = ours,
        pub event_results -> EventResults as Results, default "ok";

    /// How long the service may take over an event.
    ///
    /// One that has not answered by then is told no more events until it is started again, and its
    /// event goes to another listener of the group.
    EventTimeoutSec: Service "event-timeout-sec" = ours,
        pub event_timeout_sec -> Span as Duration, default "1h";

    /// The address of the XML-RPC server, for the service's own use.
    ///
    /// It is in `SUPERVISOR_SERVER_URL`, beside `SUPERVISOR_ENABLED`, `SUPERVISOR_PROCESS_NAME` and
    /// `SUPERVISOR_GROUP_NAME`. `auto` is the first server runnerd has. Without this setting none of
    /// these variables is set.
    ServerUrl: Service "server-url" = ours,
        pub server_url -> &str as Text, default "";
}
