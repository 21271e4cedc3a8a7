use std::sync::Arc;
use model::*;
use mecapy_runtime::*;
#[test]
fn smoke() {
    let sandbox = Sandbox::new(SandboxConfig::new("/tmp/scratch/cache")).unwrap();
    let mut app = Tree::new();
    app.insert("handler.py", r#"
import random, os, sys, time
def calculate(inputs):
    print("hello", os.listdir("/"))
    return {"c": inputs["a"]/inputs["b"], "r": random.random(), "h": hash("abc"), "p": sys.path, "t": time.time(), "env": dict(os.environ), "u": os.urandom(4).hex()}
"#).unwrap();
    let bundle = Arc::new(Bundle { app: Arc::new(app), ..Default::default() });
    for inputs in [r#"{"a":1,"b":2}"#, r#"{"a":1,"b":0}"#, r#"{"a":1}"#, r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#] {
      for det in [false, true] {
        let job = Job { bundle: bundle.clone(), operation: Operation::Call { handler: HandlerRef::single(), inputs: serde_json::from_str(inputs).unwrap() }, limits: Limits::default(), deterministic: det, files: Arc::new(()), events: Arc::new(()), cancel: Default::default() };
        let o = sandbox.run(&job).unwrap();
        match &o.result { Ok(v) => println!("OK {v}"), Err(f) => println!("{:?} {}\n{}", f.kind, f.message, f.traceback.as_deref().unwrap_or("")) }
        println!("{:?} {:?}", o.logs.entries.iter().map(|e| &e.message).collect::<Vec<_>>(), o.usage);
      }
    }
}
