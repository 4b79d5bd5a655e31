//! The answering end.
