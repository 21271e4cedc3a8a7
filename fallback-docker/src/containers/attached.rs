//! A container's standard streams: pumped by the daemon's runtime, used by a thread that waits.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::container::{AttachContainerResults, LogOutput};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::inbox::{Inbox, Source};
use crate::line::{Fault, Peer};

/// What may wait to be written. The protocol has one answer under way at a time, beside a call
/// and a request to stop: a runner for which more waits asks without reading.
const MAX_WAITING_MESSAGES: usize = 8;

/// Where the streams of a container end, or begin.
pub struct Attached {
    inbox: Arc<Inbox>,
    /// Dropped, the container's standard input ends.
    outbox: Option<mpsc::Sender<Bytes>>,
    pumps: [JoinHandle<()>; 2],
}

impl Attached {
    pub fn new(runtime: &Handle, streams: AttachContainerResults) -> Self {
        let inbox = Arc::new(Inbox::default());
        let (outbox, waiting) = mpsc::channel(MAX_WAITING_MESSAGES);
        let reading = read(streams.output, inbox.clone());
        let writing = write(streams.input, waiting);
        let pumps = [runtime.spawn(reading), runtime.spawn(writing)];
        Self { inbox, outbox: Some(outbox), pumps }
    }

    /// The next piece of either stream.
    pub fn take(&self, patience: Duration) -> Result<Option<(Source, Bytes)>, Fault> {
        self.inbox.take(patience).map_err(|_| Fault::Cut)
    }

    pub fn end_input(&mut self) {
        self.outbox = None;
    }

    pub fn is_cut(&self) -> bool {
        self.inbox.is_closed()
    }
}

impl Peer for Attached {
    fn send(&mut self, bytes: Bytes) -> Result<(), Fault> {
        let Some(outbox) = &self.outbox else { return Err(Fault::Cut) };
        outbox.try_send(bytes).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Fault::Broken("it asks for more without reading the answers".to_owned())
            }
            mpsc::error::TrySendError::Closed(_) => Fault::Cut,
        })
    }

    /// Standard output; what is written to standard error is for our own log.
    fn receive(&mut self, patience: Duration) -> Result<Option<Bytes>, Fault> {
        match self.take(patience)? {
            Some((Source::Out, piece)) => Ok(Some(piece)),
            Some((Source::Err, piece)) => {
                let text = String::from_utf8_lossy(&piece);
                tracing::debug!("a runner complains: {}", text.trim_end());
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        for pump in &self.pumps {
            pump.abort();
        }
    }
}

type Output =
    Pin<Box<dyn futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;

async fn read(mut output: Output, inbox: Arc<Inbox>) {
    while let Some(piece) = output.next().await {
        match piece {
            Ok(LogOutput::StdOut { message }) => inbox.put(Source::Out, message).await,
            Ok(LogOutput::StdErr { message }) => inbox.put(Source::Err, message).await,
            // Neither is of a container without a terminal.
            Ok(LogOutput::StdIn { .. } | LogOutput::Console { .. }) => {}
            Err(error) => {
                tracing::debug!("the stream of a container broke: {error}");
                break;
            }
        }
    }
    inbox.close();
}

async fn write(mut input: Pin<Box<dyn AsyncWrite + Send>>, mut waiting: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = waiting.recv().await {
        let written = async {
            input.write_all(&bytes).await?;
            input.flush().await
        };
        if let Err(error) = written.await {
            tracing::debug!("the stream of a container broke: {error}");
            // Who does not read may answer all the same: reading tells.
            return;
        }
    }
    let _ = input.shutdown().await;
}
