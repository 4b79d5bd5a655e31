use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::{LoadState, load};

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Tree {
        let tree = Tree(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = tree.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn own(&self) -> Surroundings {
        let uid = fs::metadata(self.0.path()).unwrap().uid();
        Surroundings {
            uid,
            ..Surroundings::example()
        }
    }

    fn read(&self, names: &[&str]) -> (Vec<Source>, Vec<Diagnostic>) {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        read(&paths, true, &self.own())
    }
}

#[test]
fn directories_files_and_drop_ins() {
    let tree = Tree::new(&[
        ("a/web.toml", "[service]\nexec-start='/bin/a'"),
        ("a/web.toml.d/1.toml", "[service]\nuser='www'"),
        ("a/README", "not a unit"),
        ("a/.hidden.toml", "x"),
        ("b/web.toml", "[service]\nexec-start='/bin/b'"),
        ("b/db.toml", "[service]\nexec-start='/bin/db'"),
        ("one/single.toml", "[service]\nexec-start='/bin/one'"),
        ("one/single.toml.d/1.toml", "[service]\nuser='www'"),
        ("one/other.toml", "[service]\nexec-start='/bin/other'"),
    ]);
    symlink("/dev/null", tree.path("a/db.service")).unwrap();
    let (sources, found) = tree.read(&["a", "b", "one/single.toml"]);
    assert_eq!(found, []);
    let (set, found) = load(&sources, &tree.own());
    assert_eq!(found, []);
    let unit = |name: &str| set.get(&UnitName::parse(name).unwrap()).cloned();
    assert_eq!(
        &*unit("web.service").unwrap().exec_start()[0].path,
        "/bin/a"
    );
    assert_eq!(unit("web.service").unwrap().user(), Some("www"));
    assert_eq!(unit("db.service").unwrap().load_state(), &LoadState::Masked);
    assert_eq!(unit("single.service").unwrap().user(), Some("www"));
    assert!(unit("other.service").is_none());
}

#[test]
fn strange_files_are_named_and_never_block() {
    let tree = Tree::new(&[("u/good.toml", "[service]\nexec-start='/bin/x'")]);
    fs::create_dir(tree.path("u/directory.toml")).unwrap();
    symlink("loop.toml", tree.path("u/loop.toml")).unwrap();
    symlink("/dev/zero", tree.path("u/device.toml")).unwrap();
    symlink("nowhere", tree.path("u/dangling.toml")).unwrap();
    let pipe = std::process::Command::new("mkfifo")
        .arg(tree.path("u/pipe.toml"))
        .status();
    assert!(pipe.unwrap().success());
    let large = File::create(tree.path("u/large.toml")).unwrap();
    large.set_len(LARGEST_FILE + 1).unwrap();
    let (sources, found) = tree.read(&["u"]);
    assert_eq!(found, []);
    let (set, found) = load(&sources, &tree.own());
    let said: Vec<String> = found
        .iter()
        .map(|found| {
            let file = found.place.path.rsplit('/').next().unwrap_or_default();
            format!(
                "{file}: {}",
                found.message.split(" (os").next().unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "dangling.toml: cannot read this file: No such file or directory",
            "device.toml: this is a device, not a file",
            "directory.toml: this is a directory, not a file",
            "large.toml: this file has 1048577 bytes, and a unit file at most 1048576",
            "loop.toml: cannot read this file: Too many levels of symbolic links",
            "pipe.toml: this is a named pipe, not a file",
        ]
    );
    let state = |name: &str| {
        set.get(&UnitName::parse(name).unwrap())
            .unwrap()
            .load_state()
            .as_str()
    };
    assert_eq!(state("pipe.service"), "error");
    assert_eq!(state("good.service"), "loaded");
}

#[test]
fn root_reads_only_what_nobody_else_can_write() {
    let tree = Tree::new(&[("u/open.toml", ""), ("u/mine.toml", "")]);
    let writable = fs::Permissions::from_mode(0o666);
    fs::set_permissions(tree.path("u/open.toml"), writable).unwrap();
    let (sources, _) = tree.read(&["u"]);
    let unreadable = |source: &Source| matches!(source.content, Content::Unreadable(_));
    let refused: Vec<bool> = sources.iter().map(unreadable).collect();
    assert_eq!(refused, [false, true]);

    let path = tree.path("u/mine.toml");
    let found = fs::metadata(&path).unwrap();
    assert!(refuse_untrusted(&path, &found, &[Some(found.uid())]).is_ok());
    let problem = refuse_untrusted(&path, &found, &[Some(found.uid() + 1), None]).unwrap_err();
    assert!(
        problem.message.starts_with("this file belongs to user"),
        "{problem}"
    );
}

#[test]
fn what_is_not_there() {
    let tree = Tree::new(&[]);
    let (_, found) = tree.read(&["nowhere"]);
    assert!(
        found[0]
            .message
            .starts_with("cannot read this: No such file"),
        "{found:?}"
    );
    let (sources, found) = read(&[tree.path("nowhere")], false, &tree.own());
    assert!(sources.is_empty() && found.is_empty());
}

#[test]
fn relative_paths_become_absolute() {
    let here = Surroundings {
        uid: fs::metadata(".").unwrap().uid(),
        ..Surroundings::example()
    };
    // Tests run in the directory of the package.
    let (sources, _) = read(&["Cargo.toml".into()], true, &here);
    assert!(sources[0].path.starts_with('/') && sources[0].path.ends_with("/Cargo.toml"));
}

#[test]
fn search_paths() {
    let root = Surroundings::example();
    assert_eq!(search_path(&root, "")[0], Path::new("/etc/runner/units"));
    assert_eq!(search_path(&root, "").len(), 4);
    let user = Surroundings {
        is_root: false,
        configuration_directory: "/home/u/.config".into(),
        runtime_directory: String::new(),
        ..root
    };
    let paths = search_path(&user, "/home/u/.local/share");
    assert_eq!(paths[0], Path::new("/home/u/.config/runner/units"));
    assert_eq!(paths[2], Path::new("/home/u/.local/share/runner/units"));
}
