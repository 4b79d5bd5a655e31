//! What a row of the table becomes: a [`SettingId`](super::SettingId), a [`Setting`](super::Setting)
//! and an accessor of [`Definition`](crate::definition::Definition).
//!
//! ```text
//! after END_OF_THE_CHAPTER_BEFORE;
//! Id: Section | Section "key" = "SystemdName" (or `ours`), [pub] accessor -> type it lends as value type, default "text";
//! ```

macro_rules! settings {
    (@twin ours) => { None };
    (@twin $name:literal) => { Some($name) };
    (
        after $before:expr;
        $(
            $(#[doc = $doc:literal])+
            $id:ident: $($section:ident)|+ $key:literal = $twin:tt,
                $visibility:vis $accessor:ident -> $lent:ty as $type:ident, default $default:literal;
        )+
    ) => {
        /// The place of each row in its chapter.
        #[allow(clippy::enum_variant_names, reason = "they are named like the settings")]
        enum Place {
            $($id,)+
        }

        #[expect(non_upper_case_globals, reason = "they are named like the variants of an enum")]
        impl $crate::settings::SettingId {
            $($(#[doc = $doc])+
            pub const $id: Self = Self($before + Place::$id as u16);)+
        }

        /// The chapter.
        pub(super) const ROWS: &[$crate::settings::Setting] = &[$($crate::settings::Setting {
            id: $crate::settings::SettingId::$id,
            sections: &[$($crate::settings::Section::$section),+],
            key: $key,
            systemd: settings!(@twin $twin),
            value: &<$crate::settings::value_type::types::$type
                as $crate::settings::value_type::Typed>::TYPE,
            default: $default,
            summary: [$($doc),+][0],
            #[cfg(any(test, feature = "manual"))]
            doc: &[$($doc),+],
        },)+];

        /// Where the next chapter begins.
        pub(super) const END: u16 = $before + [$(stringify!($id)),+].len() as u16;

        /// The settings, each falling back to its default where the unit does not set it.
        impl $crate::definition::Definition {
            $($(#[doc = $doc])+
            $visibility fn $accessor(&self) -> $lent {
                <$crate::settings::value_type::types::$type
                    as $crate::settings::value_type::Typed>::lend(
                        self.value($crate::settings::SettingId::$id),
                    )
            })+
        }
    };
}
