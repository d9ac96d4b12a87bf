//! The command line from outside: the real program, real sockets, real
//! directories.

mod catalogues;
mod evaluate;
mod policies;
mod records;
mod replay;
mod report;
mod served;
mod showcase;
