//! Lists, a page at a time.

/// Which part of a list: newest first, what comes after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Most items.
    pub limit: usize,
    /// The last item's key of the page before, as that page gave it.
    pub after: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The key to go on after, if there is more.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Of one item more than were asked for, if there are more.
    pub fn of(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(key) } else { None };
        Self { items, next }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}
