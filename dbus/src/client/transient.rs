//! Units that the client defines itself.

use std::os::fd::BorrowedFd;

use zbus::{Fd, Variant};

use super::{Client, Error};

/// The value of a property of a transient unit.
#[derive(Debug, Clone)]
pub enum Property<'a> {
    /// What a unit file would say, without specifiers.
    Text(&'a str),
    /// Words, each as it stands.
    Words(&'a [String]),
    /// A program and its arguments, each as it stands; of a setting that ends in `Ex`.
    Command(&'a [String]),
    /// A descriptor of ours.
    Descriptor(BorrowedFd<'a>),
}

impl<'a> Property<'a> {
    fn value(&self) -> Variant<'a> {
        match self {
            Property::Text(text) => Variant::from(*text),
            Property::Words(words) => Variant::from(words.to_vec()),
            Property::Command(words) => {
                let path = words.first().cloned().unwrap_or_default();
                let flags = vec!["no-env-expand".to_owned()];
                Variant::from(vec![(path, words.to_vec(), flags)])
            }
            Property::Descriptor(fd) => Variant::Fd(Fd::from(*fd)),
        }
    }
}

/// How a unit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitEnd {
    /// systemd's word: `success`, `exit-code`, `signal`, …
    pub result: String,
    /// 1 where the main process exited, 2 where a signal ended it, 3 where it left a core file; 0
    /// where there was none.
    pub code: i32,
    /// Its exit status, or the signal.
    pub status: i32,
    /// When it began, in microseconds since the epoch; 0 for never.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// A sentence about a failure, or empty.
    pub failure: String,
}

/// Properties by name.
type Said<'a, 'b> = &'a [(&'a str, Property<'b>)];

fn values<'b>(said: Said<'_, 'b>) -> Vec<(String, Variant<'b>)> {
    said.iter()
        .map(|(name, value)| ((*name).to_owned(), value.value()))
        .collect()
}

impl Client {
    /// Defines `unit`, and others that go with it, and queues its start; gives the number of the job.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn start_transient(
        &self,
        unit: &str,
        mode: &str,
        properties: Said<'_, '_>,
        beside: &[(&str, Said<'_, '_>)],
    ) -> Result<u32, Error> {
        let beside: Vec<(&str, Vec<(String, Variant<'_>)>)> = beside
            .iter()
            .map(|(unit, said)| (*unit, values(said)))
            .collect();
        let job: zbus::OwnedObjectPath = self
            .manager(
                "StartTransientUnit",
                &(unit, mode, values(properties), beside),
            )
            .await?;
        let number = job.as_str().rsplit('/').next();
        number
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| Error::Protocol(format!("{job} is no job")))
    }

    /// Waits until a unit is down and has no job; for a transient one that is gone, for a minute
    /// after its end, too.
    ///
    /// # Errors
    /// As [`Client::list_units`].
    pub async fn await_unit(&self, unit: &str) -> Result<UnitEnd, Error> {
        let (result, code, status, began, ended, failure) =
            self.manager("AwaitUnit", &unit).await?;
        Ok(UnitEnd {
            result,
            code,
            status,
            began,
            ended,
            failure,
        })
    }
}
