//! The action log: what each account did, from where, and how it ended.
//!
//! An [`Entry`] is made by the request that is ending and handed to [`ActionLog::append`], which never waits. A
//! thread of its own writes entries to a [`Sink`] in batches; the embedded [`Store`] is the one sink so far. What was
//! accepted is on disk after [`ActionLog::flush`] or [`ActionLog::close`], and at the latest a tenth of a second after
//! `append` while the disk works: a killed process loses no more than that, a drained one nothing.
//!
//! The room stores operators' doings, never clients' contact data: a path is stored as its route's pattern, and a
//! target only where the profile names an account (see [`ActionType::may_have_target`]).

mod entry;
mod print;
mod reader;
mod registry;
mod store;
mod text;
mod writer;

pub use entry::{Actor, Entry};
pub use print::{Format, PrintError, follow, print};
pub use reader::{Query, Reader, Stored, TypePattern};
pub use registry::{Action, ActionType, Outcome, TypeError};
pub use store::{Sink, Store, StoreError};
pub use writer::{ActionLog, NotRecorded, Options, Status, Unwritten};
