//! One file for each thing that the program does. A command prints what it has to say and
//! answers with the exit status.

pub mod bench;
pub mod check;
pub mod run;
pub mod schema;
pub mod test;

use crate::ending::{Exit, Known, Stop};
use crate::report::{Printer, human, json};

/// Says why a command could not do its work.
pub fn report_stop(printer: &Printer, known: Known, stop: Stop) -> Exit {
    printer.object(&json::stopped(&known, &stop));
    printer.note(&human::stop(&stop));
    stop.exit()
}
