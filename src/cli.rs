//! The command line: one file a command.

pub mod mine;
pub mod output;
pub mod table;
pub mod whole_file;
