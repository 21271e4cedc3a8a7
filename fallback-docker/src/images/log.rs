//! What a build says, up to a bound.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

const MAX_BYTES: usize = 1024 * 1024;
const MAX_LINE_BYTES: usize = 4096;

/// What is told again with a failure.
const TAIL_LINES: usize = 20;

pub struct Log<'a> {
    to: &'a dyn Fn(&str),
    left: Cell<usize>,
    line: RefCell<String>,
    tail: RefCell<VecDeque<String>>,
}

impl<'a> Log<'a> {
    pub fn new(to: &'a dyn Fn(&str)) -> Self {
        Self { to, left: Cell::new(MAX_BYTES), line: RefCell::default(), tail: RefCell::default() }
    }

    /// A line of our own.
    pub fn say(&self, line: &str) {
        self.flush();
        (self.to)(line);
    }

    /// A piece of what a stranger's build prints.
    pub fn print(&self, text: &str) {
        for piece in text.split_inclusive('\n') {
            let mut line = self.line.borrow_mut();
            let room = MAX_LINE_BYTES - line.len().min(MAX_LINE_BYTES);
            line.push_str(&piece[..piece.floor_char_boundary(room)]);
            drop(line);
            if piece.ends_with('\n') {
                self.flush();
            }
        }
    }

    /// Passes on an unfinished line.
    pub fn flush(&self) {
        let line = std::mem::take(&mut *self.line.borrow_mut());
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        let mut tail = self.tail.borrow_mut();
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line.to_owned());
        let left = self.left.get();
        if line.len() < left {
            self.left.set(left - line.len() - 1);
            (self.to)(line);
        } else if left > 0 {
            self.left.set(0);
            (self.to)("the build says more than 1 MiB: the rest is left out");
        }
    }

    /// The last lines that were printed, and forgets them.
    pub fn take_tail(&self) -> String {
        self.flush();
        let lines: Vec<String> = self.tail.borrow_mut().drain(..).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_bounded() {
        let heard = RefCell::new(Vec::new());
        let hear = |line: &str| heard.borrow_mut().push(line.to_owned());
        let log = Log::new(&hear);
        log.print("a");
        log.print("b\nc\n");
        log.print(&format!("{}\n", "é".repeat(10_000)));
        assert_eq!(heard.borrow()[..2], ["ab", "c"]);
        assert_eq!(heard.borrow()[2].len(), MAX_LINE_BYTES);
        for number in 0..1_000_000 {
            log.print(&format!("line {number}\n"));
        }
        log.say("ours");
        let heard = heard.borrow();
        let bytes: usize = heard.iter().map(|line| line.len() + 1).sum();
        assert!(bytes < MAX_BYTES + 100, "{bytes}");
        assert!(heard[heard.len() - 2].contains("left out"));
        assert_eq!(heard[heard.len() - 1], "ours");
        let tail = log.take_tail();
        assert!(tail.ends_with("line 999999") && tail.lines().count() == TAIL_LINES);
        assert!(log.take_tail().is_empty());
    }
}
