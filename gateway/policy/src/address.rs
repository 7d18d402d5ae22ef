//! STUB
#[derive(Clone, Debug)]
pub struct Address; #[derive(Clone, Debug)]
pub struct AddressPattern; #[derive(Debug)]
pub struct AddressError;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct AddressPatternError { pub offset: usize, pub message: String, pub help: Option<String> }
impl AddressPattern { pub fn parse(_: &str) -> Result<Self, AddressPatternError> { Ok(Self) } pub fn matches(&self, _: &Address) -> bool { false } pub fn as_str(&self) -> &str { "" } }
pub fn parse_recipients(_: &str) -> Result<Vec<Address>, AddressError> { Err(AddressError) }
pub fn parse_address(_: &str) -> Result<Address, AddressError> { Err(AddressError) }
