//! Conversations with a scripted runner over a real socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use model::{Bundle, HandlerRef, Limits};

use super::*;
use crate::frames::{Decoder, Frame};
use crate::line::scripted::Socket;

fn job() -> Job {
    let handler =
        HandlerRef { path: "a.py".to_owned(), callable: "f".to_owned(), init: Vec::new() };
    Job {
        tenant: "t".into(),
        bundle: Arc::new(Bundle::default()),
        operation: Operation::Call { handler, inputs: serde_json::Map::new() },
        snapshot: None,
        limits: Limits { timeout: Duration::from_secs(30), ..Limits::default() },
        deterministic: false,
        files: Arc::new(()),
        events: Arc::new(()),
        cancel: CancelToken::new(),
    }
}

fn in_time(timeout: Duration) -> Job {
    let mut job = job();
    job.limits.timeout = timeout;
    job
}

/// The runner's end of the line.
struct Runner {
    socket: UnixStream,
    decoder: Decoder,
}

impl Runner {
    fn hear(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.next().unwrap() {
                return Some(frame);
            }
            let mut piece = [0; 4096];
            match self.socket.read(&mut piece) {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.decoder.push(&piece[..read]),
            }
        }
    }

    /// The type of the next message.
    fn hear_type(&mut self) -> Option<String> {
        match self.hear()? {
            Frame::Json(body) => {
                let message: serde_json::Value = serde_json::from_slice(&body).unwrap();
                Some(message["type"].as_str().unwrap().to_owned())
            }
            Frame::Bytes(_) => self.hear_type(),
        }
    }

    fn say(&mut self, json: &str) -> bool {
        self.frame(b'J', json.as_bytes())
    }

    fn frame(&mut self, kind: u8, body: &[u8]) -> bool {
        let frame = [&(body.len() as u32).to_be_bytes(), &[kind][..], body].concat();
        self.socket.write_all(&frame).is_ok()
    }

    fn answer(&mut self, json: &str) {
        self.say(r#"{"type":"outcome","ok":true,"bytes":true}"#);
        self.frame(b'B', json.as_bytes());
    }
}

/// Has a call run against what a runner does.
fn talk(job: &Job, script: impl FnOnce(&mut Runner) + Send + 'static) -> Talk {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let thread = thread::spawn(move || {
        let mut runner = Runner { socket: theirs, decoder: Decoder::default() };
        assert_eq!(runner.hear_type().as_deref(), Some("run"));
        assert_eq!(runner.hear(), Some(Frame::Bytes(Bytes::from_static(b"{}"))));
        script(&mut runner);
    });
    let mut line = Line::new(Socket(ours));
    let talk = converse(&mut line, job, b"{}", Instant::now());
    drop(line);
    thread.join().unwrap();
    talk
}

#[test]
fn a_call_says_its_piece_and_answers() {
    let talk = talk(&job(), |runner| {
        runner.say(r#"{"type":"log","level":"info","message":"hello"}"#);
        runner.say(r#"{"type":"print","stream":"stdout","bytes":true}"#);
        runner.frame(b'B', b"half a ");
        runner.say(r#"{"type":"print","stream":"stdout","bytes":true}"#);
        runner.frame(b'B', b"line\nand a rest");
        runner.say(r#"{"type":"progress","fraction":0.5,"message":"so far"}"#);
        runner.answer("[1]");
    });
    assert!(matches!(&talk.end, End::Result(answer) if answer == "[1]"));
    assert!(talk.settles);
    let said: Vec<_> = talk.logs.entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(said, ["hello", "half a line", "and a rest"]);
}

#[test]
fn ends_are_told_apart() {
    let end = |json: &'static str| talk(&job(), |runner| assert!(runner.say(json))).end;
    let failed = end(r#"{"type":"outcome","ok":false,"failure":{"kind":"raised","class":"E"}}"#);
    assert!(matches!(failed, End::Failed(_)));
    let signal = end(r#"{"type":"outcome","ok":false,"ended":{"signal":11},"stopped":false}"#);
    assert!(matches!(signal, End::Ended(Ended::Signal(11))));
    let late = end(r#"{"type":"outcome","ok":false,"ended":{"signal":9},"stopped":true}"#);
    assert!(matches!(late, End::Stopped(Stop::Deadline)));
    for hostile in [
        r#"{"type":"idle"}"#,
        r#"{"type":"ready","python":"3"}"#,
        r#"{"type":"nonsense"}"#,
        "not json",
    ] {
        assert!(matches!(end(hostile), End::Broken(_)), "{hostile}");
    }
}

#[test]
fn a_frame_that_never_ends_is_cut_at_the_deadline() {
    let begun = Instant::now();
    let talk = talk(&in_time(Duration::from_millis(100)), |runner| {
        // One byte at a time of a message that is promised to be long.
        let _ = runner.socket.write_all(b"\x00\x10\x00\x00J");
        while runner.socket.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    });
    assert!(matches!(talk.end, End::Stopped(Stop::Deadline)));
    assert!(!talk.settles);
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_call_that_is_never_silent_ends_at_its_deadline() {
    for flood in [
        r#"{"type":"progress","fraction":0.5,"message":""}"#,
        r#"{"type":"log","level":"info","message":"x"}"#,
        r#"{"type":"open","key":"missing"}"#,
    ] {
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = stopped.clone();
        let begun = Instant::now();
        let talk = talk(&in_time(Duration::from_millis(200)), move |runner| {
            let mut listening =
                Runner { socket: runner.socket.try_clone().unwrap(), decoder: Decoder::default() };
            let listener = thread::spawn(move || {
                while let Some(heard) = listening.hear_type() {
                    if heard == "stop" {
                        seen.store(true, Ordering::SeqCst);
                        return;
                    }
                }
            });
            while !listener.is_finished() && runner.say(flood) {}
            listener.join().unwrap();
            runner.say(r#"{"type":"outcome","ok":false,"ended":{"signal":9},"stopped":true}"#);
        });
        assert!(stopped.load(Ordering::SeqCst));
        assert!(matches!(talk.end, End::Stopped(Stop::Deadline)), "{flood}");
        assert!(talk.settles);
        assert!(begun.elapsed() < Duration::from_millis(1200));
    }
}

#[test]
fn a_runner_that_does_not_stop_is_given_up() {
    let job = job();
    job.cancel.cancel();
    let begun = Instant::now();
    let talk = talk(&job, |runner| while runner.hear_type().is_some() {});
    assert!(matches!(talk.end, End::Stopped(Stop::Cancelled)));
    assert!(!talk.settles);
    let took = begun.elapsed();
    assert!(took >= STOP_WITHIN && took < STOP_WITHIN * 2);
}

#[test]
fn an_answer_after_the_deadline_is_none() {
    let talk = talk(&in_time(Duration::from_millis(20)), |runner| {
        assert_eq!(runner.hear_type().as_deref(), Some("stop"));
        runner.answer("[1]");
    });
    assert!(matches!(talk.end, End::Stopped(Stop::Deadline)));
    assert!(talk.settles);
}

#[test]
fn a_cut_stream_tells_whether_anything_was_heard() {
    let unheard = talk(&job(), |_| {});
    assert!(matches!(unheard.end, End::Cut { unheard: Some(_) }));
    let heard = talk(&job(), |runner| {
        runner.say(r#"{"type":"log","level":"info","message":"x"}"#);
    });
    assert!(matches!(heard.end, End::Cut { unheard: None }));
    assert!(!heard.settles);
    // In the middle of a frame.
    let half = talk(&job(), |runner| {
        runner.say(r#"{"type":"outcome","ok":true,"bytes":true}"#);
        let _ = runner.socket.write_all(b"\x00\x00\x00\x10B[1");
    });
    assert!(matches!(half.end, End::Cut { .. }));
}

#[test]
fn files_are_asked_for_and_refused() {
    let talk = talk(&job(), |runner| {
        for (request, answer) in [
            (r#"{"type":"open","key":"missing"}"#, "refused"),
            (r#"{"type":"create","key":"/etc/passwd"}"#, "refused"),
            (r#"{"type":"read","handle":3,"length":99999999999}"#, "refused"),
            (r#"{"type":"drop","handle":3}"#, "refused"),
        ] {
            runner.say(request);
            assert_eq!(runner.hear_type().as_deref(), Some(answer), "{request}");
        }
        runner.answer("{}");
    });
    assert!(matches!(talk.end, End::Result(_)));
}

#[test]
fn a_runner_is_prepared_settles_and_answers_a_ping() {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let thread = thread::spawn(move || {
        let mut runner = Runner { socket: theirs, decoder: Decoder::default() };
        assert_eq!(runner.hear_type().as_deref(), Some("prepare"));
        runner.say(r#"{"type":"ready","python":"3.12.1","preloaded":[]}"#);
        assert_eq!(runner.hear_type().as_deref(), Some("ping"));
        runner.say(r#"{"type":"pong"}"#);
        runner.say(r#"{"type":"idle","cpu_ms":1.5,"peak_memory_bytes":7,"load_ms":2,"swept":1}"#);
        runner.say(r#"{"type":"unclean","why":"a mount is left"}"#);
        runner
    });
    let mut line = Line::new(Socket(ours));
    let soon = Duration::from_secs(5);
    prepare(&mut line, &job(), &["numpy".to_owned()]).unwrap();
    until_ready(&mut line, Instant::now() + soon, &CancelToken::new()).unwrap();
    ping(&mut line, soon).unwrap();
    assert_eq!(settle(&mut line, soon).unwrap().peak_memory_bytes, 7);
    let unclean = settle(&mut line, soon).unwrap_err();
    assert!(unclean.to_string().contains("a mount is left"));
    let _runner = thread.join().unwrap();
    assert!(matches!(settle(&mut line, Duration::from_millis(5)), Err(Fault::Broken(_))));
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let never = until_ready(&mut line, Instant::now() + soon, &cancelled);
    assert!(matches!(never, Err(NotReady::Cancelled)));
}
