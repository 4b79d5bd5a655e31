//! `[path]` (systemd.path(5)).

use crate::value::Mode;

settings! {
    after super::timer::END;

    /// Files or directories that are to exist.
    ///
    /// While one of them exists the unit is started, also when it ends: a service that leaves the
    /// file behind is started again, up to its start limit. Here and in the other settings about
    /// paths, each is one absolute path, spaces included; missing directories above it are waited for.
    PathExists: Path "path-exists" = "PathExists",
        pub path_exists -> &[Box<str>] as WatchedPaths, default "";

    /// Patterns of which a file or directory is to exist.
    ///
    /// `*`, `?` and `[a-z]` stand for parts of names (glob(7)); otherwise as `path-exists`.
    PathExistsGlob: Path "path-exists-glob" = "PathExistsGlob",
        pub path_exists_glob -> &[Box<str>] as WatchedPaths, default "";

    /// Files or directories that are to change.
    ///
    /// The unit is started when a file that was written to is closed, when it appears, goes, is
    /// replaced or has other attributes; of a directory, also when that happens to an entry. What
    /// happens while the unit runs starts it no second time.
    PathChanged: Path "path-changed" = "PathChanged",
        pub path_changed -> &[Box<str>] as WatchedPaths, default "";

    /// The same, and at every single write.
    ///
    /// A program that writes in pieces starts the unit with its first piece.
    PathModified: Path "path-modified" = "PathModified",
        pub path_modified -> &[Box<str>] as WatchedPaths, default "";

    /// Directories that are to have an entry.
    ///
    /// While one of them is not empty the unit is started, as with `path-exists`: a spool that is
    /// worked through until nothing is left.
    DirectoryNotEmpty: Path "directory-not-empty" = "DirectoryNotEmpty",
        pub directory_not_empty -> &[Box<str>] as WatchedPaths, default "";

    /// Whether the directories are made before they are watched.
    ///
    /// Those of all settings but `path-exists` and `path-exists-glob`, with those above them.
    MakeDirectory: Path "make-directory" = "MakeDirectory",
        pub make_directory -> bool as Flag, default "false";

    /// The access mode of directories that are made.
    ///
    /// Those above them that are missing get it too. Of a socket unit: directories for its sockets,
    /// pipes and symbolic links.
    DirectoryMode: Path | Socket "directory-mode" = "DirectoryMode",
        pub directory_mode -> Mode as AccessMode, default "0755";
}
