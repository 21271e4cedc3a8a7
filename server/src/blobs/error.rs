//! What goes wrong with blobs, by what a caller does about it.

use std::io;

/// `Err` of every call on a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    #[error("there is no such blob")]
    NotFound,
    /// More than the caller allowed.
    #[error("the blob has more than {limit} bytes")]
    TooLarge { limit: u64 },
    /// No space is left (507): what was staged is removed. Trying again helps once there is.
    #[error("the store of blobs is full")]
    Full,
    /// What is stored is not what was: trying again does not help.
    #[error("a blob is corrupt: {0}")]
    Corrupt(String),
    /// The store cannot be used, or not now.
    #[error("the store of blobs is not available: {0}")]
    Unavailable(String),
}

/// Takes a `BlobError` out again. Of other errors only a full disk has a meaning of its own:
/// a file that is missing need not be a missing blob.
impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<BlobError>() {
            Ok(own) => own,
            Err(error) => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
                _ => Self::Unavailable(error.to_string()),
            },
        }
    }
}

impl From<BlobError> for io::Error {
    fn from(error: BlobError) -> Self {
        let kind = match &error {
            BlobError::NotFound => io::ErrorKind::NotFound,
            BlobError::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            BlobError::Full => io::ErrorKind::StorageFull,
            BlobError::Corrupt(_) => io::ErrorKind::InvalidData,
            BlobError::Unavailable(_) => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_way_through_io() {
        for error in [
            BlobError::NotFound,
            BlobError::TooLarge { limit: 7 },
            BlobError::Full,
            BlobError::Corrupt("c".into()),
            BlobError::Unavailable("u".into()),
        ] {
            assert_eq!(BlobError::from(io::Error::from(error.clone())), error);
        }
    }

    #[test]
    fn a_full_disk_and_an_exhausted_quota_are_full() {
        for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
            assert_eq!(BlobError::from(io::Error::from(errno)), BlobError::Full);
        }
        let missing = io::Error::from(rustix::io::Errno::NOENT);
        assert!(matches!(BlobError::from(missing), BlobError::Unavailable(_)));
    }
}
