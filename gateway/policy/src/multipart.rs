//! STUB
pub struct Part; pub struct MultipartError;
pub fn parts<'b>(_: &str, _: &'b [u8]) -> Result<Vec<Part>, MultipartError> { Err(MultipartError) }
pub fn has_file(_: &[Part]) -> bool { true }
