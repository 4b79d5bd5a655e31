//! Time zones, from the files the C library has them from.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::QUIETLY;
use crate::civil::zone_names;
use crate::value::Zones;

/// Where the IANA database lies.
pub const DIRECTORY: &str = "/usr/share/zoneinfo";

/// Which zone a host is in, as its administrator says.
pub const LOCAL: &str = "/etc/localtime";

/// The largest file that is read, in bytes; the largest there is has under 4,000.
const LARGEST: u64 = 1 << 17;

/// The zones of this host. Files are read when they are asked for.
#[derive(Debug, Clone)]
pub struct ZoneInfo {
    directory: PathBuf,
    local: TimeZone,
    names: [Option<String>; 2],
}

impl ZoneInfo {
    /// The zones of `directory`, at a moment in seconds since 1970. The local one is what `tz`
    /// says, the value of the environment variable `TZ`, and without it the file `local`. As in
    /// tzset(3), what cannot be read is UTC.
    pub fn new(directory: &Path, local: &Path, tz: Option<&str>, moment: i64) -> ZoneInfo {
        let local = match tz.map(|tz| tz.strip_prefix(':').unwrap_or(tz)) {
            None => read(local, "local"),
            Some("") => None,
            Some(path) if path.starts_with('/') => read(Path::new(path), path),
            Some(name) => named(directory, name).or_else(|| TimeZone::posix(name).ok()),
        };
        let local = local.unwrap_or(TimeZone::UTC);
        ZoneInfo {
            directory: directory.to_owned(),
            names: zone_names(&local, moment),
            local,
        }
    }
}

impl Zones for ZoneInfo {
    fn named(&self, name: &str) -> Option<TimeZone> {
        named(&self.directory, name)
    }

    fn local(&self) -> &TimeZone {
        &self.local
    }

    fn local_names(&self) -> [Option<&str>; 2] {
        let [standard, daylight] = &self.names;
        [standard.as_deref(), daylight.as_deref()]
    }
}

/// The zone `name` of the database. A name cannot lead out of it: it has no dots, and does not
/// begin with a slash.
fn named(directory: &Path, name: &str) -> Option<TimeZone> {
    let is_part = |part: &str| {
        let mut letters = part.bytes();
        !part.is_empty() && letters.all(|c| c.is_ascii_alphanumeric() || b"-_+".contains(&c))
    };
    if !name.split('/').all(is_part) {
        return None;
    }
    read(&directory.join(name), name)
}

fn read(path: &Path, name: &str) -> Option<TimeZone> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(QUIETLY)
        .open(path)
        .ok()?;
    let found = file.metadata().ok()?;
    if !found.is_file() || found.len() > LARGEST {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    TimeZone::tzif(name, &bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A zone `hours` east in the binary form: no transitions, one type, a rule for all time.
    fn tzif(name: &str, hours: i32) -> Vec<u8> {
        let block = |footer: &str| {
            let mut bytes = b"TZif2".to_vec();
            bytes.extend([0; 15]);
            for count in [0_u32, 0, 0, 0, 1, 4] {
                bytes.extend(count.to_be_bytes());
            }
            bytes.extend((hours * 3600).to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(format!("{name}ST\0{footer}").as_bytes());
            bytes
        };
        let rule = format!("\n{name}ST{}{name}DT,M3.5.0,M10.5.0\n", -hours);
        [block(""), block(&rule)].concat()
    }

    #[test]
    fn a_name_does_not_lead_out() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("zoneinfo");
        fs::create_dir_all(directory.join("Area")).unwrap();
        fs::write(directory.join("Area/City-1"), tzif("X", 1)).unwrap();
        fs::write(directory.join("notes.txt"), "no zone").unwrap();
        fs::write(directory.join("text"), "no zone").unwrap();
        fs::write(place.path().join("Outside"), tzif("X", 1)).unwrap();
        symlink("Area/City-1", directory.join("Link")).unwrap();
        let outside = place.path().join("Outside");
        let zones = ZoneInfo::new(&directory, &outside, None, 0);
        assert!(zones.named("Area/City-1").is_some());
        assert!(zones.named("Link").is_some());
        for name in [
            "",
            "Area",
            "Area/",
            "/Area/City-1",
            "Area//City-1",
            "../Outside",
            "Area/../../Outside",
            outside.to_str().unwrap(),
            "notes.txt",
            "text",
            "None",
        ] {
            assert!(zones.named(name).is_none(), "{name}");
        }
    }

    #[test]
    fn the_local_zone_is_what_tz_says() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path();
        fs::write(directory.join("City"), tzif("C", 1)).unwrap();
        let host = directory.join("host");
        fs::write(&host, tzif("H", -2)).unwrap();
        let names = |tz: Option<&str>| {
            let zones = ZoneInfo::new(directory, &host, tz, 1_700_000_000);
            zones.local_names().map(|name| name.map(str::to_owned))
        };
        let pair =
            |standard: &str, daylight: &str| [Some(standard.to_owned()), Some(daylight.to_owned())];
        assert_eq!(names(None), pair("HST", "HDT"));
        assert_eq!(names(Some("City")), pair("CST", "CDT"));
        assert_eq!(names(Some(":City")), pair("CST", "CDT"));
        assert_eq!(names(host.to_str()), pair("HST", "HDT"));
        assert_eq!(names(Some("WET0WEST,M3.5.0,M10.5.0")), pair("WET", "WEST"));
        for utc in ["", "None", "../x", "/nowhere"] {
            assert_eq!(names(Some(utc)), [Some("UTC".to_owned()), None], "{utc}");
        }
    }
}
