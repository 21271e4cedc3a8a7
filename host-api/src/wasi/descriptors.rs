//! `wasi:filesystem/types`, the `descriptor` resource: an open file or folder.

use std::any::Any;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    Advice, Descriptor as Handle, DescriptorFlags, DescriptorStat, DescriptorType,
    DirectoryEntryStream, HostDescriptor, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::filesystem::Listing;
use super::retype;
use super::streams::{Input, Output};
use crate::ctx::Ctx;
use crate::tmp::TmpError;
use crate::vfs::{Place, code};

/// Most bytes that one positioned read returns.
const MAX_READ_BYTES: u64 = 1024 * 1024;

/// Most files whose inode numbers are remembered at a time.
const MAX_INODES: usize = 65_536;

/// Inode numbers by identity.
pub type Inodes = std::collections::HashMap<u64, u64>;

/// An open file or folder.
pub struct Descriptor {
    pub place: Place,
    pub writable: bool,
}

/// Whether an entry of the resource table is a file or folder that the guest opened.
pub fn is_open_file(entry: &mut (dyn Any + Send)) -> bool {
    entry
        .downcast_ref::<Descriptor>()
        .is_some_and(|descriptor| !matches!(descriptor.place, Place::Root(_)))
}

fn refused(error: ErrorCode) -> FsError {
    FsError::from(error)
}

fn tmp(error: TmpError) -> FsError {
    refused(code(error))
}

impl Ctx {
    fn open(&self, handle: &Resource<Handle>) -> FsResult<&Descriptor> {
        Ok(self.table.get(&retype::<_, Descriptor>(handle))?)
    }

    fn place(&self, handle: &Resource<Handle>) -> FsResult<&Place> {
        Ok(&self.open(handle)?.place)
    }

    /// The file behind a descriptor that was opened for writing.
    fn output(&self, handle: &Resource<Handle>, at: Option<u64>) -> FsResult<Output> {
        let descriptor = self.open(handle)?;
        match &descriptor.place {
            _ if !descriptor.writable => Err(refused(ErrorCode::BadDescriptor)),
            Place::TmpFile(file) => Ok(match at {
                Some(at) => Output::File { file: file.clone(), at },
                None => Output::Append(file.clone()),
            }),
            Place::Null => Ok(Output::Nowhere),
            _ => Err(refused(ErrorCode::ReadOnly)),
        }
    }
}

fn kind(place: &Place) -> DescriptorType {
    match place {
        Place::Null => DescriptorType::CharacterDevice,
        place if place.is_folder() => DescriptorType::Directory,
        _ => DescriptorType::RegularFile,
    }
}

/// Times are never reported: a package's files have none that all machines agree on.
fn stat(place: &Place) -> DescriptorStat {
    DescriptorStat {
        type_: kind(place),
        link_count: 1,
        size: place.len(),
        data_access_timestamp: None,
        data_modification_timestamp: None,
        status_change_timestamp: None,
    }
}

impl HostDescriptor for Ctx {
    fn read_via_stream(
        &mut self,
        handle: Resource<Handle>,
        at: u64,
    ) -> FsResult<Resource<DynInputStream>> {
        let place = self.place(&handle)?.clone();
        if place.is_folder() {
            return Err(refused(ErrorCode::IsDirectory));
        }
        Ok(retype(&self.table.push(Input { place, at })?))
    }

    fn write_via_stream(
        &mut self,
        handle: Resource<Handle>,
        at: u64,
    ) -> FsResult<Resource<DynOutputStream>> {
        let output = self.output(&handle, Some(at))?;
        Ok(retype(&self.table.push(output)?))
    }

    fn append_via_stream(
        &mut self,
        handle: Resource<Handle>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let output = self.output(&handle, None)?;
        Ok(retype(&self.table.push(output)?))
    }

    fn read(&mut self, handle: Resource<Handle>, len: u64, at: u64) -> FsResult<(Vec<u8>, bool)> {
        let place = self.place(&handle)?;
        let bytes = place.read(at, len.min(MAX_READ_BYTES) as usize).map_err(refused)?;
        let end = at.saturating_add(bytes.len() as u64) >= place.len();
        Ok((bytes, end))
    }

    fn write(&mut self, handle: Resource<Handle>, bytes: Vec<u8>, at: u64) -> FsResult<u64> {
        if let Output::File { file, at } = self.output(&handle, Some(at))? {
            file.write(at, &bytes).map_err(tmp)?;
        }
        Ok(bytes.len() as u64)
    }

    fn set_size(&mut self, handle: Resource<Handle>, size: u64) -> FsResult<()> {
        if let Output::File { file, .. } = self.output(&handle, Some(0))? {
            file.resize(size).map_err(tmp)?;
        }
        Ok(())
    }

    fn get_flags(&mut self, handle: Resource<Handle>) -> FsResult<DescriptorFlags> {
        let descriptor = self.open(&handle)?;
        let mut flags = DescriptorFlags::READ;
        if descriptor.writable {
            flags |= DescriptorFlags::WRITE;
        }
        if matches!(descriptor.place, Place::Root(_) | Place::TmpFolder(_)) {
            flags |= DescriptorFlags::MUTATE_DIRECTORY;
        }
        Ok(flags)
    }

    fn get_type(&mut self, handle: Resource<Handle>) -> FsResult<DescriptorType> {
        Ok(kind(self.place(&handle)?))
    }

    fn stat(&mut self, handle: Resource<Handle>) -> FsResult<DescriptorStat> {
        Ok(stat(self.place(&handle)?))
    }

    fn stat_at(
        &mut self,
        handle: Resource<Handle>,
        _: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        Ok(stat(&self.place(&handle)?.resolve(&path).map_err(refused)?))
    }

    fn open_at(
        &mut self,
        handle: Resource<Handle>,
        _: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Handle>> {
        let folder = self.place(&handle)?.clone();
        let writable = flags.contains(DescriptorFlags::WRITE);
        let place = match folder.resolve(&path) {
            Ok(_) if open.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE) => {
                return Err(refused(ErrorCode::Exist));
            }
            Ok(place) => place,
            Err(ErrorCode::NoEntry) if open.contains(OpenFlags::CREATE) => {
                let (parent, name) = folder.resolve_parent(&path).map_err(refused)?;
                let parent = parent.writable().map_err(refused)?;
                Place::TmpFile(parent.create_file(name).map_err(tmp)?)
            }
            Err(error) => return Err(refused(error)),
        };
        if open.contains(OpenFlags::DIRECTORY) && !place.is_folder() {
            return Err(refused(ErrorCode::NotDirectory));
        }
        if writable || open.contains(OpenFlags::TRUNCATE) {
            match &place {
                Place::TmpFile(file) if open.contains(OpenFlags::TRUNCATE) => {
                    file.resize(0).map_err(tmp)?;
                }
                Place::TmpFile(_) | Place::Null => {}
                place if place.is_folder() => return Err(refused(ErrorCode::IsDirectory)),
                _ => return Err(refused(ErrorCode::ReadOnly)),
            }
        }
        Ok(retype(&self.table.push(Descriptor { place, writable })?))
    }

    fn read_directory(
        &mut self,
        handle: Resource<Handle>,
    ) -> FsResult<Resource<DirectoryEntryStream>> {
        let folder = self.place(&handle)?.clone();
        if !folder.is_folder() {
            return Err(refused(ErrorCode::NotDirectory));
        }
        Ok(retype(&self.table.push(Listing { folder, last: None })?))
    }

    fn create_directory_at(&mut self, handle: Resource<Handle>, path: String) -> FsResult<()> {
        let folder = self.place(&handle)?;
        if folder.resolve(&path).is_ok() {
            return Err(refused(ErrorCode::Exist));
        }
        let (parent, name) = folder.resolve_parent(&path).map_err(refused)?;
        parent.writable().map_err(refused)?.create_folder(name).map_err(tmp)
    }

    fn remove_directory_at(&mut self, handle: Resource<Handle>, path: String) -> FsResult<()> {
        let (parent, name) = self.place(&handle)?.resolve_parent(&path).map_err(refused)?;
        parent.writable().map_err(refused)?.remove_folder(name).map_err(tmp)
    }

    fn unlink_file_at(&mut self, handle: Resource<Handle>, path: String) -> FsResult<()> {
        let (parent, name) = self.place(&handle)?.resolve_parent(&path).map_err(refused)?;
        parent.writable().map_err(refused)?.remove_file(name).map_err(tmp)
    }

    fn rename_at(
        &mut self,
        handle: Resource<Handle>,
        old: String,
        new_handle: Resource<Handle>,
        new: String,
    ) -> FsResult<()> {
        let (from, old) = self.place(&handle)?.resolve_parent(&old).map_err(refused)?;
        let (to, new) = self.place(&new_handle)?.resolve_parent(&new).map_err(refused)?;
        let from = from.writable().map_err(refused)?;
        from.rename(old, to.writable().map_err(refused)?, new).map_err(tmp)
    }

    fn link_at(
        &mut self,
        _: Resource<Handle>,
        _: PathFlags,
        _: String,
        _: Resource<Handle>,
        _: String,
    ) -> FsResult<()> {
        Err(refused(ErrorCode::NotPermitted))
    }

    fn symlink_at(&mut self, _: Resource<Handle>, _: String, _: String) -> FsResult<()> {
        Err(refused(ErrorCode::NotPermitted))
    }

    fn readlink_at(&mut self, handle: Resource<Handle>, path: String) -> FsResult<String> {
        self.place(&handle)?.resolve(&path).map_err(refused)?;
        Err(refused(ErrorCode::Invalid))
    }

    fn set_times(&mut self, _: Resource<Handle>, _: NewTimestamp, _: NewTimestamp) -> FsResult<()> {
        Ok(())
    }

    fn set_times_at(
        &mut self,
        handle: Resource<Handle>,
        _: PathFlags,
        path: String,
        _: NewTimestamp,
        _: NewTimestamp,
    ) -> FsResult<()> {
        self.place(&handle)?.resolve(&path).map(|_| ()).map_err(refused)
    }

    fn advise(&mut self, _: Resource<Handle>, _: u64, _: u64, _: Advice) -> FsResult<()> {
        Ok(())
    }

    fn sync(&mut self, _: Resource<Handle>) -> FsResult<()> {
        Ok(())
    }

    fn sync_data(&mut self, _: Resource<Handle>) -> FsResult<()> {
        Ok(())
    }

    fn is_same_object(
        &mut self,
        a: Resource<Handle>,
        b: Resource<Handle>,
    ) -> wasmtime::Result<bool> {
        let a = self.table.get(&retype::<_, Descriptor>(&a))?.place.identity();
        let b = self.table.get(&retype::<_, Descriptor>(&b))?.place.identity();
        Ok(a == b)
    }

    fn metadata_hash(&mut self, handle: Resource<Handle>) -> FsResult<MetadataHashValue> {
        let place = self.place(&handle)?.clone();
        Ok(hash(&mut self.inodes, &place))
    }

    fn metadata_hash_at(
        &mut self,
        handle: Resource<Handle>,
        _: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let place = self.place(&handle)?.resolve(&path).map_err(refused)?;
        Ok(hash(&mut self.inodes, &place))
    }

    fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.table.delete(retype::<_, Descriptor>(&handle))?;
        Ok(())
    }
}

/// Becomes the guest's inode number: the order in which the call met the file, so that it
/// tells no host address and is the same in every deterministic run.
fn hash(inodes: &mut Inodes, place: &Place) -> MetadataHashValue {
    if inodes.len() >= MAX_INODES {
        inodes.clear();
    }
    let next = inodes.len() as u64 + 1;
    let lower = *inodes.entry(place.identity()).or_insert(next);
    MetadataHashValue { lower, upper: 0 }
}
