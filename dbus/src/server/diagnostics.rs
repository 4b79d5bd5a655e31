//! Diagnostics on their way out.

use units::Diagnostic;

use crate::wire;

/// What travels.
pub(crate) fn line(found: &Diagnostic) -> wire::Diagnostic {
    wire::Diagnostic {
        severity: found.severity.to_string(),
        path: found.place.path.to_string(),
        line: found.place.line,
        column: found.place.column,
        message: found.message.clone(),
        hint: found.hint.clone().unwrap_or_default(),
        unit: found
            .unit
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

/// The same as a tuple, for a property value.
pub(crate) fn fields(found: &Diagnostic) -> (String, String, u32, u32, String, String, String) {
    let line = line(found);
    (
        line.severity,
        line.path,
        line.line,
        line.column,
        line.message,
        line.hint,
        line.unit,
    )
}

/// All of them for people, one below the other.
pub(crate) fn sentences<'a>(found: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    let lines: Vec<String> = found.into_iter().map(ToString::to_string).collect();
    lines.join("\n")
}
