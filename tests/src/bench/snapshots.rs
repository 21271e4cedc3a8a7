//! Calls that begin in a snapshot of their function: at hand, and cold.

use std::sync::Arc;

use runtime::Sandbox;

use super::Scale;
use super::calls::{Measured, rate_of, repeated, small, worker};
use super::native::Python;
use super::statistics::Times;
use super::table::Table;

pub fn measure(sandbox: &Arc<Sandbox>, _pythons: &[Python], scale: Scale) {
    let mut table = Table::new(
        &format!("Calls that begin in a snapshot, metered, {} calls each (µs)", scale.calls),
        &[
            "",
            "instantiate",
            "call",
            "told p50",
            "p99",
            "whole p50",
            "p99",
            "calls/s of one",
            "of two",
        ],
    );
    for (name, call) in [("standard library", small(true))] {
        let call = call.from_snapshot(&**sandbox);
        let measured = {
            let (sandbox, call) = (sandbox.clone(), call.clone());
            worker(move || repeated(&*sandbox, &call, scale.warm_up, scale.calls))
        };
        let Measured { phases, told, whole } = measured;
        let phase = |phase: fn(&model::limits::Phases) -> std::time::Duration| {
            Times::new(phases.iter().map(phase)).cells()[0].clone()
        };
        let [told50, _, told99] = told.cells();
        let [whole50, _, whole99] = whole.cells();
        let rates = [1, 2]
            .map(|threads| format!("{:.0}", rate_of(sandbox, &call, scale.throughput, threads)));
        let [one, two] = rates;
        table.row([
            name.to_owned(),
            phase(|phases| phases.instantiate),
            phase(|phases| phases.call),
            told50,
            told99,
            whole50,
            whole99,
            one,
            two,
        ]);
    }
    table.print();
    println!("{:?}", sandbox.memory_use());
}
