//! Durations, sizes, rates and dates as people write them: `30s`, `64KiB`, `60/h`, `2027-01-31`.
//!
//! A number always carries its unit, so that nobody has to know what a bare `30` counts. The `read_*` functions are
//! for serde's `deserialize_with`.

use std::time::Duration;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error};

/// A value that is not of the expected form, in words for the admin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(&'static str);

/// Reads `500ms`, `30s`, `15m`, `12h` or `365d`.
///
/// # Errors
/// It has another form, or is too long to count.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text).ok_or(UnitError(DURATION_FORM))?;
    let seconds = |each: u64| {
        number.checked_mul(each).map(Duration::from_secs).ok_or(UnitError("the duration is too long"))
    };
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(86_400),
        _ => Err(UnitError(DURATION_FORM)),
    }
}

/// Reads `512B`, `64KiB`, `4MiB`, `1GiB`, `64KB` or `4MB` as bytes.
///
/// # Errors
/// It has another form, or is too large to count.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text).ok_or(UnitError(SIZE_FORM))?;
    let each = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "KB" => 1_000,
        "MB" => 1_000_000,
        _ => return Err(UnitError(SIZE_FORM)),
    };
    number.checked_mul(each).ok_or(UnitError("the size is too large"))
}

/// So many of something in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least one.
    pub count: u32,
    /// In which time.
    pub per: Duration,
}

/// Reads `60/h`, `10/m`, `1/s` or `500/d`.
///
/// # Errors
/// It has another form, or none of it is allowed.
pub fn parse_rate(text: &str) -> Result<Rate, UnitError> {
    let (count, unit) = text.split_once('/').ok_or(UnitError(RATE_FORM))?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(UnitError(RATE_FORM)),
    };
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    match count.parse() {
        Ok(count @ 1..) if digits => Ok(Rate { count, per: Duration::from_secs(seconds) }),
        Ok(_) | Err(_) => Err(UnitError(RATE_FORM)),
    }
}

/// A rate in a struct that serde reads.
///
/// # Errors
/// It has another form.
pub fn read_rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
    parse_rate(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a date such as `2027-01-31`.
///
/// # Errors
/// It has another form, or the calendar has no such day.
pub fn parse_date(text: &str) -> Result<Date, UnitError> {
    let form =
        |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    if text.len() != 10 || !text.bytes().enumerate().all(form) {
        return Err(UnitError(DATE_FORM));
    }
    text.parse().map_err(|_: jiff::Error| UnitError("the calendar has no such day"))
}

/// A duration in a struct that serde reads.
///
/// # Errors
/// It has another form.
pub fn read_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A size in a struct that serde reads.
///
/// # Errors
/// It has another form.
pub fn read_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    parse_size(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A date in a struct that serde reads.
///
/// # Errors
/// It has another form.
pub fn read_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    parse_date(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds, duration.subsec_millis()) {
        (0, 0) => "0s".into(),
        (_, millis) if millis > 0 => format!("{}ms", duration.as_millis()),
        (_, _) if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        (_, _) if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        (_, _) if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        (_, _) => format!("{seconds}s"),
    }
}

pub(crate) fn show_size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units.into_iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    whole.map_or_else(|| format!("{bytes}B"), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

pub(crate) const DURATION_FORM: &str =
    "write a duration as a whole number and its unit: `500ms`, `30s`, `15m`, `12h`, `365d`";
pub(crate) const SIZE_FORM: &str =
    "write a size as a whole number and its unit: `512B`, `64KiB`, `4MiB`, `1GiB`, `64KB`, `4MB`";
pub(crate) const RATE_FORM: &str =
    "write a rate as a whole number, `/` and the time: `60/h`, `10/m`, `1/s`, `500/d`";
pub(crate) const DATE_FORM: &str = "write a date as `2027-01-31`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_their_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("365d"), Ok(Duration::from_secs(31_536_000)));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("4MB"), Ok(4_000_000));
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "+1s",
            "1.5h",
            "1 h",
            "1H",
            "1w",
            "18446744073709551616s",
            "18446744073709551615d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for text in ["", "64", "64K", "64kib", "1TiB", "١KiB", "18446744073709551615GiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        assert_eq!(parse_rate("60/h"), Ok(Rate { count: 60, per: Duration::from_secs(3600) }));
        assert_eq!(parse_rate("1/s"), Ok(Rate { count: 1, per: Duration::from_secs(1) }));
        for text in ["", "60", "/h", "0/h", "+1/h", "1/w", "1 /h", "1/2h", "4294967296/d", "1.5/m"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        assert_eq!(parse_date("2027-01-31"), Ok(jiff::civil::date(2027, 1, 31)));
        for text in ["2027-02-29", "2027-1-31", "20270131", "2027-01-31T00:00", "31.01.2027", "2027-01-3é"] {
            assert!(parse_date(text).is_err(), "{text}");
        }
    }
}
