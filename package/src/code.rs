//! What static inspection found in a package's own code, as problems and warnings.
//!
//! The inspection itself is done in the sandbox, on the syntax tree. It is a courtesy and
//! a policy: the wall is the sandbox.

use model::executor::{CodeProblem, FoundImport, ImportPolicy, Inspection};

use crate::problem::{Problem, Step};

/// What has to change before the code is run at all.
pub fn problems(inspection: &Inspection, policy: &ImportPolicy) -> Vec<Problem> {
    inspection
        .problems
        .iter()
        .map(|found| problem(found, policy))
        .collect()
}

fn problem(found: &CodeProblem, policy: &ImportPolicy) -> Problem {
    let help = match found.rule.as_str() {
        "syntax" => "correct the syntax; the code is read as Python 3.14".to_owned(),
        "import" => import_help(found, policy),
        "call" => "write what it computes as ordinary code".to_owned(),
        _ => "change this line".to_owned(),
    };
    Problem::new(Step::Code, &found.message)
        .in_file(&found.file)
        .at(found.line, found.column)
        .help(help)
}

/// What to use in place of a blocked module.
fn import_help(found: &CodeProblem, policy: &ImportPolicy) -> String {
    if let Some(allowed) = &policy.allowed_modules {
        let mut list = allowed
            .iter()
            .take(12)
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        if allowed.len() > 12 {
            list.push_str(", …");
        }
        return format!("only the package's own modules and these may be imported: {list}");
    }
    let names = |name: &str| {
        found.message.contains(&format!("`{name}`")) || found.message.contains(&format!("'{name}'"))
    };
    let instead = if names("os") {
        "use `pathlib` for the package's own files and `tempfile` for scratch files"
    } else if names("sys") || names("ctypes") {
        "a calculation does not need it: remove the import"
    } else if names("subprocess") || names("multiprocessing") {
        "a call runs in one process: compute in Python"
    } else if names("socket") {
        "a call has no network: pass what it needs as inputs"
    } else {
        "remove the import"
    };
    format!("{instead}; the operator of the platform sets which modules are blocked")
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
                found("import", "`socket` may not be imported"),
                found("call", "`eval` may not be called"),
            ],
            imports: Vec::new(),
        };
        let text = |policy: &ImportPolicy| {
            problems(&inspection, policy)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let said = text(&ImportPolicy::default());
        assert_eq!(
            said[0],
            "handler.py:3:1: invalid syntax; correct the syntax; the code is read as Python 3.14"
        );
        assert!(said[1].contains("a call has no network"), "{}", said[1]);
        assert!(said[2].contains("ordinary code"));
        let allow = ImportPolicy {
            allowed_modules: Some(vec!["math".to_owned()]),
            ..ImportPolicy::default()
        };
        assert!(text(&allow)[1].ends_with("may be imported: `math`"));
    }
}
