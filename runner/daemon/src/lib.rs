//! The daemon: it makes happen what `engine` decides. Two processes, keeper and manager, are made
//! from this one program; `main.rs` chooses which of them to be.

pub mod cgroup;
pub mod keeper;
pub mod options;
pub mod process;
pub mod runtime_dir;
pub mod store;
pub mod users;
