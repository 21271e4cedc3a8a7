//! Deliveries to servers that are really there.

use std::{env, process::Command};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::IntoResponse,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{super::sign::verify, *};

const OPEN: TargetPolicy = TargetPolicy { allow_private: true };
const PUBLIC: TargetPolicy = TargetPolicy { allow_private: false };
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &[u8] = br#"{"type":"task.finished"}"#;
const AT: i64 = 1_784_116_800; // 2026-07-15T12:00:00Z

struct Received {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

/// A receiver that answers `GET`s and `POST`s of any path alike, and says what it got.
struct Receiver {
    url: String,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Receiver {
    async fn answering(status: u16, headers: &[(&'static str, &str)]) -> Self {
        let mut answer = HeaderMap::new();
        for (name, value) in headers {
            answer.insert(*name, value.parse().expect("a header"));
        }
        let answer = (StatusCode::from_u16(status).expect("a status"), answer, "noted");
        let (sender, received) = mpsc::unbounded_channel();
        let note = async |State(sender): State<mpsc::UnboundedSender<Received>>,
                          (method, uri, headers): (Method, Uri, HeaderMap),
                          body: Bytes| {
            sender.send(Received { method, uri, headers, body }).expect("the test is there");
        };
        let router = Router::new()
            .fallback(async move |state, head, body| {
                note(state, head, body).await;
                answer.into_response()
            })
            .with_state(sender);
        let (listener, url) = listen().await;
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, received }
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook?token=t0ken", listener.local_addr().expect("an address"));
    (listener, url)
}

fn secrets() -> [Secret; 1] {
    [Secret::parse(SECRET).expect("a secret")]
}

fn delivery<'a>(url: &'a str, secrets: &'a [Secret]) -> Delivery<'a> {
    Delivery { id: "msg_1", url, secrets, body: BODY, timestamp_seconds: AT }
}

async fn send(policy: TargetPolicy, url: &str) -> Attempt {
    let sender = Sender::new(policy).expect("a sender");
    let attempt = sender.send(&delivery(url, &secrets())).await;
    if let Some(error) = &attempt.error {
        assert!(!error.contains(&SECRET[6..]) && !error.contains("t0ken"), "{error}");
    }
    attempt
}

fn patience(millis: u64) -> Timeouts {
    Timeouts { connect: TIMEOUTS.connect, whole: Duration::from_millis(millis) }
}

/// Reads a request's head and body, as far as it came in one piece.
async fn accept(listener: TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let read = stream.read(&mut [0; 64 * 1024]).await.expect("a request");
    assert!(read > 0);
    stream
}

#[tokio::test]
async fn a_delivery_arrives_as_the_specification_has_it() {
    let mut receiver = Receiver::answering(204, &[]).await;
    let attempt = send(OPEN, &receiver.url).await;
    assert_eq!((attempt.status, &attempt.error, attempt.retry_after), (Some(204), &None, None));
    assert!(attempt.succeeded() && !attempt.is_final());

    let received = receiver.received.recv().await.expect("a delivery");
    let header = |name: &str| received.headers[name].to_str().expect("text");
    assert_eq!(
        (received.method, received.uri.to_string().as_str()),
        (Method::POST, "/hook?token=t0ken")
    );
    assert_eq!(received.body, BODY);
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("user-agent"), concat!("mecapy-webhooks/", env!("CARGO_PKG_VERSION")));
    let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
    assert_eq!((id, at), ("msg_1", AT.to_string().as_str()));
    let signatures = header("webhook-signature");
    assert_eq!(verify(&secrets()[0], id, AT, &received.body, signatures, AT), Ok(()));
}

/// The environment is the process's: another one has proxies in it, where nobody listens.
#[test]
fn proxies_of_the_environment_are_not_asked() {
    let test = concat!(module_path!(), "::a_delivery_arrives_as_the_specification_has_it");
    let (_, test) = test.split_once("::").expect("a crate's name");
    let mut child = Command::new(env::current_exe().expect("this test's executable"));
    child.args(["--exact", test]).env("NO_PROXY", "").env("no_proxy", "");
    for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(proxy, "http://127.0.0.1:9");
    }
    let output = child.output().expect("a second run");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[tokio::test]
async fn a_delivery_is_signed_with_each_secret() {
    let mut receiver = Receiver::answering(200, &[]).await;
    let secrets = [Secret::generate(), Secret::generate()];
    let sender = Sender::new(OPEN).expect("a sender");
    assert!(sender.send(&delivery(&receiver.url, &secrets)).await.succeeded());
    let received = receiver.received.recv().await.expect("a delivery");
    let signatures = received.headers["webhook-signature"].to_str().expect("text");
    for secret in &secrets {
        assert_eq!(verify(secret, "msg_1", AT, &received.body, signatures, AT), Ok(()));
    }
}

#[tokio::test]
async fn statuses_mean_what_the_specification_says() {
    for (status, succeeded, last) in [
        (200, true, false),
        (202, true, false),
        (400, false, false),
        (404, false, false),
        (410, false, true),
        (500, false, false),
    ] {
        let receiver = Receiver::answering(status, &[]).await;
        let attempt = send(OPEN, &receiver.url).await;
        assert_eq!(attempt.status, Some(status));
        assert_eq!((attempt.succeeded(), attempt.is_final()), (succeeded, last), "{status}");
        let error = format!("the target answered with status {status}");
        assert_eq!(attempt.error, (!succeeded).then_some(error));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let mut receiver = Receiver::answering(status, &[("location", "/elsewhere")]).await;
        let attempt = send(OPEN, &receiver.url).await;
        assert_eq!((attempt.status, attempt.succeeded()), (Some(status), false));
        assert!(attempt.error.is_some_and(|error| error.contains("not followed")));
        assert!(receiver.received.recv().await.is_some());
        assert!(receiver.received.try_recv().is_err(), "a second request after {status}");
    }
}

#[tokio::test]
async fn targets_say_when_to_come_back() {
    for (status, value, seconds) in [
        (429, "120", Some(120)),
        (503, "0", Some(0)),
        (503, "Wed, 15 Jul 2026 12:01:30 GMT", Some(90)),
        (503, "Wed, 15 Jul 2026 11:00:00 GMT", Some(0)),
        (503, "Wed, 15 Jul 2099 12:00:00 GMT", Some(LONGEST_WAIT.as_secs())),
        (503, "99999999999", Some(LONGEST_WAIT.as_secs())),
        (503, "99999999999999999999999", None),
        (503, "-5", None),
        (503, "soon", None),
        (503, "", None),
        (200, "120", None),
    ] {
        let receiver = Receiver::answering(status, &[("retry-after", value)]).await;
        let attempt = send(OPEN, &receiver.url).await;
        assert_eq!(attempt.status, Some(status));
        assert_eq!(attempt.retry_after, seconds.map(Duration::from_secs), "{status} {value:?}");
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_never_connected_to() {
    let mut receiver = Receiver::answering(200, &[]).await;
    let port = receiver.url.rsplit_once("1:").map(|(_, rest)| rest.to_string()).expect("a port");
    for host in ["127.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"] {
        let attempt = send(PUBLIC, &format!("http://{host}:{port}")).await;
        assert_eq!(attempt.error.as_deref(), Some("the target's address is not public"), "{host}");
        assert_eq!((attempt.status, attempt.succeeded()), (None, false));
    }
    assert!(receiver.received.try_recv().is_err());
}

/// As with a name of the Internet that resolves to this machine: its URL shows nothing.
#[tokio::test]
async fn names_of_addresses_that_are_not_public_are_never_connected_to() {
    let mut receiver = Receiver::answering(200, &[]).await;
    let url = receiver.url.replace("127.0.0.1", "localhost");
    let target = Target::parse(&url, &OPEN).expect("an open target");
    let secrets = secrets();
    let delivery = delivery(&url, &secrets);
    let sender = Sender::new(PUBLIC).expect("a sender");
    let error = sender.post(&target, &delivery).await.expect_err("loopback is not public");
    assert_eq!(error, "the target's address is not public");
    assert!(receiver.received.try_recv().is_err());

    assert!(send(OPEN, &url).await.succeeded());
    assert!(receiver.received.recv().await.is_some());
}

#[tokio::test]
async fn what_keeps_a_delivery_from_arriving_is_told() {
    let (listener, closed) = listen().await;
    drop(listener);
    let error = send(OPEN, &closed).await.error.unwrap_or_default();
    assert_eq!(error, "no connection: Connection refused (os error 111)");

    // No resolver takes a label of more than 63 bytes.
    let url = format!("http://{}.test/?token=t0ken", "a".repeat(64));
    let error = send(OPEN, &url).await.error.unwrap_or_default();
    assert_eq!(error, "the target's name does not resolve");

    let receiver = Receiver::answering(200, &[]).await;
    let error = send(OPEN, &receiver.url.replace("http", "https")).await.error.unwrap_or_default();
    assert!(error.starts_with("no connection: ") && error.contains("corrupt"), "{error}");

    let error = send(OPEN, "ftp://example.com/?token=t0ken").await.error.unwrap_or_default();
    assert_eq!(error, "the URL is neither http nor https");
}

#[tokio::test]
async fn a_delivery_that_cannot_be_signed_or_named_is_not_sent() {
    let mut receiver = Receiver::answering(200, &[]).await;
    let sender = Sender::new(OPEN).expect("a sender");
    let attempt = sender.send(&delivery(&receiver.url, &[])).await;
    assert_eq!(attempt.error.as_deref(), Some("the webhook has no secret to sign with"));
    let secrets = secrets();
    let odd = Delivery { id: "msg_1\r\nx: y", ..delivery(&receiver.url, &secrets) };
    let attempt = sender.send(&odd).await;
    assert_eq!(attempt.error.as_deref(), Some("the delivery's id does not fit in a header"));
    assert!(receiver.received.try_recv().is_err());
}

#[tokio::test]
async fn a_target_that_hangs_up_has_not_answered() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async { drop(accept(listener).await) });
    let attempt = send(OPEN, &url).await;
    assert_eq!(attempt.status, None);
    assert!(attempt.error.is_some_and(|error| error.starts_with("no answer: ")));
    server.await.expect("the server");
}

#[tokio::test]
async fn a_target_that_never_answers_is_given_up() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(accept(listener));
    let sender = Sender::with_timeouts(OPEN, patience(100)).expect("a sender");
    let attempt = sender.send(&delivery(&url, &secrets())).await;
    assert_eq!(attempt.error.as_deref(), Some("no answer within 100ms"));
    assert!(attempt.duration >= Duration::from_millis(100));
    assert_eq!(attempt.status, None);
    drop(server);
}

#[tokio::test]
async fn a_target_that_never_finishes_connecting_is_given_up() {
    let (listener, url) = listen().await;
    // The system accepts for the listener, and nobody answers TLS.
    let timeouts = Timeouts { connect: Duration::from_millis(100), ..TIMEOUTS };
    let sender = Sender::with_timeouts(OPEN, timeouts).expect("a sender");
    let attempt = sender.send(&delivery(&url.replace("http", "https"), &secrets())).await;
    assert_eq!(attempt.error.as_deref(), Some("no connection within 100ms"));
    drop(listener);
}

#[tokio::test]
async fn an_answer_that_stalls_after_its_status_has_been_given() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async {
        let mut stream = accept(listener).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome";
        stream.write_all(head).await.expect("the sender is there");
        stream
    });
    let sender = Sender::with_timeouts(OPEN, patience(2000)).expect("a sender");
    let attempt = sender.send(&delivery(&url, &secrets())).await;
    assert!(attempt.succeeded(), "{attempt:?}");
    assert_eq!(attempt.error, None);
    drop(server);
}

#[tokio::test]
async fn an_answer_without_end_is_left_early() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async {
        let mut stream = accept(listener).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n";
        stream.write_all(head).await.expect("the sender is there");
        let mut written = 0;
        while let Ok(more) = stream.write(&[b'a'; 16 * 1024]).await {
            written += more;
        }
        written
    });
    let attempt = send(OPEN, &url).await;
    assert!(attempt.succeeded(), "{attempt:?}");
    // It ends because the sender hung up; what it wrote lay in the system's buffers.
    let written = server.await.expect("the server");
    assert!(written < 64 * 1024 * 1024, "{written}");
}
