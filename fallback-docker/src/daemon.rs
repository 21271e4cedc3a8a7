//! The connection to the Docker daemon, and what its failures mean.
//!
//! The daemon is another's: it may not be there yet, be gone, and come back as another
//! version. So nothing is kept open: each request connects, and what is remembered is the
//! version of the interface that both sides speak.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime};

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// For a request's answer to begin. Builds and pulls have limits of their own.
const REQUEST_SECONDS: u64 = 60;

/// How long a daemon that is well may take to say so.
const CHECK: Duration = Duration::from_secs(5);

/// What a failed request means for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DaemonError {
    /// Nobody answers, or no longer: try again when the daemon is back.
    #[error("the Docker daemon does not answer: {0}")]
    Gone(String),
    /// There is no such image, container or exec.
    #[error("{0}")]
    Missing(String),
    /// It is in the way of something: a name in use, a container in the wrong state.
    #[error("{0}")]
    Conflict(String),
    #[error("the Docker daemon's disk is full: {0}")]
    DiskFull(String),
    /// The daemon does not take such a request.
    #[error("the Docker daemon refuses: {0}")]
    Refused(String),
    #[error("the Docker daemon failed: {0}")]
    Failed(String),
}

impl DaemonError {
    /// Whether the same may go well later without anybody changing the request.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::DiskFull(_))
    }

    /// Reads what the daemon says in words, as in the stream of a build.
    pub fn of_message(message: String) -> Self {
        let lower = message.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(&["no space left on device", "disk quota exceeded"]) {
            Self::DiskFull(message)
        } else if says(&[
            // What requests that are under way hear when the daemon or its containerd stops.
            "connection is closing",
            "transport is closing",
            "containerd.sock: connect",
            "server is shutting down",
        ]) {
            Self::Gone(message)
        } else {
            Self::Failed(message)
        }
    }
}

impl From<Error> for DaemonError {
    fn from(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                match (status_code, Self::of_message(message)) {
                    (404, Self::Failed(message)) => Self::Missing(message),
                    (409, Self::Failed(message)) => Self::Conflict(message),
                    (400..=499, Self::Failed(message)) => Self::Refused(message),
                    (_, told) => told,
                }
            }
            Error::DockerStreamError { error } => Self::of_message(error),
            Error::DockerContainerWaitError { error, .. } => Self::of_message(error),
            error @ (Error::HyperLegacyError { .. }
            | Error::HyperResponseError { .. }
            | Error::IOError { .. }
            | Error::SocketNotFoundError(_)
            | Error::RequestTimeoutError) => Self::Gone(with_causes(&error)),
            error => Self::Failed(with_causes(&error)),
        }
    }
}

/// `client error (Connect)` alone says nothing: the reason is further down.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

/// A Docker daemon, there or not, and the threads on which requests to it wait.
pub struct Daemon {
    host: String,
    docker: Mutex<Option<Docker>>,
    /// Taken in `drop` alone.
    runtime: Option<Runtime>,
}

impl Daemon {
    /// Connects to nothing yet. Without a host it is that of `DOCKER_HOST`, or the usual
    /// socket.
    ///
    /// # Errors
    /// If no thread can be made.
    pub fn new(host: Option<&str>) -> std::io::Result<Arc<Self>> {
        let from_environment = || std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        let host = host
            .map(str::to_owned)
            .or_else(from_environment)
            .unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("docker")
            .enable_all()
            .build()?;
        Ok(Arc::new(Self { host, docker: Mutex::new(None), runtime: Some(runtime) }))
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where requests run that outlive the call that began them.
    pub fn handle(&self) -> &Handle {
        self.runtime.as_ref().expect("there until dropped").handle()
    }

    /// Waits for a request. For threads that may block: not from within async code.
    pub fn wait<F: Future>(&self, request: F) -> F::Output {
        self.handle().block_on(request)
    }

    /// A client that speaks what the daemon speaks. Answers from memory but for the first time.
    pub async fn docker(&self) -> Result<Docker, DaemonError> {
        let known = self.docker.lock().clone();
        match known {
            Some(docker) => Ok(docker),
            None => self.connect().await,
        }
    }

    /// As `docker`, for a thread that may block.
    pub fn client(&self) -> Result<Docker, DaemonError> {
        let known = self.docker.lock().clone();
        match known {
            Some(docker) => Ok(docker),
            None => self.wait(self.connect()),
        }
    }

    /// Whether the daemon answers, within seconds. It may be another version than before:
    /// that is found out here.
    pub fn check(&self) -> Result<(), DaemonError> {
        self.wait(async {
            let docker = self.connect().await?;
            let ping = tokio::time::timeout(CHECK, docker.ping()).await;
            ping.map_err(|_| slow())?.map_err(DaemonError::from)?;
            Ok(())
        })
    }

    async fn connect(&self) -> Result<Docker, DaemonError> {
        let tcp = self.host.starts_with("tcp://") || self.host.starts_with("http://");
        let docker = if tcp {
            Docker::connect_with_http(&self.host, REQUEST_SECONDS, API_DEFAULT_VERSION)?
        } else if self.host.starts_with("unix://") || self.host.starts_with('/') {
            Docker::connect_with_unix(&self.host, REQUEST_SECONDS, API_DEFAULT_VERSION)?
        } else {
            let host = &self.host;
            return Err(DaemonError::Refused(format!(
                "`{host}` is no address of a daemon: `unix:///path` or `tcp://host:port`"
            )));
        };
        let docker = docker.with_request_modifier(with_readable_credentials);
        let negotiated = tokio::time::timeout(CHECK, docker.negotiate_version()).await;
        let docker = negotiated.map_err(|_| slow())??;
        *self.docker.lock() = Some(docker.clone());
        Ok(docker)
    }
}

/// The daemon reads credentials in the alphabet of URLs and ignores what is in another;
/// bollard writes the usual one, which differs for passwords with a `?` or `~`.
fn with_readable_credentials(mut request: BollardRequest) -> BollardRequest {
    if let Some(value) = request.headers_mut().get_mut("x-registry-auth")
        && let Ok(text) = value.to_str()
        && let Ok(readable) = text.replace('+', "-").replace('/', "_").parse()
    {
        *value = readable;
    }
    request
}

fn slow() -> DaemonError {
    DaemonError::Gone(format!("no answer within {} s", CHECK.as_secs()))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Waiting for its threads would panic in async code, where the last owner may be.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status_code: u16, message: &str) -> DaemonError {
        Error::DockerResponseServerError { status_code, message: message.to_owned() }.into()
    }

    #[test]
    fn an_answer_is_told_by_its_status_and_what_it_says() {
        assert!(matches!(answered(404, "No such image: x"), DaemonError::Missing(_)));
        assert!(matches!(answered(409, "in use"), DaemonError::Conflict(_)));
        assert!(matches!(answered(400, "bad parameter"), DaemonError::Refused(_)));
        assert!(matches!(
            answered(500, "write /a: no space left on device"),
            DaemonError::DiskFull(_)
        ));
        assert!(matches!(
            answered(500, "grpc: the client connection is closing: unknown"),
            DaemonError::Gone(_)
        ));
        assert!(matches!(answered(500, "whatever"), DaemonError::Failed(_)));
    }

    #[test]
    fn a_daemon_that_is_not_there_is_gone_and_is_dropped_in_async_code() {
        let folder = tempfile::tempdir().unwrap();
        let host = format!("unix://{}/none.sock", folder.path().display());
        let daemon = Daemon::new(Some(&host)).unwrap();
        assert!(matches!(daemon.check(), Err(DaemonError::Gone(_))));
        assert!(matches!(daemon.client(), Err(DaemonError::Gone(_))));

        // A socket that nobody listens on any more.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("none.sock")).unwrap());
        assert!(matches!(daemon.check(), Err(DaemonError::Gone(_))));

        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        other.block_on(async move { drop(daemon) });
    }

    #[test]
    fn a_daemon_that_says_nothing_is_gone() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let daemon = Daemon::new(Some(&host)).unwrap();
        // It closes the connection without a word.
        let closing = std::thread::spawn(move || drop(listener.accept().unwrap()));
        assert!(matches!(daemon.check(), Err(DaemonError::Gone(_))));
        closing.join().unwrap();
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        let daemon = Daemon::new(Some("ssh://somewhere")).unwrap();
        assert!(matches!(daemon.check(), Err(DaemonError::Refused(_))));
    }
}
