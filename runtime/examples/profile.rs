//! Runs one handler many times and prints the p50 of each phase: for profiling.
use std::sync::Arc;
use model::*;
use mecapy_runtime::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: usize = args.get(1).map_or(1000, |a| a.parse().unwrap());
    let fuel = args.get(2).is_some_and(|a| a == "fuel");
    let body = std::fs::read_to_string(&args[3]).unwrap();
    let sandbox = Arc::new(Sandbox::new(SandboxConfig::new(&args[4])).unwrap());
    let mut app = Tree::new();
    app.insert("handler.py", body.as_str()).unwrap();
    let bundle = Arc::new(Bundle { app: Arc::new(app), ..Default::default() });
    let inputs: serde_json::Map<_, _> = serde_json::from_str(r#"{"force":1000,"section":10}"#).unwrap();
    spawn_worker("w", move || {
        let mut all = vec![];
        for i in 0..n {
            let limits = Limits { fuel: fuel.then_some(1 << 50), ..Limits::default() };
            let job = Job { bundle: bundle.clone(), operation: Operation::Call { handler: HandlerRef::single(), inputs: inputs.clone() }, limits, deterministic: false, files: Arc::new(()), events: Arc::new(()), cancel: Default::default() };
            let o = sandbox.run(&job).unwrap();
            if i == 0 { println!("{:?} {:?}", o.result, o.usage); }
            if i == n-1 || i == n-2 { println!("{:?}", o.logs.entries); }
            if i > 20 { all.push(o.usage); }
        }
        let p = |f: &dyn Fn(&Usage) -> f64| { let mut v: Vec<f64> = all.iter().map(f).collect(); v.sort_by(f64::total_cmp); format!("{:.0}/{:.0}", v[v.len()/2], v[v.len()*95/100]) };
        println!("inst {} load {} call {} drop {} total {}", p(&|u| u.phases.instantiate.as_secs_f64()*1e6), p(&|u| u.phases.load.as_secs_f64()*1e6), p(&|u| u.phases.call.as_secs_f64()*1e6), p(&|u| u.phases.drop.as_secs_f64()*1e6), p(&|u| u.wall_ms*1e3));
    }).unwrap().join().unwrap();
}
