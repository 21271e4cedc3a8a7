//! What tasks were given and what they left behind: texts, and the objects that larger ones
//! and files are.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::blobs::BlobKey;
use crate::store::sqlite::objects;
use crate::store::sqlite::rows::{Columns, one, run, to_json};
use crate::store::{Document, Ended, Payload, Result, StoreError};

/// Where a text is that is too large for the row.
#[derive(Clone, Serialize, Deserialize)]
struct Object {
    key: BlobKey,
    bytes: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct PayloadObjects {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inputs: Option<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Object>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<(String, BlobKey)>,
}

#[derive(Default, Serialize, Deserialize)]
struct EndedObjects {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logs: Option<Object>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<(String, BlobKey, u64)>,
}

fn split(document: Option<&Document>) -> (Option<&str>, Option<Object>) {
    match document {
        Some(Document::Inline(text)) => (Some(text), None),
        Some(Document::Object { key, bytes }) => (None, Some(Object { key: *key, bytes: *bytes })),
        None => (None, None),
    }
}

fn join(text: Option<String>, object: Option<Object>) -> Option<Document> {
    let object = object.map(|Object { key, bytes }| Document::Object { key, bytes });
    text.map(Document::Inline).or(object)
}

/// One half of a row, ready to be written.
pub(super) struct Half {
    /// Inputs and code, or result and logs.
    texts: [Option<String>; 2],
    objects: Option<String>,
    keys: Vec<BlobKey>,
}

impl Half {
    pub fn of_payload(payload: &Payload) -> Result<Self> {
        let (inputs, inputs_object) = split(Some(&payload.inputs));
        let (code, code_object) = split(payload.code.as_ref());
        let keys = [&inputs_object, &code_object].into_iter().flatten().map(|object| object.key);
        let keys: Vec<_> = keys.chain(payload.files.iter().map(|(_, key)| *key)).collect();
        let objects = PayloadObjects {
            inputs: inputs_object,
            code: code_object,
            files: payload.files.clone(),
        };
        let objects = if keys.is_empty() { None } else { Some(to_json(&objects)?) };
        Ok(Self { texts: [inputs, code].map(|text| text.map(str::to_owned)), objects, keys })
    }

    pub fn of_ended(ended: &Ended) -> Result<Self> {
        let (result, result_object) = split(ended.result.as_ref());
        let (logs, logs_object) = split(ended.logs.as_ref());
        let keys = [&result_object, &logs_object].into_iter().flatten().map(|object| object.key);
        let keys: Vec<_> = keys.chain(ended.files.iter().map(|(_, key, _)| *key)).collect();
        let objects =
            EndedObjects { result: result_object, logs: logs_object, files: ended.files.clone() };
        let objects = if keys.is_empty() { None } else { Some(to_json(&objects)?) };
        Ok(Self { texts: [result, logs].map(|text| text.map(str::to_owned)), objects, keys })
    }

    fn refer(&self, conn: &Connection, id: &Uuid) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let owner = objects::of_task(id);
        self.keys.iter().try_for_each(|key| objects::refer(conn, &owner, key))
    }
}

/// With what it left behind, if it has ended.
pub(super) fn insert(
    conn: &Connection,
    n: i64,
    id: &Uuid,
    payload: &Half,
    ended: Option<&Half>,
) -> Result<()> {
    let [inputs, code] = &payload.texts;
    let [result, logs] =
        ended.map_or([None, None], |ended| ended.texts.each_ref().map(Option::as_ref));
    run(
        conn,
        "INSERT INTO task_documents
            (task, inputs, code, payload_objects, result, logs, ended_objects)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            n,
            inputs,
            code,
            &payload.objects,
            result,
            logs,
            ended.and_then(|ended| ended.objects.as_ref()),
        ),
    )?;
    payload.refer(conn, id)?;
    ended.map_or(Ok(()), |ended| ended.refer(conn, id))
}

pub(super) fn end(conn: &Connection, n: i64, id: &Uuid, ended: &Half) -> Result<()> {
    let [result, logs] = &ended.texts;
    run(
        conn,
        "UPDATE task_documents SET result = ?2, logs = ?3, ended_objects = ?4 WHERE task = ?1",
        (n, result, logs, &ended.objects),
    )?;
    ended.refer(conn, id)
}

pub(super) fn payload(conn: &Connection, id: &Uuid) -> Result<Payload> {
    one(
        conn,
        "SELECT inputs, code, payload_objects FROM task_documents
         WHERE task = (SELECT n FROM tasks WHERE id = ?1)",
        (id.as_bytes(),),
        |columns: &mut Columns<'_>| {
            let (inputs, code) = (columns.take()?, columns.take()?);
            let objects: PayloadObjects = columns.maybe_json()?.unwrap_or_default();
            let inputs = join(inputs, objects.inputs)
                .ok_or_else(|| StoreError::Corrupt(format!("the task {id} has no inputs")))?;
            Ok(Payload { inputs, code: join(code, objects.code), files: objects.files })
        },
    )?
    .ok_or(StoreError::NotFound)
}

/// Of a task that has not ended: nothing.
pub(super) fn ended(conn: &Connection, id: &Uuid) -> Result<Ended> {
    one(
        conn,
        "SELECT result, logs, ended_objects FROM task_documents
         WHERE task = (SELECT n FROM tasks WHERE id = ?1)",
        (id.as_bytes(),),
        |columns: &mut Columns<'_>| {
            let (result, logs) = (columns.take()?, columns.take()?);
            let objects: EndedObjects = columns.maybe_json()?.unwrap_or_default();
            Ok(Ended {
                result: join(result, objects.result),
                logs: join(logs, objects.logs),
                files: objects.files,
            })
        },
    )?
    .ok_or(StoreError::NotFound)
}
