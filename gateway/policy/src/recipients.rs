//! STUB
use crate::address::Address;
pub enum RecipientError { Unscannable, NotAnAddress }
pub fn recipients(_: Option<&str>, _: Option<&str>, _: &[u8]) -> Result<Vec<Address>, RecipientError> { Err(RecipientError::Unscannable) }
