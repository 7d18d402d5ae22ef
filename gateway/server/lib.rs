//! Server.
pub mod identity;
pub mod secret;
