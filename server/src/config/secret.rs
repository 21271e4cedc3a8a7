//! Text that must not be seen.

use std::fmt;

/// What stands for a secret wherever a configuration is printed.
pub(super) const MASK: &str = "********";

/// A secret: it has no `Display` and no `Serialize`, and its `Debug` is a mask.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for whoever needs it. Compare it in constant time.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
