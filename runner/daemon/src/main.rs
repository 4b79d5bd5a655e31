//! Chooses the role: keeper or manager.
fn main() {}
