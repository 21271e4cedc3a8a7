//! What is taken, what is refused, and what the daemon is given.

use model::manifest::PythonVersion;

use super::*;

fn rewrite(text: &str) -> Result<String, ImageError> {
    let mut app = Tree::new();
    app.insert("Dockerfile", text).unwrap();
    let settings = Settings::default();
    let platform = Platform {
        base: "python:3.12-slim@sha256:00".to_owned(),
        python: PythonVersion { major: 3, minor: 12 },
        target: "x86_64-manylinux_2_28".to_owned(),
    };
    let rules = Rules {
        settings: &settings,
        platform: &platform,
        parent: "sha256:ab",
        additions: "ENV A=1\n",
    };
    rewritten(&app, &rules)
}

fn refusal(text: &str) -> String {
    match rewrite(text) {
        Err(ImageError::Refused(why)) => why,
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn a_program_is_written_anew() {
    let text = "\u{feff}# escape=`\r\n# a comment = with it\r\nARG BASE=python-base\r\nfrom ${BASE} as Builder\r\n\
        RUN one `\r\n  # within\r\n\r\n  two `  \r\n  three\r\nEXPOSE 80\r\nLABEL mecapy.owner=me\r\n\
        FROM python:3.12-slim\r\nCOPY --from=builder --chown=1:2 [\"/a\", \"/b\"]\r\nENTRYPOINT [\"/b\"]\r\n";
    assert_eq!(
        rewrite(text).unwrap(),
        "# escape=`\nARG BASE=python-base\nFROM sha256:ab AS builder\nLABEL mecapy.images=\"mecapy\"\nENV A=1\n\
         RUN one   two   three\n\
         FROM sha256:ab\nLABEL mecapy.images=\"mecapy\"\nENV A=1\nCOPY --from=builder --chown=1:2 [\"/a\", \"/b\"]\n\
         ENTRYPOINT [\"/b\"]\nUSER 65534:65534\n"
    );
}

#[test]
fn a_stage_upon_a_stage_starts_what_that_one_starts() {
    let text = rewrite("FROM mecapy-base AS a\nCMD [\"x\"]\nFROM A\nCOPY --from=0 /a /b").unwrap();
    assert!(
        text.contains("CMD [\"x\"]\nFROM a\nCOPY --from=0 /a /b\nUSER 65534:65534\n"),
        "{text}"
    );
}

#[test]
fn bases_are_the_manifests() {
    for base in [
        "python-base",
        "mecapy-base",
        "${BASE}",
        "$BASE",
        "python:3.12-slim",
        "python:3.12-slim@sha256:00",
    ] {
        assert!(rewrite(&format!("FROM {base}\nCMD x")).is_ok(), "{base}");
    }
    for base in [
        "python:3.13-slim",
        "scratch",
        "alpine",
        "sha256:ab",
        "${OTHER}",
        "python-base:latest",
        "evil.example/python-base",
    ] {
        let why = refusal(&format!("\nFROM {base}\nCMD x"));
        assert!(why.starts_with(&format!("Dockerfile:2: `FROM {base}`")), "{why}");
    }
}

#[test]
fn what_is_not_possible_is_refused_where_it_stands() {
    let cases = [
        ("# syntax=evil/frontend\nFROM python-base\nCMD x", 1, "another syntax"),
        ("# a=b\n#syntax = evil\nFROM python-base\nCMD x", 2, "another syntax"),
        ("# escape=x\nFROM python-base\nCMD x", 1, "`escape`"),
        ("", 1, "nothing is built"),
        ("RUN x", 1, "before `FROM`"),
        ("FROM python-base", 1, "no `ENTRYPOINT`"),
        ("FROM python-base AS a\nCMD x\nFROM python-base", 1, "no `ENTRYPOINT`"),
        ("FROM --platform=linux/arm64 python-base\nCMD x", 1, "`--platform`"),
        ("FROM python-base AS python-cfd\nCMD x", 1, "names something else"),
        ("FROM python-base AS a\nFROM python-base AS A\nCMD x", 2, "names something else"),
        ("FROM python-base AS 1\nCMD x", 1, "no name of a stage"),
        ("FROM python-base and more\nCMD x", 1, "followed by an image"),
        ("FROM python-base\nADD http://evil.example/x /x\nCMD x", 2, "`ADD`"),
        ("FROM python-base\nRUN --mount=type=bind,from=evil,target=/x ls\nCMD x", 2, "`--mount"),
        ("FROM python-base\nRUN --network=host ls\nCMD x", 2, "`--network`"),
        ("FROM python-base\nRUN --security=insecure ls\nCMD x", 2, "`--security`"),
        ("FROM python-base\nCOPY --from=alpine /etc /x\nCMD x", 2, "no earlier stage"),
        ("FROM python-base AS a\nCOPY --from=a /etc /x\nCMD x", 2, "no earlier stage"),
        ("FROM python-base\nCOPY --from=0 /etc /x\nCMD x", 2, "no earlier stage"),
        ("FROM python-base\nCOPY --from=\"alpine\" /etc /x\nCMD x", 2, "not understood"),
        ("FROM python-base\nCOPY --from=$A /etc /x\nCMD x", 2, "not understood"),
        ("FROM python-base\nCOPY --link=true /etc /x\nCMD x", 2, "`--link`"),
        ("FROM python-base\nCOPY \\\n --from=alpine \\\n /etc /x\nCMD x", 2, "no earlier stage"),
        ("FROM python-base\nCO\\\nPY --from=alpine /etc /x\nCMD x", 2, "no earlier stage"),
        ("FROM python-base\nRUN <<EOF\nls\nEOF\nCMD x", 2, "`<<`"),
        ("FROM python-base\nCOPY <<a /x\nCMD x", 2, "`<<`"),
        ("FROM python-base\nRUN x \\\\\nFROM alpine\nCMD x", 2, "two `\\`"),
        ("FROM python-base\nRUN x \\", 2, "ends within"),
        ("FROM python-base\nRUN x\u{0}\nCMD x", 2, "control character"),
        ("FROM python-base\nRUN x\rFROM alpine\nCMD x", 2, "control character"),
        ("FROM python-base\nVOLUME /x\nCMD x", 2, "`VOLUME`"),
        ("FROM python-base\nONBUILD RUN x\nCMD x", 2, "`ONBUILD`"),
        ("FROM python-base\nHEALTHCHECK CMD x\nCMD x", 2, "`HEALTHCHECK`"),
        ("FROM python-base\nSHELL [\"x\"]\nCMD x", 2, "`SHELL`"),
        ("FROM python-base\nWHAT x\nCMD x", 2, "no instruction"),
        ("FROM python-base\n\"RUN\" x\nCMD x", 2, "no instruction"),
        ("FROM python-base\nRUN\nCMD x", 2, "says nothing"),
        ("FROM python-base\nENV --a=b x\nCMD x", 2, "no option"),
    ];
    for (text, line, what) in cases {
        let why = refusal(text);
        assert!(
            why.starts_with(&format!("Dockerfile:{line}: ")) && why.contains(what),
            "{text:?}: {why}"
        );
    }
    let many = format!("FROM python-base\n{}CMD x", "RUN x\n".repeat(100));
    assert!(refusal(&many).contains("more than 60"));
    assert!(refusal(&"#".repeat(100_000)).contains("64 KiB"));
}
