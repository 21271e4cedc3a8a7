//! Memory of instances that are alive at the same time.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{Events, LogEntry};

use super::Scale;
use super::calls;
use super::table::Table;
use crate::call::{Call, sandbox_with};
use crate::process::Resident;

/// Says when a handler runs.
struct Running(Mutex<Sender<()>>);

impl Events for Running {
    fn log(&self, _entry: &LogEntry) {
        // Whoever waits may have given up.
        let _ = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).send(());
    }

    fn progress(&self, _fraction: f64, _message: &str) {}
}

/// Instances that are alive before any is counted: with them, what instances share is there.
const BEFORE: usize = 8;

/// Holds instances in the middle of a call, and divides what the process grew by.
pub fn measure(scale: Scale) {
    let mut table = Table::new(
        &format!("Memory of one of {} instances alive, in a call (KiB)", scale.instances),
        &["", "RSS", "PSS", "written"],
    );
    for (name, metered) in [("unmetered", false), ("metered", true)] {
        let [rss, pss, written] = of_one(scale.instances, metered).map(|kib| format!("{kib:.0}"));
        table.row([name.to_owned(), rss, pss, written]);
    }
    table.print();
    println!(
        "  RSS counts a page of the shared image in every instance that looked at it, PSS once."
    );
    println!("  `written` is an instance's own. A worker's thread and its stack are in all three.");
}

/// What one instance adds to the process, in KiB: RSS, PSS, and pages written.
fn of_one(instances: usize, metered: bool) -> [f64; 3] {
    let sandbox = Arc::new(sandbox_with(|config| config.instances = BEFORE + instances));
    let module = format!(
        "import time\n{}\n_one = calculate\ndef calculate(inputs):\n    result = _one(inputs)\n    \
         print(result, flush=True)\n    time.sleep(60)\n",
        calls::HANDLER
    );
    let (sender, running) = channel();
    let mut call = calls::with_metering(Call::of(&module).inputs(calls::inputs()), metered)
        .limits(|limits| limits.timeout = Duration::from_secs(60));
    call.events = Arc::new(Running(Mutex::new(sender)));
    let hold = |count: usize| -> Vec<_> {
        let start = |_| {
            let (sandbox, call) = (sandbox.clone(), call.clone());
            runtime::spawn_worker("bench", move || call.run(&*sandbox)).expect("a thread")
        };
        let workers = (0..count).map(start).collect();
        for _ in 0..count {
            running.recv_timeout(Duration::from_secs(50)).expect("every handler to run");
        }
        workers
    };
    let mut workers = hold(BEFORE);
    let before = Resident::now();
    workers.extend(hold(instances));
    let after = Resident::now();
    call.cancel.cancel();
    for worker in workers {
        worker.join().expect("a worker");
    }
    let each = |of: fn(&Resident) -> u64| {
        (of(&after) as f64 - of(&before) as f64) / instances as f64 / 1024.0
    };
    [each(|at| at.rss_bytes), each(|at| at.pss_bytes), each(|at| at.private_dirty_bytes)]
}
