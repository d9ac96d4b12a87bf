//! The gRPC service: one file for each service of the wire contract.
//!
//! Reading order: [`wire`] reads and writes messages, `status` makes every
//! refusal what a caller sees, [`gate`] holds the engine once it is there,
//! `limits` gives each call its deadline and its place, then the services, and
//! [`server`] puts them behind a socket.
//!
//! Invariants:
//! 1. A request is read whole, and refused with all of its faults at once,
//!    before anything is asked of the engine.
//! 2. Every refusal carries `google.rpc.ErrorInfo` with a reason of this
//!    domain; bad fields carry `BadRequest`, what may be tried again carries
//!    `RetryInfo`.
//! 3. A call that its caller or its deadline gives up has either done nothing
//!    or is completed by the engine: a retry with the same id tells.
//! 4. Absent on purpose: decisions of any kind, the clock, the disk (but for
//!    how much of it the ledger takes).

mod catalog;
pub mod gate;
mod ledger;
pub mod lift;
mod limits;
mod offer;
mod reward;
pub mod server;
mod status;
pub mod wire;

pub use gate::Gate;
pub use server::{ServeError, Settings, run};
pub use status::DOMAIN;
