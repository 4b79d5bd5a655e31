//! What the words between units mean. Each word stands for a set of *effects*, and only those are
//! ever acted upon: a decision asks "does this pull in a start?", never "is this Requires?".
//! systemd calls the effects atoms; which word has which is systemd.unit(5)'s semantics.

use serde::{Deserialize, Serialize};

use crate::settings::SettingId;

/// A dependency of one unit on another, in the word of the unit that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dependency {
    /// Cannot do without the other.
    Requires,
    /// Would like to have the other.
    Wants,
    /// Lives and dies with the other.
    BindsTo,
    /// Is stopped and restarted with the other.
    PartOf,
    /// Cannot run beside the other.
    Conflicts,
    /// Starts first.
    Before,
    /// Starts later.
    After,
    /// Needs the other to be up already.
    Requisite,
    /// Keeps the other up.
    Upholds,
    /// Is reloaded, and the other with it.
    PropagatesReloadTo,
    /// Is stopped, and the other with it.
    PropagatesStopTo,
    /// Shares the other's private directories and networks, and the other shares its own.
    JoinsNamespaceOf,
    /// Starts the other when it ends well.
    OnSuccess,
    /// Starts the other when it fails.
    OnFailure,
    /// Starts the other when something arrives.
    Triggers,
    /// Inverse of [`Dependency::Requires`].
    RequiredBy,
    /// Inverse of [`Dependency::Wants`].
    WantedBy,
    /// Inverse of [`Dependency::BindsTo`].
    BoundBy,
    /// Inverse of [`Dependency::PartOf`].
    ConsistsOf,
    /// Inverse of [`Dependency::Conflicts`].
    ConflictedBy,
    /// Inverse of [`Dependency::Requisite`].
    RequisiteOf,
    /// Inverse of [`Dependency::Upholds`].
    UpheldBy,
    /// Inverse of [`Dependency::PropagatesReloadTo`].
    ReloadPropagatedFrom,
    /// Inverse of [`Dependency::PropagatesStopTo`].
    StopPropagatedFrom,
    /// Inverse of [`Dependency::OnSuccess`].
    OnSuccessOf,
    /// Inverse of [`Dependency::OnFailure`].
    OnFailureOf,
    /// Inverse of [`Dependency::Triggers`].
    TriggeredBy,
}

/// One thing a dependency of A on B does. The sentence says what, for A having it on B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Effect {
    /// A start of A starts B, and B's failure to be startable fails A's transaction.
    PullInStart,
    /// A start of A starts B if it can.
    PullInStartIgnored,
    /// A start of A verifies that B is active, and fails if it is not.
    PullInVerify,
    /// A start of A stops B, and if B cannot be stopped A's transaction fails.
    PullInStop,
    /// A start of A stops B if it can.
    PullInStopIgnored,
    /// When A's start job fails, B's start job fails with result `dependency`.
    PropagateStartFailure,
    /// The same, where A's start job is done and A is not active: its conditions did not hold.
    PropagateSkippedStart,
    /// A stop of A stops B.
    PropagateStop,
    /// A restart of A restarts B if it is active.
    PropagateRestart,
    /// A reload of A reloads B if it is active.
    PropagateReload,
    /// When A becomes inactive by itself, B is stopped.
    PropagateInactive,
    /// B cannot be active while A is not: it is looked at when A is down.
    NeededToBeActive,
    /// While A is active B is started whenever it is found down.
    KeepUp,
    /// While B is active A is started whenever it is found down.
    KeptUp,
    /// B may not be needed any more when A is down.
    Needs,
    /// A is needed while B is not down.
    NeededBy,
    /// A cannot be active while B is not: it is stopped when found so.
    CannotBeActiveWithout,
    /// When A becomes active without a job, B is started as well (replacing its jobs).
    RetroactiveStart,
    /// When A becomes active without a job, B is started as well if nothing speaks against it.
    RetroactiveStartIgnored,
    /// When A becomes active without a job, B is stopped.
    RetroactiveStop,
    /// When A ends well, B is started.
    StartOnSuccess,
    /// A is started when B ends well.
    StartedOnSuccess,
    /// When A fails, B is started.
    StartOnFailure,
    /// A is started when B fails.
    StartedOnFailure,
    /// A's job comes before B's.
    OrderBefore,
    /// A's job comes after B's.
    OrderAfter,
    /// A starts B when something arrives at A.
    Trigger,
    /// A is started when something arrives at B, and tells B when it has ended.
    TriggeredBy,
    /// Where A is a target, it is ordered after B unless B is ordered after it.
    OrderOfTarget,
}

impl Effect {
    /// Every effect.
    pub const ALL: &'static [Effect] = &[
        Effect::PullInStart,
        Effect::PullInStartIgnored,
        Effect::PullInVerify,
        Effect::PullInStop,
        Effect::PullInStopIgnored,
        Effect::PropagateStartFailure,
        Effect::PropagateSkippedStart,
        Effect::PropagateStop,
        Effect::PropagateRestart,
        Effect::PropagateReload,
        Effect::PropagateInactive,
        Effect::NeededToBeActive,
        Effect::KeepUp,
        Effect::KeptUp,
        Effect::Needs,
        Effect::NeededBy,
        Effect::CannotBeActiveWithout,
        Effect::RetroactiveStart,
        Effect::RetroactiveStartIgnored,
        Effect::RetroactiveStop,
        Effect::StartOnSuccess,
        Effect::StartedOnSuccess,
        Effect::StartOnFailure,
        Effect::StartedOnFailure,
        Effect::OrderBefore,
        Effect::OrderAfter,
        Effect::Trigger,
        Effect::TriggeredBy,
        Effect::OrderOfTarget,
    ];
}

impl Dependency {
    /// Every word.
    pub const ALL: &'static [Dependency] = &[
        Dependency::Requires,
        Dependency::Wants,
        Dependency::BindsTo,
        Dependency::PartOf,
        Dependency::Conflicts,
        Dependency::Before,
        Dependency::After,
        Dependency::Requisite,
        Dependency::Upholds,
        Dependency::PropagatesReloadTo,
        Dependency::PropagatesStopTo,
        Dependency::JoinsNamespaceOf,
        Dependency::OnSuccess,
        Dependency::OnFailure,
        Dependency::Triggers,
        Dependency::RequiredBy,
        Dependency::WantedBy,
        Dependency::BoundBy,
        Dependency::ConsistsOf,
        Dependency::ConflictedBy,
        Dependency::RequisiteOf,
        Dependency::UpheldBy,
        Dependency::ReloadPropagatedFrom,
        Dependency::StopPropagatedFrom,
        Dependency::OnSuccessOf,
        Dependency::OnFailureOf,
        Dependency::TriggeredBy,
    ];

    /// What it does.
    pub const fn effects(self) -> &'static [Effect] {
        use Effect as E;
        match self {
            Dependency::Requires => &[
                E::PullInStart,
                E::RetroactiveStart,
                E::Needs,
                E::OrderOfTarget,
            ],
            Dependency::Wants => &[
                E::PullInStartIgnored,
                E::RetroactiveStartIgnored,
                E::Needs,
                E::OrderOfTarget,
            ],
            Dependency::BindsTo => &[
                E::PullInStart,
                E::RetroactiveStart,
                E::CannotBeActiveWithout,
                E::Needs,
                E::OrderOfTarget,
            ],
            Dependency::Requisite => &[E::PullInVerify, E::Needs, E::OrderOfTarget],
            Dependency::Upholds => &[
                E::PullInStartIgnored,
                E::RetroactiveStart,
                E::KeepUp,
                E::Needs,
                E::OrderOfTarget,
            ],
            // What a part does is done to it: see its inverse. So with what is propagated from
            // another.
            Dependency::PartOf
            | Dependency::ReloadPropagatedFrom
            | Dependency::StopPropagatedFrom => &[],
            // Means something to whoever makes namespaces, and nothing here.
            Dependency::JoinsNamespaceOf => &[],
            Dependency::Conflicts => &[E::PullInStop, E::RetroactiveStop],
            Dependency::Before => &[E::OrderBefore],
            Dependency::After => &[E::OrderAfter],
            Dependency::PropagatesReloadTo => &[E::PropagateReload],
            Dependency::PropagatesStopTo => &[E::PropagateStop, E::PropagateInactive],
            Dependency::OnSuccess => &[E::StartOnSuccess],
            Dependency::OnFailure => &[E::StartOnFailure],
            Dependency::Triggers => &[E::Trigger],
            Dependency::WantedBy => &[E::NeededBy],
            Dependency::RequiredBy => &[
                E::PropagateStartFailure,
                E::PropagateStop,
                E::PropagateRestart,
                E::NeededBy,
            ],
            Dependency::RequisiteOf => &[
                E::PropagateStartFailure,
                E::PropagateSkippedStart,
                E::PropagateStop,
                E::PropagateRestart,
                E::NeededBy,
            ],
            Dependency::BoundBy => &[
                E::PropagateStartFailure,
                E::PropagateStop,
                E::PropagateRestart,
                E::PropagateInactive,
                E::NeededToBeActive,
                E::NeededBy,
            ],
            Dependency::UpheldBy => &[E::KeptUp, E::NeededBy],
            Dependency::ConsistsOf => &[E::PropagateStop, E::PropagateRestart],
            Dependency::ConflictedBy => &[E::PullInStopIgnored, E::RetroactiveStop],
            Dependency::OnSuccessOf => &[E::StartedOnSuccess],
            Dependency::OnFailureOf => &[E::StartedOnFailure],
            Dependency::TriggeredBy => &[E::TriggeredBy],
        }
    }

    /// Whether it does this.
    pub fn has(self, effect: Effect) -> bool {
        self.effects().contains(&effect)
    }

    /// The word for the same bond seen from the other unit.
    #[must_use]
    pub const fn inverse(self) -> Dependency {
        match self {
            Dependency::Requires => Dependency::RequiredBy,
            Dependency::Wants => Dependency::WantedBy,
            Dependency::BindsTo => Dependency::BoundBy,
            Dependency::PartOf => Dependency::ConsistsOf,
            Dependency::Conflicts => Dependency::ConflictedBy,
            Dependency::Before => Dependency::After,
            Dependency::After => Dependency::Before,
            Dependency::Requisite => Dependency::RequisiteOf,
            Dependency::Upholds => Dependency::UpheldBy,
            Dependency::PropagatesReloadTo => Dependency::ReloadPropagatedFrom,
            Dependency::PropagatesStopTo => Dependency::StopPropagatedFrom,
            Dependency::JoinsNamespaceOf => Dependency::JoinsNamespaceOf,
            Dependency::OnSuccess => Dependency::OnSuccessOf,
            Dependency::OnFailure => Dependency::OnFailureOf,
            Dependency::Triggers => Dependency::TriggeredBy,
            Dependency::RequiredBy => Dependency::Requires,
            Dependency::WantedBy => Dependency::Wants,
            Dependency::BoundBy => Dependency::BindsTo,
            Dependency::ConsistsOf => Dependency::PartOf,
            Dependency::ConflictedBy => Dependency::Conflicts,
            Dependency::RequisiteOf => Dependency::Requisite,
            Dependency::UpheldBy => Dependency::Upholds,
            Dependency::ReloadPropagatedFrom => Dependency::PropagatesReloadTo,
            Dependency::StopPropagatedFrom => Dependency::PropagatesStopTo,
            Dependency::OnSuccessOf => Dependency::OnSuccess,
            Dependency::OnFailureOf => Dependency::OnFailure,
            Dependency::TriggeredBy => Dependency::Triggers,
        }
    }

    /// The setting that writes it; `None` for those that follow from others.
    pub const fn setting(self) -> Option<SettingId> {
        match self {
            Dependency::Requires => Some(SettingId::Requires),
            Dependency::Wants => Some(SettingId::Wants),
            Dependency::BindsTo => Some(SettingId::BindsTo),
            Dependency::PartOf => Some(SettingId::PartOf),
            Dependency::Conflicts => Some(SettingId::Conflicts),
            Dependency::Before => Some(SettingId::Before),
            Dependency::After => Some(SettingId::After),
            Dependency::Requisite => Some(SettingId::Requisite),
            Dependency::Upholds => Some(SettingId::Upholds),
            Dependency::PropagatesReloadTo => Some(SettingId::PropagatesReloadTo),
            Dependency::ReloadPropagatedFrom => Some(SettingId::ReloadPropagatedFrom),
            Dependency::PropagatesStopTo => Some(SettingId::PropagatesStopTo),
            Dependency::StopPropagatedFrom => Some(SettingId::StopPropagatedFrom),
            Dependency::JoinsNamespaceOf => Some(SettingId::JoinsNamespaceOf),
            Dependency::OnSuccess => Some(SettingId::OnSuccess),
            Dependency::OnFailure => Some(SettingId::OnFailure),
            Dependency::UpheldBy => Some(SettingId::UpheldBy),
            Dependency::RequiredBy => Some(SettingId::RequiredBy),
            Dependency::WantedBy => Some(SettingId::WantedBy),
            Dependency::Triggers
            | Dependency::BoundBy
            | Dependency::ConsistsOf
            | Dependency::ConflictedBy
            | Dependency::RequisiteOf
            | Dependency::OnSuccessOf
            | Dependency::OnFailureOf
            | Dependency::TriggeredBy => None,
        }
    }

    /// systemd's property of the same meaning.
    pub const fn systemd_name(self) -> &'static str {
        match self {
            Dependency::Requires => "Requires",
            Dependency::Wants => "Wants",
            Dependency::BindsTo => "BindsTo",
            Dependency::PartOf => "PartOf",
            Dependency::Conflicts => "Conflicts",
            Dependency::Before => "Before",
            Dependency::After => "After",
            Dependency::Requisite => "Requisite",
            Dependency::Upholds => "Upholds",
            Dependency::PropagatesReloadTo => "PropagatesReloadTo",
            Dependency::PropagatesStopTo => "PropagatesStopTo",
            Dependency::JoinsNamespaceOf => "JoinsNamespaceOf",
            Dependency::OnSuccess => "OnSuccess",
            Dependency::RequisiteOf => "RequisiteOf",
            Dependency::UpheldBy => "UpheldBy",
            Dependency::ReloadPropagatedFrom => "ReloadPropagatedFrom",
            Dependency::StopPropagatedFrom => "StopPropagatedFrom",
            Dependency::OnSuccessOf => "OnSuccessOf",
            Dependency::OnFailure => "OnFailure",
            Dependency::Triggers => "Triggers",
            Dependency::RequiredBy => "RequiredBy",
            Dependency::WantedBy => "WantedBy",
            Dependency::BoundBy => "BoundBy",
            Dependency::ConsistsOf => "ConsistsOf",
            Dependency::ConflictedBy => "ConflictedBy",
            Dependency::OnFailureOf => "OnFailureOf",
            Dependency::TriggeredBy => "TriggeredBy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_is_an_involution() {
        for word in Dependency::ALL {
            let is_mutual = *word == Dependency::JoinsNamespaceOf;
            assert_eq!(word.inverse() == *word, is_mutual);
            assert_eq!(word.inverse().inverse(), *word);
        }
    }

    #[test]
    fn every_word_does_something_and_every_effect_is_done() {
        for word in Dependency::ALL {
            let does = |word: &Dependency| !word.effects().is_empty();
            assert!(
                does(word) || does(&word.inverse()) || *word == Dependency::JoinsNamespaceOf,
                "{word:?} does nothing at either end"
            );
        }
        for effect in Effect::ALL {
            assert!(
                Dependency::ALL.iter().any(|word| word.has(*effect)),
                "{effect:?}"
            );
        }
    }

    /// Effects come in pairs: what one end is told to do, the other end has done to it.
    #[test]
    fn paired_effects_agree() {
        for (effect, at_other_end) in [
            (Effect::OrderBefore, Effect::OrderAfter),
            (Effect::StartOnFailure, Effect::StartedOnFailure),
            (Effect::Trigger, Effect::TriggeredBy),
            (Effect::CannotBeActiveWithout, Effect::NeededToBeActive),
            (Effect::StartOnSuccess, Effect::StartedOnSuccess),
            (Effect::KeepUp, Effect::KeptUp),
            (Effect::PullInStop, Effect::PullInStopIgnored),
        ] {
            for word in Dependency::ALL {
                assert_eq!(
                    word.has(effect),
                    word.inverse().has(at_other_end),
                    "{word:?}"
                );
            }
        }
    }

    fn name(text: &str) -> crate::UnitName {
        crate::UnitName::parse(text).expect("a name")
    }

    fn has(set: &crate::UnitSet, from: &str, word: Dependency, to: &str) -> bool {
        let to = name(to);
        set.dependencies(&name(from))
            .any(|(found, other)| found == word && *other == to)
    }

    fn set(text: &str) -> crate::UnitSet {
        crate::load_texts(&[("a.toml", text)], &crate::Surroundings::example()).0
    }

    #[test]
    fn default_dependencies_can_be_left_out() {
        let text = |more: &str| {
            format!("[service]\nexec-start = '/a'\n{more}[socket]\nlisten-stream = 80\n")
        };
        let plain = set(&text(""));
        for (from, word, to) in [
            ("a.service", Dependency::Requires, "sysinit.target"),
            ("a.service", Dependency::After, "sysinit.target"),
            ("a.service", Dependency::After, "basic.target"),
            ("a.service", Dependency::Conflicts, "shutdown.target"),
            ("a.service", Dependency::Before, "shutdown.target"),
            ("a.socket", Dependency::Before, "sockets.target"),
            ("a.socket", Dependency::Requires, "sysinit.target"),
            ("basic.target", Dependency::Conflicts, "shutdown.target"),
            ("basic.target", Dependency::After, "sockets.target"),
        ] {
            assert!(has(&plain, from, word, to), "{from} {word:?} {to}");
        }
        // Nothing of it is for these, or they would wait for themselves.
        assert!(!has(&plain, "a.socket", Dependency::After, "basic.target"));
        assert!(!has(
            &plain,
            "basic.target",
            Dependency::After,
            "timers.target"
        ));
        let bare = set(&text("default-dependencies = false\n"));
        let ties: Vec<_> = bare.dependencies(&name("a.service")).collect();
        assert_eq!(
            ties,
            [
                (Dependency::Requires, &name("system.slice")),
                (Dependency::After, &name("a.socket")),
                (Dependency::After, &name("system.slice")),
                (Dependency::TriggeredBy, &name("a.socket"))
            ]
        );
    }

    #[test]
    fn units_are_in_slices() {
        let service = |more: &str| format!("[service]\nexec-start = '/a'\n{more}");
        let files = [
            (
                "a.toml",
                &*service("slice = 'app-x.slice'\nwants = 'my-w@1.service'"),
            ),
            ("my-w@.toml", &*service("")),
            ("wrong.toml", &*service("slice = 'a--b.slice'")),
        ];
        let set = crate::load_texts(&files, &crate::Surroundings::example()).0;
        for (unit, slice) in [
            ("a.service", "app-x.slice"),
            ("app-x.slice", "app.slice"),
            ("app.slice", "-.slice"),
            ("my-w@1.service", "system-my\\x2dw.slice"),
            ("system.slice", "-.slice"),
        ] {
            assert!(
                has(&set, unit, Dependency::Requires, slice),
                "{unit} {slice}"
            );
            assert!(has(&set, unit, Dependency::After, slice), "{unit} {slice}");
        }
        // No file has them, and they are there.
        for slice in ["app-x.slice", "app.slice", "system-my\\x2dw.slice"] {
            let slice = set.get(&name(slice)).expect(slice);
            assert!(slice.is_loaded() && slice.is_slice_without_file());
        }
        let other = set.resolve(&name("any-where.slice")).expect("a slice");
        assert_eq!(other.description(), "Slice /any/where");
        assert!(set.resolve(&name("any--where.slice")).is_none());
        let wrong = set.get(&name("wrong.service")).expect("a unit");
        let why = wrong.load_state().diagnostics()[0].to_string();
        assert!(why.contains("a--b.slice is no slice"), "{why}");
        let root: Vec<_> = set.dependencies(&name("-.slice")).collect();
        assert!(root.iter().all(|(word, _)| *word != Dependency::Requires));
    }
}
