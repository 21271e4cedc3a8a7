//! A call's files, in folders of this machine.

use std::fs;

use serde_json::json;

use crate::{Package, command};

const HANDLER: &str = "\
import mecapy

def calculate(inputs):
    text = mecapy.files.read_text(inputs['table']['$file'])
    mecapy.files.write('out/doubled.csv', text * 2)
    return {'written': {'$file': 'out/doubled.csv'}}
";
const INPUTS: &str = r#"{"table": {"$file": "a.csv"}}"#;

#[test]
fn files_are_read_and_written_in_a_folder() {
    let (package, folder) = (Package::single("", HANDLER), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("a.csv"), "1,2\n").unwrap();
    let ran =
        package.run(&["--json", "-i", INPUTS, "--files", folder.path().to_str().unwrap()]).exits(0);
    assert_eq!(ran.json()["result"], json!({"written": {"$file": "out/doubled.csv"}}));
    assert_eq!(fs::read_to_string(folder.path().join("out/doubled.csv")).unwrap(), "1,2\n1,2\n");
}

#[test]
fn outputs_need_a_folder_and_inputs_do_not() {
    let (package, folder) = (Package::single("", HANDLER), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("a.csv"), "1,2\n").unwrap();
    let ran = command([package.path(), "--json", "-i", INPUTS])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let object = crate::Ran::from(ran).exits(1).json();
    let message = object["error"]["message"].as_str().unwrap();
    assert!(message.contains("--files DIR"), "{message}");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_file_that_is_not_there_is_an_invalid_input() {
    let (package, folder) = (Package::single("", HANDLER), tempfile::tempdir().unwrap());
    let folder = folder.path().to_str().unwrap();
    let error = package.error(&["-i", INPUTS, "--files", folder], 2);
    assert_eq!(error["violations"][0]["pointer"], "/table");
    assert_eq!(error["violations"][0]["rule"], "file");
    let error = package.error(&["-i", r#"{"table": {"$file": "../a.csv"}}"#, "--files", folder], 2);
    assert_eq!(error["violations"][0]["rule"], "file");
}

#[test]
fn what_the_inputs_do_not_name_cannot_be_read() {
    let handler =
        "import mecapy\n\ndef calculate(inputs):\n    return mecapy.files.read_text('secret')\n";
    let (package, folder) = (Package::single("", handler), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("secret"), "s").unwrap();
    let error = package.error(&["--files", folder.path().to_str().unwrap()], 1);
    assert!(error["message"].as_str().unwrap().starts_with("FileNotFoundError"), "{error}");
}
