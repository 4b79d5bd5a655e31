//! What a message carries, by the types that are expected of it. The wire format is read once, into
//! values that know their type, and those are then taken apart: so its reader is not compiled for
//! every list of types that a method may have.

use zbus::message::Body;
use zbus::wire::{OwnedVariant, Structure, Variant};
use zbus::{Signature, Type};

/// A type that is expected of an argument.
pub(crate) trait Expected: Type + Sized {
    /// The value as this type, if it is of it.
    fn of(value: Variant<'_>) -> Option<Self>;
}

/// What the body holds, which has to be of exactly this type: a tuple where it is more than one value.
pub(crate) fn read<T: Expected>(body: &Body) -> Option<T> {
    T::of(value(body, T::SIGNATURE)?)
}

fn value<'b>(body: &'b Body, expected: &Signature) -> Option<Variant<'b>> {
    if body.signature() != expected {
        return None;
    }
    let all: Structure<'b> = body.deserialize().ok()?;
    match expected {
        Signature::Structure(_) => Some(Variant::Structure(all)),
        // A single value is read as a structure of one.
        _ => all.into_fields().pop(),
    }
}

macro_rules! plain {
    ($($type:ty: $kind:ident),*) => { $(
        impl Expected for $type {
            fn of(value: Variant<'_>) -> Option<Self> {
                match value {
                    Variant::$kind(value) => Some(value.into()),
                    _ => None,
                }
            }
        }
    )* };
}

plain!(u8: U8, bool: Bool, i32: I32, u32: U32, u64: U64, String: Str);

impl Expected for OwnedVariant {
    fn of(value: Variant<'_>) -> Option<Self> {
        match value {
            // A descriptor in it is made one of ours, which may fail.
            Variant::Variant(inner) => inner.try_into_owned().ok(),
            _ => None,
        }
    }
}

impl<T: Expected> Expected for Vec<T> {
    fn of(value: Variant<'_>) -> Option<Self> {
        match value {
            Variant::Array(array) => {
                let values = Vec::<Variant<'_>>::try_from(array).ok()?;
                values.into_iter().map(T::of).collect()
            }
            _ => None,
        }
    }
}

macro_rules! tuples {
    ($(($($field:ident),+)),*) => { $(
        impl<$($field: Expected),+> Expected for ($($field,)+) {
            fn of(value: Variant<'_>) -> Option<Self> {
                let Variant::Structure(structure) = value else {
                    return None;
                };
                let mut fields = structure.into_fields().into_iter();
                Some(($($field::of(fields.next()?)?,)+))
            }
        }
    )* };
}

tuples!((A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E));

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::Message;
    use zbus::wire::DynamicType;

    fn body(of: &(impl serde::Serialize + DynamicType)) -> Body {
        let message = Message::signal("/a", "a.b", "C");
        message.build(of).unwrap().body()
    }

    #[test]
    fn each_type_is_read_as_itself() {
        let sent = ("a".to_owned(), vec!["b".to_owned()], true, 7u64);
        type Sent = (String, Vec<String>, bool, u64);
        assert_eq!(read::<Sent>(&body(&sent)), Some(sent));
        let sent = ("a".to_owned(), -1i32, u32::MAX);
        type Other = (String, i32, u32);
        assert_eq!(read::<Other>(&body(&sent)), Some(sent));
        assert_eq!(read::<String>(&body(&"a")), Some("a".to_owned()));
        assert_eq!(read::<Vec<u8>>(&body(&vec![1u8, 2])), Some(vec![1, 2]));
        let none: Vec<(String, OwnedVariant)> = Vec::new();
        assert_eq!(read(&body(&(none.clone(), true))), Some((none, true)));
    }

    /// What is in a variant is told by one name less than the library's own.
    #[test]
    fn values_of_any_type_are_those_that_were_sent() {
        type Properties = Vec<(String, OwnedVariant)>;
        let of = |value: Variant<'_>| value.try_into_owned().unwrap();
        let sent: Properties = vec![
            ("a".to_owned(), of(Variant::from("text"))),
            ("b".to_owned(), of(Variant::from(vec![("c", 1u32)]))),
            ("d".to_owned(), of(Variant::Variant(Box::new(true.into())))),
        ];
        let body = body(&("unit", sent.clone()));
        assert_eq!(read(&body), Some(("unit".to_owned(), sent.clone())));
        let zbus: (String, Properties) = body.deserialize().unwrap();
        assert_eq!(zbus.1, sent);
    }

    #[test]
    fn any_other_type_is_refused() {
        assert_eq!(read::<(String, String)>(&body(&"a")), None);
        assert_eq!(read::<String>(&body(&("a", "b"))), None);
        assert_eq!(read::<String>(&body(&7u32)), None);
        assert_eq!(read::<u64>(&body(&7u32)), None);
        assert_eq!(read::<Vec<String>>(&body(&vec![7u32])), None);
        assert_eq!(read::<String>(&body(&())), None);
    }
}
