//! Pure-Python work in the sandbox beside the same source under native Python.

use std::sync::Arc;
use std::time::Duration;

use runtime::Sandbox;
use serde_json::{Value, json};

use super::Scale;
use super::calls::{with_metering, worker};
use super::native::Python;
use super::statistics::ratio;
use super::table::Table;
use crate::call::Call;

const SOURCE: &str = include_str!("kernels.py");

/// Kernels, what they are, and their full work: some 40 ms of native Python each.
/// Short, so that on a busy machine the fastest of many runs was not interrupted.
const KERNELS: [(&str, &str, u64); 7] = [
    ("float_loop", "float loop", 400_000),
    ("queens", "n-queens", 12),
    ("nbody", "n-body, objects", 2_000),
    ("matrices", "matrix product, lists", 3),
    ("text", "strings and dicts", 12_000),
    ("decimals", "decimal", 30_000),
    ("documents", "json", 60),
];

pub fn measure(sandbox: &Arc<Sandbox>, pythons: &[Python], scale: Scale) {
    let mut head = vec!["".to_owned()];
    head.extend(pythons.iter().map(|python| format!("native {}", python.version)));
    head.extend(["unmetered", "metered"].map(str::to_owned));
    for python in pythons {
        head.extend(["unmetered", "metered"].map(|way| format!("{way} : {}", python.version)));
    }
    head.push("metered : unmetered".to_owned());
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let title =
        format!("Pure Python, timed within Python, the fastest of {} runs (ms)", scale.repeats);
    let mut table = Table::new(&title, &head);
    let mut logs = vec![0.0; pythons.len() * 2 + 1];
    for (kernel, name, n) in KERNELS {
        let n = ((n as f64 * scale.work) as u64).max(2);
        let inputs = json!({"kernel": kernel, "n": n, "repeats": scale.repeats});
        let native: Vec<Value> = pythons.iter().map(|python| natively(python, &inputs)).collect();
        let ours = [false, true].map(|metered| within(sandbox, &inputs, metered));
        let seconds = |answer: &Value| answer["seconds"].as_f64().unwrap_or(f64::NAN);
        for answer in native.iter().chain(&ours[1..]) {
            assert_eq!(answer["result"], ours[0]["result"], "{kernel} gave something else");
        }
        let mut ratios = Vec::new();
        for answer in &native {
            ratios.extend(ours.iter().map(|ours| (seconds(ours), seconds(answer))));
        }
        ratios.push((seconds(&ours[1]), seconds(&ours[0])));
        for (sum, (a, b)) in logs.iter_mut().zip(&ratios) {
            *sum += (a / b).ln();
        }
        let times =
            native.iter().chain(&ours).map(|answer| format!("{:.1}", seconds(answer) * 1e3));
        table.row(
            [name.to_owned()]
                .into_iter()
                .chain(times)
                .chain(ratios.iter().map(|(a, b)| ratio(*a, *b))),
        );
    }
    let blank = vec![String::new(); pythons.len() + 2];
    let means = logs.iter().map(|sum| ratio((sum / KERNELS.len() as f64).exp(), 1.0));
    table.row(["geometric mean".to_owned()].into_iter().chain(blank).chain(means));
    table.print();
}

fn within(sandbox: &Arc<Sandbox>, inputs: &Value, metered: bool) -> Value {
    let call = Call::of(SOURCE)
        .inputs(inputs.clone())
        .limits(|limits| limits.timeout = Duration::from_secs(120));
    let (sandbox, call) = (sandbox.clone(), with_metering(call, metered));
    worker(move || call.value(&*sandbox))
}

fn natively(python: &Python, inputs: &Value) -> Value {
    let program =
        format!("{SOURCE}\nimport sys\nprint(json.dumps(calculate(json.load(sys.stdin))))\n");
    python.run(&program, inputs)
}
