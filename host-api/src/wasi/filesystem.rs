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

/// What is left of a folder's entries: names, and whether they are folders.
pub struct Listing(pub std::vec::IntoIter<(String, bool)>);

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
        Ok(listing.0.next().map(|(name, is_folder)| DirectoryEntry {
            type_: if is_folder { DescriptorType::Directory } else { DescriptorType::RegularFile },
            name,
        }))
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(retype::<_, Listing>(&stream))?;
        Ok(())
    }
}
