//! `[install]`: what enabling does (systemd.unit(5)).

use crate::name::UnitName;

settings! {
    after super::path::END;

    /// Units that want this one once it is enabled.
    ///
    /// Only where the default, being started at boot, is not wanted: the unit is then started with
    /// these instead.
    WantedBy: Install "wanted-by" = "WantedBy",
        pub wanted_by -> &[UnitName] as Units, default "";

    /// Units that require this one.
    ///
    /// As `wanted-by`, with the meaning of `requires`.
    RequiredBy: Install "required-by" = "RequiredBy",
        pub required_by -> &[UnitName] as Units, default "";

    /// Units that uphold this one.
    ///
    /// As `wanted-by`, with the meaning of `upholds`.
    UpheldBy: Install "upheld-by" = "UpheldBy",
        pub upheld_by -> &[UnitName] as Units, default "";

    /// Other names the unit goes by once it is enabled.
    ///
    /// Of its own kind; of a template, templates. Enabling one of systemd's unit files makes a link
    /// of each name to it; a unit of a TOML file has them as long as it is not disabled.
    Alias: Install "alias" = "Alias",
        pub alias -> &[UnitName] as Units, default "";

    /// Units that are enabled and disabled together with this one.
    ///
    /// By `runnerctl enable` and `runnerctl disable`, and only there.
    Also: Install "also" = "Also",
        pub also -> &[UnitName] as Units, default "";

    /// The instance that is enabled where a template is.
    ///
    /// Only of use in templates: `runnerctl enable worker@` then does what `runnerctl enable
    /// worker@INSTANCE` would.
    DefaultInstance: Install "default-instance" = "DefaultInstance",
        pub default_instance -> &str as Text, default "";
}
