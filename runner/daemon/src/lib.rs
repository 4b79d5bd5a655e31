//! The daemon: it makes happen what `engine` decides. Two processes, keeper and manager, are made
//! from this one program; `main.rs` chooses which of them to be.

pub mod cgroup;
pub mod clock;
pub mod condition;
pub mod keeper;
pub mod link;
pub mod load;
pub mod log;
pub mod machine;
pub mod machine_id;
pub mod manager;
pub mod memory;
pub mod notify;
pub mod now;
pub mod one_command;
pub mod options;
pub mod path;
mod place;
pub mod process;
pub mod reason;
mod rewrite;
pub mod runtime_dir;
pub mod socket;
pub mod stamp;
pub mod standard_descriptors;
pub mod store;
pub mod supervisord;
pub mod surroundings;
pub mod users;
