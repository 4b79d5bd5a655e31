//! Credentials: secrets handed to a service as files (systemd.exec(5), "Credentials").

use std::fmt;

use super::quoting::{escape_bytes, unescape_bytes};
use super::{ValueProblem, absolute_path};

/// A credential read from somewhere at each start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoadedCredential {
    /// What the service sees as the file's name.
    pub id: Box<str>,
    /// A file, directory or listening socket by its absolute path; `None` for one that we were given
    /// ourselves under this name, or that lies in one of the stores.
    pub path: Option<Box<str>>,
    /// How it was given to us, where that is another name.
    pub received_as: Option<Box<str>>,
}

/// A credential written in the unit file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SetCredential {
    /// What the service sees as the file's name.
    pub id: Box<str>,
    /// The file's content.
    pub content: Box<[u8]>,
}

/// Checks the name of a credential, which becomes the name of a file.
fn check_id(id: &str) -> Result<Box<str>, ValueProblem> {
    let well = !id.is_empty()
        && id.len() <= 255
        && !matches!(id, "." | "..")
        && id
            .bytes()
            .all(|b| (b' '..0x7f).contains(&b) && !matches!(b, b'/' | b':'));
    if well {
        Ok(id.into())
    } else {
        Err(
            ValueProblem::new(format!("{id:?} is no name for a credential"))
                .with_hint("at most 255 printable ASCII characters without `/` and `:`"),
        )
    }
}

impl LoadedCredential {
    /// Reads `"ID:/path"`, `"ID:NAME"` or `"ID"`; `expand` is applied to each part.
    ///
    /// # Errors
    /// When the name or the path is none.
    pub fn parse_with(
        text: &str,
        expand: &mut dyn FnMut(&str) -> Result<String, ValueProblem>,
    ) -> Result<LoadedCredential, ValueProblem> {
        let (id, source) = text.split_once(':').unwrap_or((text, ""));
        let id = check_id(&expand(id.trim())?)?;
        let source = expand(source)?;
        let (path, received_as) = match source.as_str() {
            "" => (None, None),
            path if path.starts_with('/') => (Some(absolute_path(path)?.into()), None),
            name => (None, Some(check_id(name)?)),
        };
        Ok(LoadedCredential {
            id,
            path,
            received_as,
        })
    }
}

impl fmt::Display for LoadedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        match self.path.as_ref().or(self.received_as.as_ref()) {
            Some(source) => write!(f, ":{source}"),
            None => Ok(()),
        }
    }
}

impl SetCredential {
    /// Reads `"ID:content"`, with C escapes in the content; `expand` is applied to each part.
    ///
    /// # Errors
    /// When the name is none, or an escape.
    pub fn parse_with(
        text: &str,
        expand: &mut dyn FnMut(&str) -> Result<String, ValueProblem>,
    ) -> Result<SetCredential, ValueProblem> {
        let Some((id, content)) = text.split_once(':') else {
            return Err(ValueProblem::new(format!("{text:?} has no content"))
                .with_hint("write it as `NAME:content`"));
        };
        Ok(SetCredential {
            id: check_id(&expand(id.trim())?)?,
            content: unescape_bytes(&expand(content)?)?.into(),
        })
    }
}

impl fmt::Display for SetCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, escape_bytes(&self.content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_round_trip() {
        let keep = &mut |text: &str| Ok(text.to_owned());
        for text in ["key:/etc/key", "key", "key:other"] {
            let read = LoadedCredential::parse_with(text, keep).unwrap();
            assert_eq!(read.to_string(), text);
        }
        let set = SetCredential::parse_with(r"key:a\x41\xff\n b:c", keep).unwrap();
        assert_eq!(&*set.content, b"aA\xff\n b:c");
        assert_eq!(SetCredential::parse_with(&set.to_string(), keep), Ok(set));
        assert!(SetCredential::parse_with("key", keep).is_err());
        for bad in ["", "a/b:/x", "..:/x", "a:/x/../y"] {
            assert!(LoadedCredential::parse_with(bad, keep).is_err(), "{bad}");
        }
    }
}
