//! Frames: how the host and the runner mark where one message ends (PROTOCOL.md).
//!
//! Knows nothing of what messages mean. What is read comes from a stranger: lengths are
//! checked before anything is kept for them.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Serialize;

/// Largest body of a frame of JSON, and of one of bytes.
pub const MAX_JSON_FRAME: usize = 4 * 1024 * 1024;
pub const MAX_BYTES_FRAME: usize = 64 * 1024 * 1024;

const JSON: u8 = b'J';
const BYTES: u8 = b'B';

/// Length of the body, then kind.
const HEADER: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Json(Bytes),
    Bytes(Bytes),
}

/// What is no frame ends the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoFrame(String);

/// Cuts what arrives, in whatever pieces, into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next frame, if all of it is there.
    ///
    /// # Errors
    /// If what comes next cannot be a frame. Nothing after it can be understood.
    pub fn next(&mut self) -> Result<Option<Frame>, NoFrame> {
        let Some(header) = self.buffer.get(..HEADER) else { return Ok(None) };
        let body = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let kind = header[4];
        let most = match kind {
            JSON => MAX_JSON_FRAME,
            BYTES => MAX_BYTES_FRAME,
            _ => return Err(NoFrame(format!("a frame of the unknown kind {kind:#04x}"))),
        };
        if body > most {
            return Err(NoFrame(format!("a frame of {body} bytes: at most {most}")));
        }
        if self.buffer.len() < HEADER + body {
            // All at once, rather than by doubling what has already come.
            self.buffer.reserve(HEADER + body - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        let body = self.buffer.split_to(body).freeze();
        Ok(Some(if kind == JSON { Frame::Json(body) } else { Frame::Bytes(body) }))
    }

    /// Whether nothing waits, not even a part of a frame.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

/// A message, and the bytes that belong to it, as they are sent.
pub fn encode<T: Serialize>(message: &T, bytes: Option<&[u8]>) -> Bytes {
    let json = serde_json::to_vec(message).expect("our own messages have text keys");
    let more = bytes.map_or(0, |bytes| HEADER + bytes.len());
    let mut out = BytesMut::with_capacity(HEADER + json.len() + more);
    put(&mut out, JSON, &json);
    if let Some(bytes) = bytes {
        put(&mut out, BYTES, bytes);
    }
    out.freeze()
}

fn put(out: &mut BytesMut, kind: u8, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("bounded by what may be sent");
    out.put_u32(length);
    out.put_u8(kind);
    out.put_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Frame {
        Frame::Json(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn what_is_sent_is_read_again_however_it_is_cut() {
        let sent = encode(&serde_json::json!({"type": "run"}), Some(b"\x00\xff"));
        let sent = [sent.as_ref(), encode(&serde_json::json!([]), None).as_ref()].concat();
        for size in 1..sent.len() {
            let mut decoder = Decoder::default();
            let mut frames = Vec::new();
            for piece in sent.chunks(size) {
                decoder.push(piece);
                while let Some(frame) = decoder.next().unwrap() {
                    frames.push(frame);
                }
            }
            let bytes = Frame::Bytes(Bytes::from_static(b"\x00\xff"));
            assert_eq!(frames, [json(r#"{"type":"run"}"#), bytes, json("[]")]);
            assert!(decoder.is_empty());
        }
    }

    #[test]
    fn a_length_is_refused_before_anything_is_kept_for_it() {
        let refused = |bytes: &[u8]| {
            let mut decoder = Decoder::default();
            decoder.push(bytes);
            decoder.next().unwrap_err().0
        };
        assert!(refused(b"\xff\xff\xff\xffJ").contains("at most 4194304"));
        assert!(refused(b"\xff\xff\xff\xffB").contains("at most 67108864"));
        assert!(refused(b"\x00\x00\x00\x02X!").contains("unknown kind 0x58"));
        assert!(refused(b"Traceback (most recent call last)").contains("unknown kind"));
    }

    #[test]
    fn the_largest_frame_is_one() {
        let mut decoder = Decoder::default();
        decoder.push(&(MAX_JSON_FRAME as u32).to_be_bytes());
        decoder.push(b"J");
        assert_eq!(decoder.next(), Ok(None));
        decoder.push(&vec![b' '; MAX_JSON_FRAME]);
        assert!(
            matches!(decoder.next(), Ok(Some(Frame::Json(body))) if body.len() == MAX_JSON_FRAME)
        );
    }
}
