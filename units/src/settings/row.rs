//! What a row of the table becomes: a [`SettingId`](super::SettingId), a [`Setting`](super::Setting)
//! and an accessor of [`Definition`](crate::definition::Definition).

macro_rules! settings {
    (@twin ours) => { None };
    (@twin $name:literal) => { Some($name) };
    ($(
        $(#[doc = $doc:literal])+
        $id:ident: $section:ident $key:literal = $twin:tt,
            $visibility:vis $accessor:ident -> $lent:ty as $type:ident, default $default:literal;
    )+) => {
        /// A setting. The order is that of the manual and says nothing else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum SettingId {
            $($(#[doc = $doc])+ $id,)+
        }

        pub(super) static ROWS: &[Setting] = &[$(Setting {
            id: SettingId::$id,
            section: Section::$section,
            key: $key,
            systemd: settings!(@twin $twin),
            value: &<types::$type as Typed>::TYPE,
            default: $default,
            doc: &[$($doc),+],
        },)+];

        /// The settings, each falling back to its default where the unit does not set it.
        impl Definition {
            $($(#[doc = $doc])+
            $visibility fn $accessor(&self) -> $lent {
                <types::$type as Typed>::lend(self.value(SettingId::$id))
            })+
        }
    };
}
