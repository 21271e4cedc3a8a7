//! What static inspection found in a package's own code, as problems and warnings.
//!
//! The inspection itself is done in the sandbox, on the syntax tree. It is a courtesy and
//! a policy: the wall is the sandbox.

use model::executor::{CodeProblem, FoundImport, Inspection};

use crate::problem::{Problem, Step};

/// What has to change before the code is run at all.
pub fn problems(inspection: &Inspection) -> Vec<Problem> {
    inspection.problems.iter().map(problem).collect()
}

fn problem(found: &CodeProblem) -> Problem {
    let problem =
        Problem::new(Step::Code, &found.message).in_file(&found.file).at(found.line, found.column);
    match found.rule.as_str() {
        "syntax" => problem.help("correct it; the code is read as Python 3.14"),
        // The inspection says what to use instead, after a colon.
        _ if found.message.contains(": ") => problem,
        "import" => {
            problem.help("remove the import; the platform's operator sets what may be imported")
        }
        _ => problem.help("write what it computes as ordinary code"),
    }
}

/// Whether an import may be left out: nothing uses it, and there is no such module.
pub fn can_leave_out(found: &FoundImport) -> bool {
    !found.used && !found.available && !found.guarded
}

/// What an author should know of an import that was left out.
pub fn unused_warning(found: &FoundImport) -> String {
    format!(
        "{}:{}: `{}` is imported and never used; remove the import",
        found.at.file, found.at.line, found.at.module
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_says_what_to_do() {
        let found = |rule: &str, message: &str| CodeProblem {
            rule: rule.to_owned(),
            file: "handler.py".to_owned(),
            line: 3,
            column: 1,
            message: message.to_owned(),
        };
        let inspection = Inspection {
            problems: vec![
                found("syntax", "invalid syntax"),
                found(
                    "import",
                    "`socket` may not be imported: there is no network: take it as an input",
                ),
                found("import", "`x` may not be imported"),
                found("call", "`eval` may not be called"),
            ],
            imports: Vec::new(),
        };
        let said: Vec<_> = problems(&inspection).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "handler.py:3:1: invalid syntax; correct it; the code is read as Python 3.14",
                "handler.py:3:1: `socket` may not be imported: there is no network: take it as an input",
                "handler.py:3:1: `x` may not be imported; remove the import; the platform's operator sets what may be imported",
                "handler.py:3:1: `eval` may not be called; write what it computes as ordinary code",
            ]
        );
    }
}
