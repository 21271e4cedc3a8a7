//! The call's input and output files, streamed by key.

use std::io::{Read, Write};

use model::FileError;
use model::executor::FileSink;
use model::guest::{MAX_READ_BYTES, check_key};
use wasmtime::component::Resource;

use crate::bindings::mecapy::sandbox::files::{Error, Host, HostReader, HostWriter};
use crate::ctx::Ctx;

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

impl Host for Ctx {
    fn open(&mut self, key: String) -> wasmtime::Result<Result<Resource<Reader>, Error>> {
        let opened = check_key(&key).and_then(|()| self.files.open(&key));
        match opened.and_then(|reader| self.file_use.open_one().map(|()| reader)) {
            Ok(reader) => Ok(Ok(self.table.push(Reader(reader))?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn create(&mut self, key: String) -> wasmtime::Result<Result<Resource<Writer>, Error>> {
        let created = check_key(&key)
            .and_then(|()| self.file_use.create_one())
            .and_then(|()| self.files.create(&key));
        match created {
            Ok(sink) => Ok(Ok(self.table.push(Writer(Some(sink)))?)),
            Err(error) => Ok(Err(error.into())),
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
        self.file_use.close_one();
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
            return Ok(Err(refused.into()));
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
        self.file_use.close_one();
        Ok(())
    }
}
