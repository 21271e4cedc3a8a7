//! What SQLite's errors mean to the callers of the store.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::SqliteFailure(failure, _) => of_sqlite(failure, &error),
            Error::QueryReturnedNoRows => Self::NotFound,
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn of_sqlite(failure: &ffi::Error, error: &Error) -> StoreError {
    match failure.code {
        ErrorCode::DiskFull => StoreError::Full,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch => {
            StoreError::Corrupt(error.to_string())
        }
        ErrorCode::TooBig => StoreError::Conflict("it is too large for the database".to_owned()),
        ErrorCode::ConstraintViolation => match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                StoreError::Conflict("there is one of that name or id already".to_owned())
            }
            _ => StoreError::Conflict(format!("the database does not allow it: {error}")),
        },
        _ => StoreError::Unavailable(error.to_string()),
    }
}
