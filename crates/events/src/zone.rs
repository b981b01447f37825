//! The base's zone: where its days begin and its months end.

use jiff::{
    Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};
use std::fmt;

/// A time zone by its IANA name.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// There is no zone of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone; zones have names such as America/Sao_Paulo (IANA)")]
pub struct UnknownZone(pub String);

impl Zone {
    /// The zone of this name.
    ///
    /// # Errors
    /// [`UnknownZone`].
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        TimeZone::get(name).map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.0.iana_name().unwrap_or_default()
    }

    /// An instant as answers write it.
    pub(crate) fn local(&self, at: Timestamp) -> Local {
        Local { at, offset: self.0.to_offset(at) }
    }

    /// The calendar month of an instant.
    pub(crate) fn month(&self, at: Timestamp) -> Month {
        let local = self.0.to_datetime(at);
        Month { year: local.year(), month: local.month() }
    }

    /// The first instant of a day. At the ends of time, that end.
    pub(crate) fn start_of(&self, day: Date) -> Timestamp {
        let end = if day.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
        day.to_zoned(self.0.clone()).map_or(end, |start| start.timestamp())
    }

    /// The first instant after a day.
    pub(crate) fn end_of(&self, day: Date) -> Timestamp {
        day.tomorrow().map_or(Timestamp::MAX, |next| self.start_of(next))
    }
}

/// An instant as RFC 3339 with its zone's offset: `2011-10-05T11:48:00-03:00`.
#[derive(Clone, Copy)]
pub(crate) struct Local {
    at: Timestamp,
    offset: Offset,
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Before there were zones, offsets had seconds, which RFC 3339 cannot say: whole minutes keep the instant.
        let minutes = Offset::from_seconds(self.offset.seconds() / 60 * 60).unwrap_or(Offset::UTC);
        self.at.display_with_offset(minutes).fmt(f)
    }
}

impl serde::Serialize for Local {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A calendar month, written `2026-10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// As it is written.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        Some(Self { year: year.parse().ok()?, month: month.parse().ok()? })
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl serde::Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn sao_paulo() -> Zone {
        Zone::named("America/Sao_Paulo").unwrap()
    }

    #[test]
    fn instants_are_written_with_the_zones_offset_and_stay_the_same_instant() {
        for (utc, local) in [
            ("2011-10-05T14:48:00Z", "2011-10-05T11:48:00-03:00"),
            ("2018-01-01T01:00:00.5Z", "2017-12-31T23:00:00.5-02:00"),
            ("1900-01-01T00:00:00Z", "1899-12-31T20:54:00-03:06"),
        ] {
            let at: Timestamp = utc.parse().unwrap();
            assert_eq!(sao_paulo().local(at).to_string(), local);
            assert_eq!(local.parse::<Timestamp>().unwrap(), at);
        }
    }

    #[test]
    fn months_end_at_the_zones_midnight() {
        for (utc, month) in [("2026-11-01T02:59:59.999Z", "2026-10"), ("2026-11-01T03:00:00Z", "2026-11")] {
            assert_eq!(sao_paulo().month(utc.parse().unwrap()).to_string(), month);
        }
    }

    #[test]
    fn days_begin_and_end_in_the_zone_also_where_the_clock_jumps_over_midnight() {
        let zone = sao_paulo();
        assert_eq!(zone.start_of(date(2026, 11, 22)).to_string(), "2026-11-22T03:00:00Z");
        assert_eq!(zone.end_of(date(2026, 11, 22)).to_string(), "2026-11-23T03:00:00Z");
        // Summer time began at midnight: the day's first instant is one o'clock.
        assert_eq!(zone.start_of(date(2018, 11, 4)).to_string(), "2018-11-04T03:00:00Z");
        assert_eq!(zone.end_of(date(9999, 12, 31)), Timestamp::MAX);
    }

    #[test]
    fn another_name_is_refused() {
        assert_eq!(Zone::named("Brasília").unwrap_err(), UnknownZone("Brasília".into()));
        assert_eq!(sao_paulo().name(), "America/Sao_Paulo");
    }
}
