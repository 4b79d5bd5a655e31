//! Properties of jobs.

use control::Word;
use engine::view::systemd::JobView;
use zbus::{ObjectPath, Variant};

use super::{Access, Emits, Getter, Property, row, text, texts};
use crate::names::{Face, interface::JOB};

pub(super) fn add(table: &mut Vec<Property>) {
    let mut add = |name_and_type, emits, doc, get: fn(&JobView, Face) -> Variant<'static>| {
        table.push(row(
            JOB,
            name_and_type,
            (Access::State, emits),
            doc,
            Getter::Job(get),
        ));
    };
    add(
        ("Id", "u"),
        Emits::Const,
        "Its number; never used again",
        |job, _| job.id.0.into(),
    );
    add(
        ("Unit", "(so)"),
        Emits::Const,
        "Name and object of its unit",
        |job, face| {
            let path = ObjectPath::from_string_unchecked(face.unit_path(job.unit.as_str()));
            Variant::new((job.unit.to_string(), path))
        },
    );
    add(
        ("JobType", "s"),
        Emits::Silent,
        "What it does: `start`, `stop`, `restart`, …",
        |job, _| text(job.kind.word()),
    );
    add(
        ("State", "s"),
        Emits::Silent,
        "`waiting` or `running`",
        |job, _| text(super::super::methods::job_state(job.running)),
    );
    add(
        ("JobMode", "s"),
        Emits::Silent,
        "How it deals with other jobs in its way: `replace`, `fail`, …",
        |job, _| text(job.mode.word()),
    );
    add(
        ("WaitsFor", "as"),
        Emits::Silent,
        "Units whose jobs have to end first",
        |job, _| texts(&job.waits_for),
    );
}
