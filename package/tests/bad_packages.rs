//! Packages that are wrong, and what their authors are told: the file, the line, what to do.

mod common;

use common::said_of;

/// A package's files, and everything that is said of them, in order.
struct Case {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    said: &'static [&'static str],
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    for case in CASES {
        assert_eq!(said_of(case.files), case.said, "{}", case.name);
    }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case {
        name: "no manifest",
        files: &[("handler.py", "")],
        said: &[
            "there is no manifest at the package's root; add `mecapy.yaml` beside `handler.py`",
        ],
    },
    Case {
        name: "empty package",
        files: &[],
        said: &[
            "there is no manifest at the package's root; add `mecapy.yaml` beside `handler.py`",
        ],
    },
    Case {
        name: "a misnamed manifest",
        files: &[("mecapi.yaml", r#"version: "1.0"
metadata:
  name: beam
"#), ("handler.py", "")],
        said: &[
            "there is no manifest at the package's root; rename `mecapi.yaml` to `mecapy.yaml`",
        ],
    },
    Case {
        name: "a manifest in a folder below",
        files: &[("pack/mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
"#), ("pack/handler.py", ""), ("README.md", "")],
        said: &[
            "there is no manifest at the package's root; there is one in `pack`: give that folder as the package",
        ],
    },
    Case {
        name: "another tool's pyproject",
        files: &[("pyproject.toml", r#"[project]
name='a'
"#), ("handler.py", "")],
        said: &[
            "there is no manifest at the package's root; add `mecapy.yaml`, or a [tool.mecapy] table to `pyproject.toml`",
        ],
    },
    Case {
        name: "two manifests",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
"#), ("mecapy.yml", r#"version: "1.0"
metadata:
  name: beam
"#), ("handler.py", "")],
        said: &[
            "mecapy.yml: there are two manifests: `mecapy.yaml` and `mecapy.yml`; keep one of them",
        ],
    },
    Case {
        name: "a manifest and a table",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
"#), ("pyproject.toml", r#"[project]
name='a'
version='1.0.0'
[tool.mecapy]
"#), ("handler.py", "")],
        said: &[
            "pyproject.toml: there are two manifests: `mecapy.yaml` and `pyproject.toml`; keep one of them",
        ],
    },
    Case {
        name: "an empty manifest",
        files: &[("mecapy.yaml", ""), ("handler.py", "")],
        said: &[
            "mecapy.yaml:1:1: the manifest is empty; write at least a name and a version",
        ],
    },
    Case {
        name: "a manifest of comments",
        files: &[("mecapy.yaml", r#"# to do
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:1:1: the manifest is empty; write at least a name and a version",
        ],
    },
    Case {
        name: "a manifest that is a list",
        files: &[("mecapy.yaml", r#"- a
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:1:1: the manifest is not a map of keys; write keys such as `version:` and `metadata:`",
        ],
    },
    Case {
        name: "bad indentation",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
   tags: []
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:4:8: this is not valid YAML: mapping values are not allowed in this context; check the indentation, colons and quotes here and just above",
        ],
    },
    Case {
        name: "tabs",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
	name: beam
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:3:2: this is not valid YAML: tabs disallowed within this context (block indentation); indent with spaces",
        ],
    },
    Case {
        name: "an open quote",
        files: &[("mecapy.yaml", r#"version: "1.0
metadata:
  name: beam
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:1:10: this is not valid YAML: invalid indentation in quoted scalar; check the indentation, colons and quotes here and just above",
        ],
    },
    Case {
        name: "a duplicate key",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime:
  timeout: 1
  timeout: 2
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:6:3: the key `timeout` is there twice, first on line 5; keep one of them",
        ],
    },
    Case {
        name: "an unknown key",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime:
  timout: 30
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:5:3: unknown key `timout`; did you mean `timeout`?",
        ],
    },
    Case {
        name: "an unknown key at the top",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
dependancies:
  packages: []
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:4:1: unknown key `dependancies`; did you mean `dependencies`?",
        ],
    },
    Case {
        name: "an unknown key that is like nothing",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
colour: red
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:4:1: unknown key `colour`; known here: `version`, `metadata`, `runtime`, `dependencies`, `io`, `quality`, `versioning`",
        ],
    },
    Case {
        name: "several mistakes at once",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime:
  timeout: 601
  memory_limit: 8
  engine: wasm
io:
  inputs: {}
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:5:12: runtime.timeout must be at most 600 s, got 601; change `timeout`",
            "mecapy.yaml:6:17: runtime.memory_limit must be at least 16 MB, got 8; change `memory_limit`",
            r#"mecapy.yaml:7:11: runtime.engine must be one of "auto", "sandbox", "docker", got "wasm"; correct it, or remove the key"#,
            "mecapy.yaml:9:3: unknown key `inputs`; did you mean `inputs_schema`?",
        ],
    },
    Case {
        name: "a Python version without quotes",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime:
  python_version: 3.10
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:5:19: runtime.python_version must be text, got 3.10; without quotes 3.10 is a number: write python_version: "3.10""#,
        ],
    },
    Case {
        name: "a format version without quotes",
        files: &[("mecapy.yaml", r#"version: 1.0
metadata:
  name: beam
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:1:10: version must be text, got 1.0; without quotes 1.0 is a number: write version: "1.0""#,
        ],
    },
    Case {
        name: "no format version",
        files: &[("mecapy.yaml", r#"metadata:
  name: beam
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:1:1: `version` is required; add `version`",
        ],
    },
    Case {
        name: "a format version of the future",
        files: &[("mecapy.yaml", r#"version: "2.0"
metadata:
  name: beam
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:1:10: version must be "1.0", got "2.0"; correct it, or remove the key"#,
        ],
    },
    Case {
        name: "an old Python",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime:
  python_version: "2.7"
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:5:19: `2.7` is not a Python version that can be asked for; write a version like "3.12", "3.9" or later"#,
        ],
    },
    Case {
        name: "no name",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  description: x
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:2:1: `name` is required in metadata; add `name`",
        ],
    },
    Case {
        name: "a name that is no slug",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: Flèche Poutre
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:3:9: `Flèche Poutre` is not a name for a function or package; a name has lower-case letters, digits and hyphens, at most 63: write `fleche-poutre`",
        ],
    },
    Case {
        name: "text for a number",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime:
  timeout: "30"
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:5:12: runtime.timeout must be a number, got the text "30"; write it without quotes"#,
        ],
    },
    Case {
        name: "a unit in a number",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime:
  memory_limit: 512MB
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:5:17: runtime.memory_limit must be an integer, got the text "512MB"; correct it, or remove the key"#,
        ],
    },
    Case {
        name: "yes for true",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime:
  cache: yes
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:5:10: runtime.cache must be true or false, got the text "yes"; write true"#,
        ],
    },
    Case {
        name: "a key without a value",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
dependencies:
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:4:13: dependencies must be an object, got null; give it a value, or remove the key",
        ],
    },
    Case {
        name: "a version that is not semantic",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
versioning:
  version: "1.2"
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:5:12: `1.2` is not a semantic version; write it like "1.2.0""#,
        ],
    },
    Case {
        name: "a version without quotes",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
versioning:
  version: 1.2
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:5:12: versioning.version must be text, got 1.2; without quotes 1.2 is a number: write version: "1.2.0""#,
        ],
    },
    Case {
        name: "a version with a v",
        files: &[("mecapy.yaml", r#"name: pack
version: v1.0.0
functions:
  area:
    handler: shapes:area
"#), ("shapes.py", "")],
        said: &[
            r#"mecapy.yaml:2:10: `v1.0.0` is not a semantic version; write it like "1.0.0""#,
        ],
    },
    Case {
        name: "no handler",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
"#)],
        said: &[
            "mecapy.yaml:1:1: there is no `handler.py` at the package's root; add it with a function `calculate(inputs)`, or name the handlers below `functions`",
        ],
    },
    Case {
        name: "a handler in a folder",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
"#), ("src/handler.py", "")],
        said: &[
            "mecapy.yaml:1:1: there is no `handler.py` at the package's root; move `src/handler.py` to the package's root, or use the `functions` form",
        ],
    },
    Case {
        name: "both forms",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
functions: {}
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:2:1: `metadata` and `functions` are keys of different forms; one function: keep `metadata`; several: keep `name`, `version` and `functions`",
        ],
    },
    Case {
        name: "no functions",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions: {}
"#)],
        said: &[
            "mecapy.yaml:3:12: functions must have at least 1 property, got 0; add one",
        ],
    },
    Case {
        name: "several form without functions",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
"#)],
        said: &[
            "mecapy.yaml:1:1: `functions` is required; add `functions`",
        ],
    },
    Case {
        name: "a function without handler",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions:
  area:
    description: x
"#)],
        said: &[
            "mecapy.yaml:4:3: `handler` is required in functions.area; add `handler`",
        ],
    },
    Case {
        name: "a handler that is a path",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions:
  area:
    handler: shapes.py
"#), ("shapes.py", "")],
        said: &[
            "mecapy.yaml:5:14: `shapes.py` is not a handler: write it as module.path:function or module.path.Class:method; for example `analysis.bolt:resistance`",
        ],
    },
    Case {
        name: "a handler of a module that is not there",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions:
  area:
    handler: shape:area
"#), ("shapes.py", "")],
        said: &[
            "mecapy.yaml:5:14: there is no module `shape` in the package; did you mean `shapes`?",
        ],
    },
    Case {
        name: "a handler of a submodule that is not there",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions:
  area:
    handler: geo.plane.flat:area
"#), ("geo/solid.py", "")],
        said: &[
            "mecapy.yaml:5:14: there is no module `geo.plane` in the package; add the file `geo/plane.py`",
        ],
    },
    Case {
        name: "init without a class",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions:
  area:
    handler: shapes:area
    init: [a]
"#), ("shapes.py", "")],
        said: &[
            "mecapy.yaml:6:5: `init` goes to a class's constructor, and `shapes:area` names no class; write the handler as module.path.Class:method, or remove `init`",
        ],
    },
    Case {
        name: "a function id that is no slug",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions:
  Area_2D:
    handler: shapes:area
"#), ("shapes.py", "")],
        said: &[
            "mecapy.yaml:4:3: `Area_2D` is not a function id: only a-z, 0-9 and hyphens are allowed; write `area-2d`",
        ],
    },
    Case {
        name: "a schema given twice",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions:
  area:
    handler: shapes:area
    inputs_schema: {type: object}
    io:
      inputs_schema: {type: object}
"#), ("shapes.py", "")],
        said: &[
            "mecapy.yaml:6:5: `inputs_schema` is given twice, also below `io`; keep one of them",
        ],
    },
    Case {
        name: "dependencies of one function",
        files: &[("mecapy.yaml", r#"name: pack
version: 1.0.0
functions:
  area:
    handler: shapes:area
    dependencies:
      packages: [sympy]
"#), ("shapes.py", "")],
        said: &[
            "mecapy.yaml:6:5: unknown key `dependencies`; known here: `handler`, `init`, `description`, `runtime`, `io`, `inputs_schema`, `outputs_schema`, `strict_outputs`, `quality`, `test_cases`",
        ],
    },
    Case {
        name: "a schema with a wrong type",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
io:
  inputs_schema:
    type: object
    properties:
      force: {type: float}
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:8:15: this is not a valid schema: properties.force.type must be one of "array", "boolean", "integer", "null", "number", "object", "string", got "float"; did you mean `number`?"#,
        ],
    },
    Case {
        name: "a schema with a misspelt keyword",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
io:
  inputs_schema:
    type: object
    properties:
      force:
        type: number
        minimun: 0
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:10:9: `minimun` is no keyword of JSON Schema; did you mean `minimum`? (an own keyword begins with `x-`)",
        ],
    },
    Case {
        name: "a schema of a list",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
io:
  inputs_schema: {type: array}
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:5:25: inputs are an object, and this schema wants `array`; write `type: object`, with the inputs below `properties`",
        ],
    },
    Case {
        name: "a schema that refers elsewhere",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
io:
  outputs_schema:
    properties:
      a:
        $ref: https://example.com/a.json
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:8:9: the reference `https://example.com/a.json` leads out of the schema; copy what it names into `$defs`, and refer to `#/$defs/...`",
        ],
    },
    Case {
        name: "a schema that refers to nothing",
        files: &[("mecapy.yaml", r##"version: "1.0"
metadata:
  name: beam
io:
  outputs_schema:
    $defs:
      bolt: {}
    properties:
      a:
        $ref: "#/$defs/bolts"
"##), ("handler.py", "")],
        said: &[
            "mecapy.yaml:10:9: the reference `#/$defs/bolts` leads to no schema; did you mean `#/$defs/bolt`?",
        ],
    },
    Case {
        name: "a schema that is a circle",
        files: &[("mecapy.yaml", r##"version: "1.0"
metadata:
  name: beam
io:
  inputs_schema:
    $ref: "#"
"##), ("handler.py", "")],
        said: &[
            "mecapy.yaml:5:3: the schema refers to itself without end; let the reference stand below `properties` or `items`",
        ],
    },
    Case {
        name: "a schema of another dialect",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
io:
  inputs_schema:
    $schema: http://json-schema.org/draft-07/schema#
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:6:5: the dialect `http://json-schema.org/draft-07/schema#` is not supported; use `https://json-schema.org/draft/2020-12/schema`",
        ],
    },
    Case {
        name: "a pattern that looks ahead",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
io:
  inputs_schema:
    properties:
      a: {type: string, pattern: "^(?!x)"}
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:7:25: the pattern `^(?!x)` cannot be used; patterns have no look-ahead, look-behind or back-references, and a bounded size",
        ],
    },
    Case {
        name: "a bound that is text",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
io:
  inputs_schema:
    properties:
      a: {type: number, minimum: "0"}
"#), ("handler.py", "")],
        said: &[
            r#"mecapy.yaml:7:25: this is not a valid schema: properties.a.minimum must be a number, got the text "0"; write it without quotes"#,
        ],
    },
    Case {
        name: "a test case without inputs",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
quality:
  test_cases:
    - expected_outputs: {a: 1}
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:6:7: `inputs` is required in quality.test_cases[0]; add `inputs`",
        ],
    },
    Case {
        name: "a misspelt key of a test case",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
quality:
  test_cases:
    - inputs: {}
      expected: {a: 1}
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:7:7: unknown key `expected`; did you mean `expected_outputs`?",
        ],
    },
    Case {
        name: "infinity",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
quality:
  test_cases:
    - inputs: {a: .inf}
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:6:19: `.inf` has no form in JSON; use a finite number, or quote it if it is text",
        ],
    },
    Case {
        name: "an alias bomb",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
x: &a [1,1,1,1,1,1,1,1,1,1]
x0: &a0 [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
x1: &a1 [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]
x2: &a2 [*a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1]
x3: &a3 [*a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2]
x4: &a4 [*a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3]
x5: &a5 [*a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4]
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:8:10: the manifest has more than 20000 values, aliases expanded; move data into a file of the package's `data/` folder",
        ],
    },
    Case {
        name: "a tag",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
runtime: !!python/object {}
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:4:10: the tag `!!python/object` does not fit here or is not known; remove it",
        ],
    },
    Case {
        name: "two documents",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
---
more: 1
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:4:1: there is a second document after `---`; a manifest is one document: remove the rest",
        ],
    },
    Case {
        name: "a requirements file that is not there",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
dependencies:
  requirements: requirement.txt
"#), ("handler.py", ""), ("requirements.txt", "")],
        said: &[
            "mecapy.yaml:5:17: there is no file `requirement.txt` in the package; did you mean `requirements.txt`?",
        ],
    },
    Case {
        name: "a requirements file that includes another",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
dependencies:
  requirements: requirements.txt
"#), ("handler.py", ""), ("requirements.txt", r#"sympy
# more
-r other.txt
--index-url https://example.com
-e .
./wheel.whl
"#)],
        said: &[
            "requirements.txt:3: `-r other.txt` reads another file; copy its lines here",
            "requirements.txt:4: `--index-url https://example.com` chooses an index; remove it: the operator of the platform chooses where packages come from",
            "requirements.txt:5: `-e .` is an editable install; put the code into the package itself",
            "requirements.txt:6: `./wheel.whl` is fetched from a place of its own; require a released version by name, or put the code into the package itself",
        ],
    },
    Case {
        name: "a requirement from git",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
dependencies:
  packages:
    - sympy
    - git+https://example.com/x.git
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:7:7: `git+https://example.com/x.git` is fetched from a place of its own; require a released version by name, or put the code into the package itself",
        ],
    },
    Case {
        name: "a requirement that is misspelt",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
dependencies:
  packages: ["sympy=1.14"]
"#), ("handler.py", "")],
        said: &[
            "mecapy.yaml:5:14: `sympy=1.14` has versions that cannot be read; write a name and versions, such as `sympy==1.14.0` or `pint>=0.24,<1`",
        ],
    },
    Case {
        name: "requirements that nobody named",
        files: &[("mecapy.yaml", r#"version: "1.0"
metadata:
  name: beam
"#), ("handler.py", ""), ("requirements.txt", r#"numpy==
"#)],
        said: &[
            "requirements.txt:1: `numpy==` has versions that cannot be read; write a name and versions, such as `sympy==1.14.0` or `pint>=0.24,<1`",
        ],
    },
    Case {
        name: "pyproject without project",
        files: &[("pyproject.toml", r#"[tool.mecapy]
runtime.timeout = 30
"#), ("handler.py", "")],
        said: &[
            "pyproject.toml:1:7: there is no [project] table; add [project] with `name` and `version`",
        ],
    },
    Case {
        name: "pyproject without a version",
        files: &[("pyproject.toml", r#"[project]
name = "beam"

[tool.mecapy]
"#), ("handler.py", "")],
        said: &[
            r#"pyproject.toml:1:2: [project] has no `version`; add `version = "1.0.0"`"#,
        ],
    },
    Case {
        name: "pyproject with a dynamic version",
        files: &[("pyproject.toml", r#"[project]
name = "beam"
dynamic = ["version"]

[tool.mecapy]
"#), ("handler.py", "")],
        said: &[
            r#"pyproject.toml:1:2: [project] has no `version`; add `version = "1.0.0"`"#,
            "pyproject.toml:3:11: `version` is dynamic, and no build is run to find it; write `version` in [project]",
        ],
    },
    Case {
        name: "pyproject with a float for a version",
        files: &[("pyproject.toml", r#"[project]
name = "beam"
version = "1.0.0"

[tool.mecapy]
runtime.python_version = 3.12
runtime.timeouts = 3
"#), ("handler.py", "")],
        said: &[
            r#"pyproject.toml:6:26: runtime.python_version must be text, got 3.12; without quotes 3.12 is a number: write python_version = "3.12""#,
            "pyproject.toml:7:9: unknown key `timeouts`; did you mean `timeout`?",
        ],
    },
    Case {
        name: "pyproject that is no TOML",
        files: &[("pyproject.toml", r#"[project]
name = beam
"#), ("handler.py", "")],
        said: &[
            "pyproject.toml:2:8: this is not valid TOML: string values must be quoted, expected literal string; check the quotes, brackets and keys here",
        ],
    },
    Case {
        name: "pyproject with a bad requirement",
        files: &[("pyproject.toml", r#"[project]
name = "beam"
version = "1.0.0"
dependencies = [
  "sympy",
  "x @ https://example.com/x.whl",
]
[tool.mecapy]
"#), ("handler.py", "")],
        said: &[
            "pyproject.toml:6:3: `x @ https://example.com/x.whl` is fetched from a place of its own; require a released version by name, or put the code into the package itself",
        ],
    },
];
