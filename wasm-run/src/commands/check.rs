//! Validating a package: everything that a deploy does before it runs test cases.

use package::Prepared;
use serde_json::{Value, json};

use super::report_stop;
use crate::ending::{Exit, Known, Stop};
use crate::report::summary;
use crate::session::Session;

pub fn check(session: &Session) -> Exit {
    let mut known = Known::default();
    match prepared(session, &mut known) {
        Err(stop) => report_stop(&session.printer, known, stop),
        Ok(prepared) => {
            session.printer.object(&object(&prepared));
            session.printer.answer(&summary::checked(&prepared));
            Exit::Completed
        }
    }
}

fn prepared(session: &Session, known: &mut Known) -> Result<Prepared, Stop> {
    let opened = session.open()?;
    known.version = Some(opened.version.clone());
    if session.args.function.is_some() {
        known.function_id = Some(session.pick(&opened)?.id.to_string());
    }
    session.prepare(&opened, false, false)
}

fn object(prepared: &Prepared) -> Value {
    let functions: Vec<Value> = prepared
        .functions
        .iter()
        .map(|function| {
            json!({
                "function_id": function.spec.id,
                "description": function.description,
                "engine": function.engine,
                "engine_reason": function.engine_reason,
                "described": function.described,
                "snapshot": function.snapshot.as_ref().map(|snapshot| &snapshot.id),
                "no_snapshot": function.no_snapshot,
                "warnings": function.warnings,
            })
        })
        .collect();
    json!({
        "status": "completed",
        "name": prepared.manifest.name,
        "version": prepared.version,
        "functions": functions,
        "warnings": prepared.warnings,
        "error": null,
    })
}
