//! How a hidden value is shown in its place.
//!
//! An alias stands for one value and can be told from others; a partial value shows a little of it; a hidden
//! value shows nothing. Which one applies is the admin's choice per class.

/// The form in which values of a class are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Display {
    /// A stable stand-in, the same wherever the value occurs: `Client 7F3KQ-2MX9T`.
    #[default]
    Alias,
    /// A few characters of the value: `Anna K.`. What is too short to be shortened is hidden.
    Partial,
    /// A constant: `hidden`.
    Hidden,
}

impl Display {
    /// Names the form as `personal-data.yaml` does.
    pub const fn name(self) -> &'static str {
        match self {
            Display::Alias => "alias",
            Display::Partial => "partial",
            Display::Hidden => "hidden",
        }
    }
}
