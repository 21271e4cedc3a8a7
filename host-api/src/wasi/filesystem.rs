//! `wasi:filesystem`, but for descriptors: the one preopened folder, listings and errors.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode as SharedErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::preopens;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    Descriptor as Handle, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode, Host,
    HostDirectoryEntryStream,
};

use super::descriptors::Descriptor;
use super::retype;
use crate::ctx::Ctx;
use crate::vfs::Place;

/// A folder being listed, and the last name told. It holds no copy of the entries, so that
/// open listings cost nothing.
pub struct Listing {
    pub folder: Place,
    pub last: Option<String>,
}

impl preopens::Host for Ctx {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Handle>, String)>> {
        let root = Descriptor { place: Place::Root(self.root.clone()), writable: false };
        Ok(vec![(retype(&self.table.push(root)?), "/".to_owned())])
    }
}

impl Host for Ctx {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        Ok(error.downcast()?.into())
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<SharedErrorCode>().map(|&code| code.into()))
    }
}

impl HostDirectoryEntryStream for Ctx {
    fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let listing = self.table.get_mut(&retype::<_, Listing>(&stream))?;
        let Some((name, is_folder)) = listing.folder.entry_after(listing.last.as_deref()) else {
            return Ok(None);
        };
        listing.last = Some(name.clone());
        let type_ = if is_folder { DescriptorType::Directory } else { DescriptorType::RegularFile };
        Ok(Some(DirectoryEntry { type_, name }))
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(retype::<_, Listing>(&stream))?;
        Ok(())
    }
}
