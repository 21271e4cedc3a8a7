//! A call's files, as the runner asks for them: by handles, one request at a time.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use model::executor::FileSink;
use model::guest::{FileUse, MAX_READ_BYTES, check_key};
use model::{CallFiles, FileError};

use crate::messages::Request;

/// What is answered to a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Opened(u64),
    Content(Vec<u8>),
    Done,
}

enum Open {
    Reader(Box<dyn Read + Send>),
    /// Empty once it is finished.
    Writer(Option<Box<dyn FileSink>>),
}

/// The files that a call has open. Dropped, what was not finished is not kept.
pub struct Files {
    source: Arc<dyn CallFiles>,
    used: FileUse,
    open: BTreeMap<u64, Open>,
    last: u64,
}

impl Files {
    pub fn new(source: Arc<dyn CallFiles>) -> Self {
        Self { source, used: FileUse::default(), open: BTreeMap::new(), last: 0 }
    }

    /// Does what a request asks for; `bytes` came with it.
    pub fn answer(&mut self, request: Request, bytes: &Bytes) -> Result<Answer, FileError> {
        match request {
            Request::Open { key } => {
                check_key(&key)?;
                let reader = self.source.open(&key)?;
                self.used.open_one()?;
                Ok(self.keep(Open::Reader(reader)))
            }
            Request::Create { key } => {
                check_key(&key)?;
                self.used.create_one()?;
                let sink = self.source.create(&key)?;
                Ok(self.keep(Open::Writer(Some(sink))))
            }
            Request::Read { handle, length } => match self.open.get_mut(&handle) {
                Some(Open::Reader(reader)) => {
                    let mut bytes = vec![0; length.min(u64::from(MAX_READ_BYTES)) as usize];
                    let read = reader.read(&mut bytes).map_err(unavailable)?;
                    bytes.truncate(read);
                    Ok(Answer::Content(bytes))
                }
                _ => Err(not_open()),
            },
            Request::Write { handle } => {
                self.used.write(bytes.len())?;
                match self.open.get_mut(&handle) {
                    Some(Open::Writer(Some(sink))) => {
                        sink.write_all(bytes).map_err(unavailable)?;
                        Ok(Answer::Done)
                    }
                    Some(Open::Writer(None)) => Err(finished()),
                    _ => Err(not_open()),
                }
            }
            Request::Finish { handle } => match self.open.get_mut(&handle) {
                Some(Open::Writer(sink)) => {
                    sink.take().ok_or_else(finished)?.finish()?;
                    Ok(Answer::Done)
                }
                _ => Err(not_open()),
            },
            Request::Drop { handle } => {
                self.open.remove(&handle).ok_or_else(not_open)?;
                self.used.close_one();
                Ok(Answer::Done)
            }
        }
    }

    fn keep(&mut self, open: Open) -> Answer {
        self.last += 1;
        self.open.insert(self.last, open);
        Answer::Opened(self.last)
    }
}

fn unavailable(error: std::io::Error) -> FileError {
    FileError::Unavailable(error.to_string())
}

fn finished() -> FileError {
    FileError::Unavailable("the file is finished".to_owned())
}

fn not_open() -> FileError {
    FileError::Unavailable("no such file is open".to_owned())
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// Keeps what is finished.
    #[derive(Default)]
    struct Memory(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

    struct Sink(String, Vec<u8>, Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

    impl CallFiles for Memory {
        fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, FileError> {
            let content = self.0.lock().get(key).cloned();
            let content = content.ok_or_else(|| FileError::NotFound(key.to_owned()))?;
            Ok(Box::new(std::io::Cursor::new(content)))
        }

        fn create(&self, key: &str) -> Result<Box<dyn FileSink>, FileError> {
            Ok(Box::new(Sink(key.to_owned(), Vec::new(), self.0.clone())))
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl FileSink for Sink {
        fn finish(self: Box<Self>) -> Result<(), FileError> {
            self.2.lock().insert(self.0, self.1);
            Ok(())
        }
    }

    fn ask(files: &mut Files, request: Request) -> Result<Answer, FileError> {
        files.answer(request, &Bytes::from_static(b"some bytes"))
    }

    #[test]
    fn a_file_is_written_finished_and_read() {
        let mut files = Files::new(Arc::new(Memory::default()));
        let key = "a/b".to_owned();
        assert_eq!(ask(&mut files, Request::Create { key: key.clone() }), Ok(Answer::Opened(1)));
        assert_eq!(ask(&mut files, Request::Write { handle: 1 }), Ok(Answer::Done));
        let missing = ask(&mut files, Request::Open { key: key.clone() });
        assert_eq!(missing, Err(FileError::NotFound("a/b".to_owned())));
        assert_eq!(ask(&mut files, Request::Finish { handle: 1 }), Ok(Answer::Done));
        assert_eq!(ask(&mut files, Request::Finish { handle: 1 }), Err(finished()));
        assert_eq!(ask(&mut files, Request::Write { handle: 1 }), Err(finished()));
        assert_eq!(ask(&mut files, Request::Drop { handle: 1 }), Ok(Answer::Done));

        assert_eq!(ask(&mut files, Request::Open { key }), Ok(Answer::Opened(2)));
        let read = Request::Read { handle: 2, length: u64::MAX };
        assert_eq!(ask(&mut files, read.clone()), Ok(Answer::Content(b"some bytes".to_vec())));
        assert_eq!(ask(&mut files, read), Ok(Answer::Content(Vec::new())));
    }

    #[test]
    fn handles_and_keys_are_a_strangers() {
        let mut files = Files::new(Arc::new(Memory::default()));
        let hostile = [
            Request::Read { handle: 7, length: 1 },
            Request::Write { handle: u64::MAX },
            Request::Finish { handle: 0 },
            Request::Drop { handle: 1 },
            Request::Open { key: "../etc/passwd".to_owned() },
            Request::Create { key: "/etc/passwd".to_owned() },
        ];
        for request in hostile {
            assert!(ask(&mut files, request.clone()).is_err(), "{request:?}");
        }
        for _ in 0..64 {
            ask(&mut files, Request::Create { key: "x".to_owned() }).unwrap();
        }
        let most = ask(&mut files, Request::Create { key: "x".to_owned() }).unwrap_err();
        assert!(most.to_string().contains("64 files are open"));
    }
}
