//! Scratch.
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mecapy_fallback_docker::{Docker, Settings};
use model::image::{Base, ImageError, Installer, Platform, Recipe};
use model::manifest::PythonVersion;
use model::*;

struct Copied(&'static str);
impl Installer for Copied {
    fn install(
        &self,
        _: &str,
        _: &Platform,
        folder: &Path,
        _: &CancelToken,
    ) -> Result<(), ImageError> {
        std::process::Command::new("cp")
            .arg("-a")
            .arg(format!("/tmp/exec-site/{}/.", self.0))
            .arg(folder)
            .status()
            .unwrap();
        Ok(())
    }
}
struct Loud;
impl Events for Loud {
    fn log(&self, e: &LogEntry) {
        println!("   log {:?} {}", e.level, e.message);
    }
    fn progress(&self, f: f64, m: &str) {
        println!("   progress {f} {m}");
    }
}

const CODE: &str = r#"
import os, sys, time
def trivial(a: float, b: float) -> float:
    return a + b
def hello(a: float, b: float) -> float:
    print("hello", a); print("err", file=sys.stderr)
    return a * b
def raises(a: float, b: float) -> float:
    return a / 0
def loop(a: float, b: float) -> float:
    while True: pass
def flood(a: float, b: float) -> float:
    while True: print("x" * 100)
def memory(a: float, b: float) -> float:
    x = []
    while True: x.append(bytearray(10_000_000))
def crash(a: float, b: float) -> float:
    import ctypes
    ctypes.string_at(0)
def exits(a: float, b: float) -> float:
    os._exit(3)
def abort(a: float, b: float) -> float:
    os.abort()
def bomb(a: float, b: float) -> float:
    while True:
        try: os.fork()
        except OSError: pass
def big(a: float, b: float) -> str:
    return "x" * 20_000_000
def busy(a: float, b: float) -> float:
    t = time.time()
    while time.time() - t < a: pass
    return a
def killparent(a: float, b: float) -> float:
    import signal
    for pid in (1, os.getppid()):
        try: os.kill(pid, signal.SIGKILL)
        except OSError as e: print(e)
    time.sleep(1)
    return 1.0
def alloc(a: float, b: float) -> float:
    x = bytearray(int(a)); return float(len(x))
"#;
const NP: &str = r#"
import numpy as np
def solve(a: float, b: float) -> list:
    return np.linalg.solve(np.array([[a,1,0],[1,b,1],[0,1,4.0]]), np.array([1.0,2,3])).tolist()
def huge(a: float, b: float) -> float:
    return float(np.zeros(10**13).sum())
"#;
const SCI: &str = r#"
import numpy as np, scipy.optimize, pandas as pd
def opt(a: float, b: float) -> float:
    pd.DataFrame({"a": [a, b]}).sum()
    return float(scipy.optimize.minimize_scalar(lambda x: (x - a) ** 2 + b).x)
"#;

fn tree(path: &str, code: &str) -> Arc<Tree> {
    let mut t = Tree::new();
    t.insert(path, code).unwrap();
    Arc::new(t)
}

fn main() {
    let what: Vec<String> = std::env::args().skip(1).collect();
    let n: usize = 200;
    let mut settings = Settings::default();
    settings.owner = "exec-helper".into();
    settings.images = "exec-helper".into();
    settings.versions = vec![PythonVersion { major: 3, minor: 11 }];
    settings.bases.python = "mecapy-test/python:{version}".into();
    if let Ok(s) = std::env::var("PAUSE_MS") {
        settings.pool.pause_after = Duration::from_millis(s.parse().unwrap());
    }
    if let Ok(s) = std::env::var("RUNTIME") {
        settings.runtime = Some(s);
    }
    let docker = Docker::new(settings).unwrap();
    docker.check().unwrap();
    let platform = docker.platform(&Base { name: "python-base".into(), python: None }).unwrap();
    println!("{platform:?}");
    let recipe = |name: &str,
                  path: &str,
                  code: &str,
                  lock: &str,
                  site: &'static str,
                  preload: &[&str],
                  is_program: bool| {
        Arc::new(Recipe {
            platform: platform.clone(),
            name: name.into(),
            version: "1".into(),
            app: tree(path, code),
            lock: lock.into(),
            tools: String::new(),
            preload: preload.iter().map(|s| s.to_string()).collect(),
            is_program,
            installer: Arc::new(Copied(site)),
        })
    };
    let plain = recipe("plain", "handler.py", CODE, "", "np", &[], false);
    let np = recipe("np", "handler.py", NP, "numpy==2", "np", &["numpy"], false);
    let sci = recipe(
        "sci",
        "handler.py",
        SCI,
        "numpy scipy pandas",
        "sci",
        &["numpy", "scipy.optimize", "pandas"],
        false,
    );
    let make = |r: &Arc<Recipe>| {
        docker.make_ready(
            r,
            &|l| {
                if std::env::var("LOUD").is_ok() {
                    println!("   | {l}")
                }
            },
            &CancelToken::new(),
        )
    };
    let job = |recipe: &Arc<Recipe>, callable: &str, a: f64| {
        let mut inputs = serde_json::Map::new();
        inputs.insert("a".into(), a.into());
        inputs.insert("b".into(), 3.0.into());
        Job {
            tenant: "t".into(),
            bundle: Arc::new(Bundle { image: Some(recipe.clone()), ..Bundle::default() }),
            operation: Operation::Call {
                handler: HandlerRef {
                    path: "handler".into(),
                    callable: callable.into(),
                    init: vec![],
                },
                inputs,
            },
            snapshot: None,
            limits: Limits { timeout: Duration::from_secs(2), ..Limits::default() },
            deterministic: false,
            files: Arc::new(()),
            events: Arc::new(()),
            cancel: CancelToken::new(),
        }
    };
    let show = |name: &str, job: &Job| {
        let t = Instant::now();
        let out = docker.run(job);
        match out {
            Ok(o) => {
                let r = match &o.result {
                    Ok(v) => model::json::excerpt(v, 100),
                    Err(f) => format!(
                        "{:?}: {} | {:?}",
                        f.kind,
                        f.message,
                        f.traceback.as_deref().map(|t| t.len())
                    ),
                };
                println!(
                    "{name:12} {:>8.1} ms  {r}  logs {} {:?} cpu {:.1} peak {} MiB cold {} phases {:?}",
                    t.elapsed().as_secs_f64() * 1e3,
                    o.logs.entries.len(),
                    o.logs.entries.first().map(|e| model::json::cut(&e.message, 60)),
                    o.usage.cpu_ms,
                    o.usage.peak_memory_bytes >> 20,
                    o.usage.cold,
                    o.usage.phases
                );
            }
            Err(e) => println!("{name:12} {:>8.1} ms  ERR {e:?}", t.elapsed().as_secs_f64() * 1e3),
        }
    };
    let bench = |name: &str, recipe: &Arc<Recipe>, callable: &str| {
        let j = job(recipe, callable, 2.0);
        show(name, &j);
        let mut told = vec![];
        let mut whole = vec![];
        for _ in 0..n {
            let t = Instant::now();
            let mut at = None;
            docker
                .run_then(&j, &mut |o| {
                    o.result.unwrap();
                    assert!(!o.usage.cold);
                    at = Some(t.elapsed());
                })
                .unwrap();
            told.push(at.unwrap().as_secs_f64() * 1e3);
            whole.push(t.elapsed().as_secs_f64() * 1e3);
        }
        told.sort_by(f64::total_cmp);
        whole.sort_by(f64::total_cmp);
        println!(
            "{name}: told p50 {:.2} p95 {:.2} max {:.2} | whole p50 {:.2} p95 {:.2}",
            told[n / 2],
            told[n * 95 / 100],
            told[n - 1],
            whole[n / 2],
            whole[n * 95 / 100]
        );
    };
    let cold = |name: &str, recipe: &Arc<Recipe>, callable: &str| {
        let mut all = vec![];
        for _ in 0..10 {
            docker.close();
            let t = Instant::now();
            let o = docker.run(&job(recipe, callable, 2.0)).unwrap();
            assert!(o.usage.cold);
            o.result.unwrap();
            all.push(t.elapsed().as_secs_f64() * 1e3);
        }
        all.sort_by(f64::total_cmp);
        println!("{name}: cold p50 {:.0} min {:.0} max {:.0}", all[5], all[0], all[9]);
    };
    for w in &what {
        match w.as_str() {
            "basic" => {
                make(&plain).unwrap();
                for c in [
                    "trivial", "trivial", "hello", "raises", "crash", "exits", "abort", "trivial",
                    "big", "loop", "trivial", "flood", "trivial",
                ] {
                    show(c, &job(&plain, c, 2.0));
                }
            }
            "hard" => {
                make(&plain).unwrap();
                for c in ["memory", "bomb", "killparent", "trivial", "memory"] {
                    show(c, &job(&plain, c, 2.0));
                }
                show("alloc", &job(&plain, "alloc", 1e14));
                show("alloc", &job(&plain, "alloc", 3e8));
                show("alloc", &job(&plain, "alloc", 1e9));
            }
            "bench" => {
                make(&plain).unwrap();
                make(&np).unwrap();
                bench("trivial", &plain, "trivial");
                bench("numpy", &np, "solve");
                cold("trivial", &plain, "trivial");
                cold("numpy", &np, "solve");
            }
            "np" => {
                make(&np).unwrap();
                show("solve", &job(&np, "solve", 2.0));
                show("huge", &job(&np, "huge", 2.0));
                bench("numpy", &np, "solve");
            }
            "sci" => {
                make(&sci).unwrap();
                bench("sci", &sci, "opt");
                cold("sci", &sci, "opt");
            }
            "cancel" => {
                make(&plain).unwrap();
                let mut j = job(&plain, "loop", 1.0);
                j.limits.timeout = Duration::from_secs(30);
                let c = j.cancel.clone();
                show("trivial", &job(&plain, "trivial", 1.0));
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(700));
                    c.cancel();
                });
                show("loop", &j);
                let mut j = job(&plain, "loop", 1.0);
                j.tenant = "other".into();
                let c = j.cancel.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(50));
                    c.cancel();
                });
                show("at start", &j);
            }
            "pause" => {
                make(&plain).unwrap();
                for _ in 0..3 {
                    show("trivial", &job(&plain, "trivial", 1.0));
                    std::thread::sleep(Duration::from_millis(600));
                    println!("{:?}", docker.statistics());
                }
            }
            "lost" => {
                make(&plain).unwrap();
                show("trivial", &job(&plain, "trivial", 1.0));
                std::process::Command::new("sh")
                    .arg("-c")
                    .arg("docker kill $(docker ps -q --filter label=mecapy.owner=exec-helper)")
                    .status()
                    .unwrap();
                show("after kill", &job(&plain, "trivial", 1.0));
                std::thread::spawn(|| {
                    std::thread::sleep(Duration::from_millis(700));
                    std::process::Command::new("sh")
                        .arg("-c")
                        .arg("docker kill $(docker ps -q --filter label=mecapy.owner=exec-helper)")
                        .status()
                        .unwrap();
                });
                show("in call", &job(&plain, "busy", 1.5));
                println!("{:?}", docker.statistics());
                std::process::Command::new("sh").arg("-c").arg("docker rmi -f $(docker images -q exec-helper/plain) ; docker images | grep exec-helper").status().unwrap();
                docker.close();
                show("image gone", &job(&plain, "trivial", 1.0));
            }
            "many" => {
                make(&plain).unwrap();
                std::thread::scope(|s| {
                    for _ in 0..8 {
                        s.spawn(|| {
                            for _ in 0..50 {
                                docker.run(&job(&plain, "trivial", 1.0)).unwrap().result.unwrap();
                            }
                        });
                    }
                });
                println!("{:?}", docker.statistics());
            }
            "loop" => {
                make(&plain).unwrap();
                let end = Instant::now() + Duration::from_secs(40);
                while Instant::now() < end {
                    show("trivial", &job(&plain, "trivial", 1.0));
                    std::thread::sleep(Duration::from_millis(500));
                }
                println!("{:?}", docker.statistics());
            }
            "program" => {
                for (name, body) in [
                    (
                        "ok",
                        "import sys, json; d = json.load(sys.stdin); print(json.dumps(d['a'] + d['b'])); print('note', file=sys.stderr)",
                    ),
                    ("fails", "import sys; print('bad thing', file=sys.stderr); sys.exit(4)"),
                    ("slow", "while True: pass"),
                    ("mem", "x=[]\nwhile True: x.append(bytearray(10000000))"),
                    ("flood", "while True: print('x'*1000)"),
                    ("nothing", "pass"),
                    ("closes", "import os; os.close(0); print(1)"),
                ] {
                    let mut t = Tree::new();
                    t.insert("Dockerfile", b"ARG BASE\nFROM ${BASE}\nCOPY main.py /main.py\nCMD [\"python3\", \"/main.py\"]\n".to_vec()).unwrap();
                    t.insert("main.py", body).unwrap();
                    let r = Arc::new(Recipe {
                        app: Arc::new(t),
                        is_program: true,
                        ..(*recipe(name, "x", "", "", "np", &[], true)).clone()
                    });
                    if let Err(e) = make(&r) {
                        println!("{name}: {e:?}");
                        continue;
                    }
                    show(name, &job(&r, "x", 2.0));
                }
            }
            other => println!("? {other}"),
        }
    }
    let t = Instant::now();
    println!("{:?}", docker.statistics());
    drop(docker);
    println!("closed in {:?}", t.elapsed());
    let _ = Loud;
}
