//! Outputs that are told another way while they write.

use super::*;

/// The writer may be late: a process that was started since an output was told another way has
/// written already.
#[test]
fn nothing_goes_the_old_way_while_a_new_one_is_being_told() {
    let world = World::text();
    let directory = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| directory.path().join(name));
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("web.service", file_sink(&old, 0, 0), &read, None);
    writeln!(write, "before").unwrap();
    world.flush();
    // The first half of what `follow` does.
    world.logs.inner.ways.telling();
    writeln!(write, "after").unwrap();
    // Answered twice, it has looked at its pipes at least once in between.
    world.losses("web.service");
    world.losses("web.service");
    assert_eq!(read_all(&old), "before\n");
    let follow = way("web.service", file_sink(&new, 0, 0), &read, None);
    world.logs.send(Command::Follow(Box::new(follow)));
    world.flush();
    assert_eq!(read_all(&old), "before\n");
    assert_eq!(read_all(&new), "after\n");
}
