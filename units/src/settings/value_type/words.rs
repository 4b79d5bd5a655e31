//! The settings whose value is one of a few words.

use super::{Shape, Typed, Value, ValueType, mismatch, scalar};
use crate::value::{
    CollectMode, EmergencyAction, EventResults, ExitType, Facility, JobMode, KillMode, LogLevel,
    NotifyAccess, OomPolicy, Preserve, Restart, RestartMode, ServiceType, TimeoutFailureMode,
    ValueProblem,
};

/// Markers for settings that are one of a few words.
macro_rules! word_types {
    ($($marker:ident -> $enum:ident: $name:literal;)+) => {
        pub(super) mod markers {
            $(pub(in crate::settings) struct $marker;)+
        }

        $(
            impl Typed for markers::$marker {
                type Lent<'a> = $enum;
                const TYPE: ValueType = ValueType {
                    name: $name,
                    grammar: "one word",
                    words: $enum::WORDS,
                    meanings: $enum::MEANINGS,
                    shape: Shape::Text,
                    is_list: false,
                    read: |items, expand| scalar(items, expand, |text| {
                        match $enum::from_word(text) {
                            Some(word) => Ok(Value::Word(word.as_str())),
                            None => Err(ValueProblem::unknown_word($name, text, $enum::WORDS)),
                        }
                    }),
                };

                fn lend(value: &Value) -> Self::Lent<'_> {
                    match value {
                        Value::Word(word) => $enum::from_word(word)
                            .unwrap_or_else(|| mismatch(value)),
                        other => mismatch(other),
                    }
                }
            }
        )+
    };
}

word_types! {
    Type -> ServiceType: "service type";
    RestartPolicy -> Restart: "restart policy";
    Killing -> KillMode: "kill mode";
    Notifiers -> NotifyAccess: "notify access";
    Results -> EventResults: "accepted results";
    Queueing -> JobMode: "job mode";
    Action -> EmergencyAction: "action";
    Collection -> CollectMode: "collect mode";
    Preserved -> Preserve: "preservation";
    SyslogFacility -> Facility: "syslog facility";
    SyslogLevel -> LogLevel: "log level";
    RestartWay -> RestartMode: "restart mode";
    ExitMeaning -> ExitType: "exit type";
    TimeoutAnswer -> TimeoutFailureMode: "answer to a time-out";
    OomAnswer -> OomPolicy: "answer to a want of memory";
}
