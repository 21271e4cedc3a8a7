//! What time it is: a parameter of everything that asks, so that tests can move it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment, in microseconds; RFC 3339 in UTC as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(Timestamp);

impl Time {
    pub const EPOCH: Self = Self(Timestamp::UNIX_EPOCH);

    /// Microseconds since 1970; what lies beyond the year 9999 is its end.
    pub fn from_micros(micros: i64) -> Self {
        let bounded =
            micros.clamp(Timestamp::MIN.as_microsecond(), Timestamp::MAX.as_microsecond());
        Self(Timestamp::from_microsecond(bounded).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    pub fn micros(self) -> i64 {
        self.0.as_microsecond()
    }

    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }

    pub fn after(self, wait: Duration) -> Self {
        Self::from_micros(self.micros().saturating_add(micros_of(wait)))
    }

    pub fn before(self, span: Duration) -> Self {
        Self::from_micros(self.micros().saturating_sub(micros_of(span)))
    }

    /// Since an earlier moment; zero if that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros().saturating_sub(earlier.micros()).max(0).unsigned_abs())
    }

    /// Days since 1970, in UTC.
    pub fn day(self) -> i64 {
        self.seconds().div_euclid(86_400)
    }
}

fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        Timestamp::try_from(time)
            .map_or(Self::EPOCH, |time| Self::from_micros(time.as_microsecond()))
    }
}

impl From<Time> for SystemTime {
    fn from(time: Time) -> Self {
        time.0.into()
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<Timestamp>()
            .map(|time| Self::from_micros(time.as_microsecond()))
            .map_err(|_| format!("`{text}` is not a time like 2026-11-21T08:30:00Z"))
    }
}

pub trait Clock: Send + Sync {
    fn now(&self) -> Time;
}

/// The machine's own.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        SystemTime::now().into()
    }
}

pub type SharedClock = Arc<dyn Clock>;

impl utoipa::PartialSchema for Time {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl utoipa::ToSchema for Time {}
