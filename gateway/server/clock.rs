//! The time of day, for what the pure rooms may not ask for themselves.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Tells the date; a fixed one in tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    fixed: Option<Date>,
}

impl Clock {
    /// A clock that stands still at a date.
    pub fn fixed(date: Date) -> Self {
        Self { fixed: Some(date) }
    }

    /// Today, UTC.
    pub fn today(&self) -> Date {
        self.fixed.unwrap_or_else(|| Timestamp::now().to_zoned(TimeZone::UTC).date())
    }
}
