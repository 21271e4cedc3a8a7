//! Memory of instances that are alive at the same time.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{CancelToken, Events, LogEntry};

use super::Scale;
use super::calls;
use super::statistics::ratio;
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

/// Holds instances in the middle of a call, and divides what the process grew by.
pub fn measure(scale: Scale) {
    let mut table = Table::new(
        &format!(
            "Memory of one of {} instances alive, in the middle of a call (KiB)",
            scale.instances
        ),
        &["", "RSS", "PSS", "written", "PSS ratio"],
    );
    let sandbox = Arc::new(sandbox_with(|config| config.instances = scale.instances as _));
    let mut unmetered = 0.0;
    for (name, metered) in [("unmetered", false), ("metered", true)] {
        let module = format!(
            "import time\n{}\n_one = calculate\ndef calculate(inputs):\n    result = _one(inputs)\n    \
             print(result, flush=True)\n    time.sleep(30)\n",
            calls::HANDLER
        );
        let (sender, running) = channel();
        let mut call = calls::with_metering(Call::of(&module).inputs(calls::inputs()), metered)
            .limits(|limits| limits.timeout = Duration::from_secs(60));
        call.events = Arc::new(Running(Mutex::new(sender)));
        call.cancel = CancelToken::new();
        // One that has been there before, so that what is loaded once does not count.
        for _ in 0..4 {
            calls::small(metered).value(&*sandbox);
        }
        let before = Resident::now();
        let workers: Vec<_> = (0..scale.instances)
            .map(|_| {
                let (sandbox, call) = (sandbox.clone(), call.clone());
                runtime::spawn_worker("bench", move || call.run(&*sandbox)).expect("a thread")
            })
            .collect();
        for _ in 0..scale.instances {
            running.recv_timeout(Duration::from_secs(60)).expect("every handler to run");
        }
        let after = Resident::now();
        call.cancel.cancel();
        for worker in workers {
            worker.join().expect("a worker");
        }
        let each = |after: u64, before: u64| {
            (after as f64 - before as f64) / scale.instances as f64 / 1024.0
        };
        let pss = each(after.pss_bytes, before.pss_bytes);
        if !metered {
            unmetered = pss;
        }
        table.row([
            name.to_owned(),
            format!("{:.0}", each(after.rss_bytes, before.rss_bytes)),
            format!("{pss:.0}"),
            format!("{:.0}", each(after.private_dirty_bytes, before.private_dirty_bytes)),
            ratio(pss, unmetered),
        ]);
    }
    table.print();
    println!(
        "  RSS counts a page of the shared image in every instance that has it mapped, PSS once;"
    );
    println!(
        "  `written` is an instance's own. The worker's thread and its stack are in all three."
    );
}
