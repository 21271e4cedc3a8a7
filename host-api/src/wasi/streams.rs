//! `wasi:io/streams` over memory: files of the call, and its printed lines.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::io::streams::{
    self, Host, HostInputStream, HostOutputStream,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};

use super::poll::Pollable;
use super::retype;
use crate::ctx::Ctx;
use crate::tmp::TmpFile;
use crate::vfs::{Place, code};

/// Most bytes that one read returns or one write takes.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// A file being read.
pub struct Input {
    pub place: Place,
    pub at: u64,
}

/// Where written bytes go.
pub enum Output {
    Stdout,
    Stderr,
    /// `/dev/null`.
    Nowhere,
    File {
        file: Arc<TmpFile>,
        at: u64,
    },
    Append(Arc<TmpFile>),
}

fn failed(error: ErrorCode) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(error))
}

impl Ctx {
    fn read_stream(
        &mut self,
        stream: &Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<Vec<u8>> {
        let input = self.table.get_mut(&retype::<_, Input>(stream))?;
        let bytes = input.place.read(input.at, len.min(CHUNK_BYTES) as usize).map_err(failed)?;
        if bytes.is_empty() && len > 0 {
            return Err(StreamError::Closed);
        }
        input.at += bytes.len() as u64;
        Ok(bytes)
    }

    fn write_stream(
        &mut self,
        stream: &Resource<DynOutputStream>,
        bytes: &[u8],
    ) -> StreamResult<()> {
        match self.table.get_mut(&retype::<_, Output>(stream))? {
            Output::Stdout => self.stdout.write(bytes, &mut self.logs),
            Output::Stderr => self.stderr.write(bytes, &mut self.logs),
            Output::Nowhere => {}
            Output::Append(file) => file.append(bytes).map_err(|error| failed(code(error)))?,
            Output::File { file, at } => {
                file.write(*at, bytes).map_err(|error| failed(code(error)))?;
                *at += bytes.len() as u64;
            }
        }
        Ok(())
    }

    fn zeros(&mut self, stream: &Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        if len > CHUNK_BYTES {
            return Err(StreamError::trap("more zeros than `check-write` permits"));
        }
        self.write_stream(stream, &vec![0; len as usize])
    }
}

impl Host for Ctx {
    fn convert_stream_error(
        &mut self,
        error: StreamError,
    ) -> wasmtime::Result<streams::StreamError> {
        match error {
            StreamError::Closed => Ok(streams::StreamError::Closed),
            StreamError::LastOperationFailed(error) => {
                Ok(streams::StreamError::LastOperationFailed(self.table.push(error)?))
            }
            StreamError::Trap(error) => Err(error),
        }
    }
}

impl HostInputStream for Ctx {
    fn read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        self.read_stream(&stream, len)
    }

    fn blocking_read(
        &mut self,
        stream: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<Vec<u8>> {
        self.read_stream(&stream, len)
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        Ok(self.read_stream(&stream, len)?.len() as u64)
    }

    fn blocking_skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        Ok(self.read_stream(&stream, len)?.len() as u64)
    }

    fn subscribe(
        &mut self,
        _: Resource<DynInputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        Ok(retype(&self.table.push(Pollable::Ready)?))
    }

    fn drop(&mut self, stream: Resource<DynInputStream>) -> wasmtime::Result<()> {
        self.table.delete(retype::<_, Input>(&stream))?;
        Ok(())
    }
}

impl HostOutputStream for Ctx {
    fn check_write(&mut self, _: Resource<DynOutputStream>) -> StreamResult<u64> {
        Ok(CHUNK_BYTES)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.write_stream(&stream, &bytes)
    }

    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.write_stream(&stream, &bytes)
    }

    fn flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        Ok(())
    }

    fn blocking_flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        Ok(())
    }

    fn subscribe(
        &mut self,
        _: Resource<DynOutputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        Ok(retype(&self.table.push(Pollable::Ready)?))
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.zeros(&stream, len)
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        len: u64,
    ) -> StreamResult<()> {
        self.zeros(&stream, len)
    }

    fn splice(
        &mut self,
        target: Resource<DynOutputStream>,
        source: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        let bytes = self.read_stream(&source, len)?;
        self.write_stream(&target, &bytes)?;
        Ok(bytes.len() as u64)
    }

    fn blocking_splice(
        &mut self,
        target: Resource<DynOutputStream>,
        source: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        self.splice(target, source, len)
    }

    fn drop(&mut self, stream: Resource<DynOutputStream>) -> wasmtime::Result<()> {
        self.table.delete(retype::<_, Output>(&stream))?;
        Ok(())
    }
}
