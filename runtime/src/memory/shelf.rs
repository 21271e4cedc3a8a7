//! What is kept ready, by key, in the order of its last use.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// What keeping something takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub bytes: usize,
    pub mappings: usize,
}

struct Kept<T> {
    stamp: u64,
    cost: Cost,
    item: T,
}

/// Gives back what was put last of a key, and throws out what was put first of all: so a
/// key keeps as many items as are in use at a time, and loses them as it is used less.
pub struct Shelf<T> {
    stacks: HashMap<u64, VecDeque<Kept<T>>>,
    /// Keys by stamp.
    order: BTreeMap<u64, u64>,
    next: u64,
    cost: Cost,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { stacks: HashMap::new(), order: BTreeMap::new(), next: 0, cost: Cost::default() }
    }
}

impl<T> Shelf<T> {
    pub fn put(&mut self, key: u64, item: T, cost: Cost) {
        let stamp = self.next;
        self.next += 1;
        self.order.insert(stamp, key);
        self.cost.bytes += cost.bytes;
        self.cost.mappings += cost.mappings;
        self.stacks.entry(key).or_default().push_back(Kept { stamp, cost, item });
    }

    /// The item of a key that was put last.
    pub fn take(&mut self, key: u64) -> Option<T> {
        self.remove(key, VecDeque::pop_back)
    }

    /// The item that was put before all others.
    pub fn evict(&mut self) -> Option<T> {
        let (_, &key) = self.order.first_key_value()?;
        // Of a key, the first in the stack is the one that was put first.
        self.remove(key, VecDeque::pop_front)
    }

    pub fn clear(&mut self, key: u64) -> Vec<T> {
        std::iter::from_fn(|| self.take(key)).collect()
    }

    fn remove(
        &mut self,
        key: u64,
        pop: impl FnOnce(&mut VecDeque<Kept<T>>) -> Option<Kept<T>>,
    ) -> Option<T> {
        let stack = self.stacks.get_mut(&key)?;
        let kept = pop(stack)?;
        if stack.is_empty() {
            self.stacks.remove(&key);
        }
        self.order.remove(&kept.stamp);
        self.cost.bytes -= kept.cost.bytes;
        self.cost.mappings -= kept.cost.mappings;
        Some(kept.item)
    }

    pub fn cost(&self) -> Cost {
        self.cost
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn keys(&self) -> usize {
        self.stacks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { bytes: 10, mappings: 2 };

    #[test]
    fn the_last_of_a_key_comes_back_and_the_first_of_all_goes() {
        let mut shelf = Shelf::default();
        for (key, item) in [(1, "a"), (2, "b"), (1, "c"), (2, "d")] {
            shelf.put(key, item, COST);
        }
        assert_eq!(shelf.take(1), Some("c"));
        shelf.put(1, "e", COST);
        assert_eq!(shelf.cost(), Cost { bytes: 40, mappings: 8 });
        assert_eq!(shelf.evict(), Some("a"));
        assert_eq!(shelf.evict(), Some("b"));
        assert_eq!(shelf.evict(), Some("d"));
        assert_eq!(shelf.take(2), None);
        assert_eq!((shelf.len(), shelf.keys()), (1, 1));
        assert_eq!(shelf.evict(), Some("e"));
        assert_eq!(shelf.evict(), None);
        assert_eq!((shelf.cost(), shelf.keys()), (Cost::default(), 0));
    }

    #[test]
    fn a_key_can_be_cleared() {
        let mut shelf = Shelf::default();
        for item in 0..5 {
            shelf.put(item % 2, item, COST);
        }
        assert_eq!(shelf.clear(0), [4, 2, 0]);
        assert_eq!(shelf.clear(0), [0; 0]);
        assert_eq!((shelf.len(), shelf.cost().bytes), (2, 20));
    }
}
