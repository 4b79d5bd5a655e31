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
}
