//! The call's input and output files, streamed by key.

use std::io::{Read, Write};

use model::FileError;
use model::executor::FileSink;
use wasmtime::component::Resource;

use crate::bindings::mecapy::sandbox::files::{Error, Host, HostReader, HostWriter};
use crate::ctx::Ctx;

/// Most bytes that one read returns.
const MAX_READ_BYTES: u32 = 1024 * 1024;

pub struct Reader(Box<dyn Read + Send>);

pub struct Writer(Option<Box<dyn FileSink>>);

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NotFound(_) => Self::NotFound,
            FileError::InvalidKey(_) => Self::InvalidKey,
            FileError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// Most files that a call may create, and most that it may hold open.
const MAX_CREATED: usize = 1000;
const MAX_OPEN: usize = 64;

/// Most bytes in all files that a call writes.
const MAX_WRITTEN_BYTES: u64 = 1024 * 1024 * 1024;

/// Longest key, and most parts of one.
const MAX_KEY_BYTES: usize = 1024;
const MAX_KEY_PARTS: usize = 32;

/// What a call has done with its files.
#[derive(Debug, Default)]
pub struct FileUse {
    open: usize,
    created: usize,
    written: u64,
}

impl FileUse {
    fn open_one(&mut self) -> Result<(), Error> {
        if self.open == MAX_OPEN {
            return Err(Error::Unavailable(format!("{MAX_OPEN} files are open: close some")));
        }
        self.open += 1;
        Ok(())
    }

    fn create_one(&mut self) -> Result<(), Error> {
        if self.created == MAX_CREATED {
            return Err(Error::Unavailable(format!("a call creates at most {MAX_CREATED} files")));
        }
        self.open_one()?;
        self.created += 1;
        Ok(())
    }

    fn write(&mut self, bytes: usize) -> Result<(), Error> {
        self.written += bytes as u64;
        if self.written > MAX_WRITTEN_BYTES {
            let most = format!("a call writes at most {MAX_WRITTEN_BYTES} bytes to its files");
            return Err(Error::Unavailable(most));
        }
        Ok(())
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.len() > MAX_KEY_BYTES || key.split('/').count() > MAX_KEY_PARTS {
        return Err(Error::InvalidKey);
    }
    let bad =
        key.contains(['\\', '\0']) || key.split('/').any(|part| matches!(part, "" | "." | ".."));
    if bad { Err(Error::InvalidKey) } else { Ok(()) }
}

impl Host for Ctx {
    fn open(&mut self, key: String) -> wasmtime::Result<Result<Resource<Reader>, Error>> {
        let opened = check_key(&key).and_then(|()| self.files.open(&key).map_err(Error::from));
        match opened.and_then(|reader| self.file_use.open_one().map(|()| reader)) {
            Ok(reader) => Ok(Ok(self.table.push(Reader(reader))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn create(&mut self, key: String) -> wasmtime::Result<Result<Resource<Writer>, Error>> {
        let created = check_key(&key)
            .and_then(|()| self.file_use.create_one())
            .and_then(|()| self.files.create(&key).map_err(Error::from));
        match created {
            Ok(sink) => Ok(Ok(self.table.push(Writer(Some(sink)))?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl HostReader for Ctx {
    fn read(
        &mut self,
        reader: Resource<Reader>,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let reader = self.table.get_mut(&reader)?;
        let mut bytes = vec![0; length.min(MAX_READ_BYTES) as usize];
        Ok(match reader.0.read(&mut bytes) {
            Ok(read) => {
                bytes.truncate(read);
                Ok(bytes)
            }
            Err(error) => Err(Error::Unavailable(error.to_string())),
        })
    }

    fn drop(&mut self, reader: Resource<Reader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        self.file_use.open = self.file_use.open.saturating_sub(1);
        Ok(())
    }
}

impl HostWriter for Ctx {
    fn write(
        &mut self,
        writer: Resource<Writer>,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        if let Err(refused) = self.file_use.write(bytes.len()) {
            return Ok(Err(refused));
        }
        Ok(match &mut self.table.get_mut(&writer)?.0 {
            Some(sink) => {
                sink.write_all(&bytes).map_err(|error| Error::Unavailable(error.to_string()))
            }
            None => Err(Error::Unavailable("the file is finished".to_owned())),
        })
    }

    fn finish(&mut self, writer: Resource<Writer>) -> wasmtime::Result<Result<(), Error>> {
        Ok(match self.table.get_mut(&writer)?.0.take() {
            Some(sink) => sink.finish().map_err(Error::from),
            None => Err(Error::Unavailable("the file is finished".to_owned())),
        })
    }

    fn drop(&mut self, writer: Resource<Writer>) -> wasmtime::Result<()> {
        self.table.delete(writer)?;
        self.file_use.open = self.file_use.open.saturating_sub(1);
        Ok(())
    }
}
