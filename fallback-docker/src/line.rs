//! The line to a runner: messages over whatever carries bytes.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::frames::{Decoder, Frame, encode};
use crate::messages::{self, Said};

/// What carries bytes to a runner and back.
pub trait Peer {
    /// Hands bytes on, without waiting for them to arrive.
    fn send(&mut self, bytes: Bytes) -> Result<(), Fault>;

    /// What came, or nothing after so long.
    fn receive(&mut self, patience: Duration) -> Result<Option<Bytes>, Fault>;
}

/// Why there is nothing more to be had from a runner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is gone, or the way to it is.
    #[error("the connection to the container is cut")]
    Cut,
    /// It did what no runner does.
    #[error("{0}")]
    Broken(String),
}

/// A line outlives calls: what came too early for one is there for the next, which sees that
/// something is wrong.
pub struct Line<P> {
    peer: P,
    decoder: Decoder,
    /// A message whose bytes are still to come.
    pending: Option<Said>,
}

impl<P: Peer> Line<P> {
    pub fn new(peer: P) -> Self {
        Self { peer, decoder: Decoder::default(), pending: None }
    }

    pub fn peer(&self) -> &P {
        &self.peer
    }

    pub fn say<T: Serialize>(&mut self, message: &T, bytes: Option<&[u8]>) -> Result<(), Fault> {
        self.peer.send(encode(message, bytes))
    }

    /// The next message, with the bytes that belong to it; nothing if none is whole after so
    /// long, or sooner: so that who asks can look at the clock between the pieces of one.
    pub fn hear(&mut self, patience: Duration) -> Result<Option<(Said, Bytes)>, Fault> {
        if let Some(whole) = self.next()? {
            return Ok(Some(whole));
        }
        match self.peer.receive(patience)? {
            Some(piece) => self.decoder.push(&piece),
            None => return Ok(None),
        }
        self.next()
    }

    /// Whether nothing has come that nobody has heard.
    pub fn is_silent(&mut self) -> Result<bool, Fault> {
        if let Some(piece) = self.peer.receive(Duration::ZERO)? {
            self.decoder.push(&piece);
        }
        Ok(self.pending.is_none() && self.decoder.is_empty())
    }

    fn next(&mut self) -> Result<Option<(Said, Bytes)>, Fault> {
        loop {
            let frame = self.decoder.next().map_err(|error| Fault::Broken(error.to_string()))?;
            match (frame, self.pending.take()) {
                (None, pending) => {
                    self.pending = pending;
                    return Ok(None);
                }
                (Some(Frame::Json(body)), None) => {
                    let (said, bytes) = messages::read(&body).map_err(Fault::Broken)?;
                    if !bytes {
                        return Ok(Some((said, Bytes::new())));
                    }
                    self.pending = Some(said);
                }
                (Some(Frame::Bytes(bytes)), Some(said)) => return Ok(Some((said, bytes))),
                (Some(Frame::Bytes(_)), None) => {
                    return Err(Fault::Broken("bytes that belong to no message".to_owned()));
                }
                (Some(Frame::Json(_)), Some(_)) => {
                    return Err(Fault::Broken("a message in place of its bytes".to_owned()));
                }
            }
        }
    }
}

#[cfg(test)]
pub mod scripted {
    //! A peer over a real socket, whose other end a test holds.

    use std::io::{ErrorKind, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use bytes::Bytes;

    use super::{Fault, Peer};

    pub struct Socket(pub UnixStream);

    impl Peer for Socket {
        fn send(&mut self, bytes: Bytes) -> Result<(), Fault> {
            self.0.write_all(&bytes).map_err(|_| Fault::Cut)
        }

        fn receive(&mut self, patience: Duration) -> Result<Option<Bytes>, Fault> {
            let patience = patience.max(Duration::from_micros(1));
            self.0.set_read_timeout(Some(patience)).unwrap();
            let mut piece = vec![0; 32 * 1024];
            match self.0.read(&mut piece) {
                Ok(0) => Err(Fault::Cut),
                Ok(read) => Ok(Some(Bytes::copy_from_slice(&piece[..read]))),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    Ok(None)
                }
                Err(_) => Err(Fault::Cut),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::scripted::Socket;
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn heard(bytes: &[u8]) -> Result<Option<(Said, Bytes)>, Fault> {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        theirs.write_all(bytes).unwrap();
        Line::new(Socket(ours)).hear(SOON)
    }

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32).to_be_bytes(), &[kind][..], body].concat()
    }

    #[test]
    fn bytes_belong_to_the_message_before_them() {
        let print = frame(b'J', br#"{"type":"print","stream":"stdout","bytes":true}"#);
        let (said, bytes) = heard(&[&print[..], &frame(b'B', b"hello")].concat()).unwrap().unwrap();
        assert!(matches!(said, Said::Print { is_error: false }));
        assert_eq!(bytes, "hello");

        let broken = |bytes: &[u8]| assert!(matches!(heard(bytes), Err(Fault::Broken(_))));
        broken(&frame(b'B', b"hello"));
        broken(&[&print[..], &print[..]].concat());
        broken(&frame(b'J', b"{"));
        broken(b"Killed\nKilled\n");
    }

    #[test]
    fn a_line_is_silent_only_if_nothing_waits() {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        let mut line = Line::new(Socket(ours));
        assert!(line.is_silent().unwrap());
        theirs.write_all(&[0]).unwrap();
        assert!(!line.is_silent().unwrap());
        drop(theirs);
        assert_eq!(line.is_silent(), Err(Fault::Cut));
    }
}
