//! A function's schemas, as JSON.

use package::Prepared;
use serde_json::{Value, json};

use super::report_stop;
use crate::ending::{Exit, Known, Stop};
use crate::session::Session;

pub fn schema(session: &Session) -> Exit {
    let mut known = Known::default();
    match prepared(session, &mut known) {
        Err(stop) => report_stop(&session.printer, known, stop),
        Ok((prepared, id)) => {
            let function = prepared.function(&id);
            let inputs = function.map(|function| function.inputs_schema.value());
            let outputs = function
                .and_then(|function| function.outputs_schema.as_ref())
                .map(|schema| schema.value());
            session.printer.object(&json!({
                "status": "completed",
                "function_id": id,
                "version": prepared.version,
                "description": function.and_then(|function| function.description.as_ref()),
                "inputs_schema": inputs,
                "outputs_schema": outputs,
                "error": null,
            }));
            session.printer.answer(&pretty(&json!({"inputs": inputs, "outputs": outputs})));
            Exit::Completed
        }
    }
}

fn prepared(session: &Session, known: &mut Known) -> Result<(Prepared, String), Stop> {
    let opened = session.open()?;
    known.version = Some(opened.version.clone());
    let id = session.pick(&opened)?.id.to_string();
    known.function_id = Some(id.clone());
    Ok((session.prepare(&opened, false, true)?, id))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
