//! Numbers, sizes, spans of time, shares and switches.

use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::kind::{Kind, Raw};
use super::page::quoted;

/// A whole number of some width.
pub(super) trait Number: Copy {
    fn of(number: u64) -> Option<Self>;
    /// Back to what it was made of.
    fn get(self) -> u64;
}

macro_rules! numbers {
    ($($type:ty: $get:expr;)+) => {$(
        impl Number for $type {
            fn of(number: u64) -> Option<Self> {
                number.try_into().ok().and_then(|number: u32| number.try_into().ok())
            }

            fn get(self) -> u64 {
                $get(self)
            }
        }
    )+};
}

numbers! {
    u32: u64::from;
    NonZeroU32: |number: NonZeroU32| u64::from(number.get());
}

impl Number for u64 {
    fn of(number: u64) -> Option<Self> {
        Some(number)
    }

    fn get(self) -> u64 {
        self
    }
}

impl Number for usize {
    fn of(number: u64) -> Option<Self> {
        number.try_into().ok()
    }

    fn get(self) -> u64 {
        self as u64
    }
}

/// A number that is not negative, from TOML or from text.
fn number(raw: &Raw) -> Option<u64> {
    match raw {
        Raw::Typed(value) => value.as_integer()?.try_into().ok(),
        Raw::Text(text) => text.trim().parse().ok(),
    }
}

pub(super) struct Whole<N> {
    range: RangeInclusive<u64>,
    number: PhantomData<N>,
}

pub(super) fn whole<N: Number>(range: RangeInclusive<u64>) -> Whole<N> {
    Whole { range, number: PhantomData }
}

impl<N: Number> Kind for Whole<N> {
    type Value = N;

    fn parse(&self, raw: &Raw) -> Option<N> {
        number(raw).filter(|number| self.range.contains(number)).and_then(N::of)
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.range.start(), self.range.end())
    }

    fn show(&self, value: &N) -> Option<String> {
        Some(value.get().to_string())
    }
}

/// The largest first, so that a size is shown in the largest that divides it.
const UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

fn written_size(bytes: u64) -> (u64, &'static str) {
    let dividing = UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    dividing.map_or((bytes, "B"), |(name, unit)| (bytes / unit, name))
}

/// Bytes: a number, or a number with a binary unit.
pub(super) struct Size<N>(Whole<N>);

pub(super) fn size<N: Number>(range: RangeInclusive<u64>) -> Size<N> {
    Size(whole(range))
}

impl<N: Number> Kind for Size<N> {
    type Value = N;

    fn parse(&self, raw: &Raw) -> Option<N> {
        let bytes = match (number(raw), raw.text()) {
            (Some(bytes), _) => bytes,
            (None, Some(text)) => {
                let text = text.trim();
                let digits = text.find(|one: char| !one.is_ascii_digit())?;
                let (count, name) = text.split_at(digits);
                let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name.trim_start())?;
                count.parse::<u64>().ok()?.checked_mul(*unit)?
            }
            (None, None) => return None,
        };
        Some(bytes).filter(|bytes| self.0.range.contains(bytes)).and_then(N::of)
    }

    fn allowed(&self) -> String {
        let [(least, unit), (most, most_unit)] =
            [*self.0.range.start(), *self.0.range.end()].map(written_size);
        format!(
            "a number of bytes, or text with a unit such as `\"64 MiB\"`, \
             from {least} {unit} to {most} {most_unit}"
        )
    }

    fn show(&self, value: &N) -> Option<String> {
        Some(match written_size(value.get()) {
            (bytes, "B") => bytes.to_string(),
            (count, unit) => quoted(&format!("{count} {unit}")),
        })
    }
}

/// A span of time, written as a number of the unit that its key's name ends with.
pub(super) struct Span {
    count: Whole<u64>,
    unit_ms: u64,
}

pub(super) fn milliseconds(range: RangeInclusive<u64>) -> Span {
    Span { count: whole(range), unit_ms: 1 }
}

pub(super) fn seconds(range: RangeInclusive<u64>) -> Span {
    Span { count: whole(range), unit_ms: 1000 }
}

pub(super) fn hours(range: RangeInclusive<u64>) -> Span {
    Span { count: whole(range), unit_ms: 3_600_000 }
}

pub(super) fn days(range: RangeInclusive<u64>) -> Span {
    Span { count: whole(range), unit_ms: 86_400_000 }
}

impl Kind for Span {
    type Value = Duration;

    fn parse(&self, raw: &Raw) -> Option<Duration> {
        self.count.parse(raw)?.checked_mul(self.unit_ms).map(Duration::from_millis)
    }

    fn allowed(&self) -> String {
        self.count.allowed()
    }

    fn show(&self, value: &Duration) -> Option<String> {
        Some((value.as_millis() / u128::from(self.unit_ms)).to_string())
    }
}

/// A part of a whole: more than none of it.
pub(super) struct Share;

impl Kind for Share {
    type Value = f64;

    fn parse(&self, raw: &Raw) -> Option<f64> {
        let share = match raw {
            Raw::Typed(toml::Value::Float(share)) => *share,
            Raw::Typed(toml::Value::Integer(1)) => 1.0,
            Raw::Typed(_) => return None,
            Raw::Text(text) => text.trim().parse().ok()?,
        };
        (share > 0.0 && share <= 1.0).then_some(share)
    }

    fn allowed(&self) -> String {
        String::from("a number above 0, at most 1")
    }

    fn show(&self, value: &f64) -> Option<String> {
        Some(format!("{value:?}"))
    }
}

/// Yes or no.
pub(super) struct Switch;

impl Kind for Switch {
    type Value = bool;

    fn parse(&self, raw: &Raw) -> Option<bool> {
        match raw {
            Raw::Typed(value) => value.as_bool(),
            Raw::Text(text) => text.trim().parse().ok(),
        }
    }

    fn allowed(&self) -> String {
        String::from("`true` or `false`")
    }

    fn show(&self, value: &bool) -> Option<String> {
        Some(value.to_string())
    }
}
