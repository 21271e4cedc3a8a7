//! Archives that anyone may have made: what is read, what is left out, what is refused.

mod common;

use std::io::{Cursor, Write};

use common::{SINGLE, ZipEntry, entry, tree, zip_of};
use mecapy_package::archive::{self, MAX_FILES, MAX_PATH_PARTS, MAX_RATIO, read_zip};
use mecapy_package::version;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

fn good_zip() -> Vec<u8> {
    zip_of(&[
        entry("mecapy.yaml", SINGLE.as_bytes()),
        entry("handler.py", b"def calculate(inputs): ..."),
    ])
}

fn said(bytes: &[u8]) -> String {
    read_zip(bytes)
        .map_or_else(|error| error.to_string(), |archive| panic!("read: {:?}", archive.tree))
}

/// The ZIP with each occurrence of a text replaced by one as long.
fn patched(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, why) in [
        ("../evil.py", "`../evil.py` leads out of the package; pack without `..` in paths"),
        ("a/../../evil.py", "leads out of the package"),
        (
            "/etc/passwd",
            "`/etc/passwd` is an absolute path; pack with paths relative to the package's folder",
        ),
        ("C:/evil.py", "`C:/evil.py` is an absolute path"),
        ("a//evil.py", "has an empty or `.` part in its path"),
        ("./evil.py", "has an empty or `.` part in its path"),
    ] {
        // Written as they are, because a writer may tidy names up.
        let placeholder = "x".repeat(name.len());
        let bytes = zip_of(&[entry("handler.py", b""), entry(&placeholder, b"evil")]);
        let text = said(&patched(bytes, placeholder.as_bytes(), name.as_bytes()));
        assert!(text.contains(why), "{name}: {text}");
    }
    for (name, why) in [
        (&b"a\\b.py"[..], "`a\\\\b.py` has a backslash in its name; separate folders with `/`"),
        (b"a\0b.py", "`a\\0b.py` has a control character in its name; rename it"),
        (b"a\nb.py", "`a\\nb.py` has a control character in its name"),
        (b"a\xffb.py", "the name of `a\u{fffd}b.py` is not UTF-8; rename it with plain characters"),
    ] {
        let placeholder = "x".repeat(name.len());
        let bytes = zip_of(&[entry("handler.py", b""), entry(&placeholder, b"evil")]);
        let text = said(&patched(bytes, placeholder.as_bytes(), name));
        assert!(text.contains(why), "{name:?}: {text}");
    }
}

#[test]
fn links_and_devices_are_refused() {
    let link = ZipEntry { name: "data", bytes: b"/etc", mode: 0o120_777 };
    assert_eq!(
        said(&zip_of(&[entry("handler.py", b""), link])),
        "data: `data` is a link; put the file itself there: a package holds no links"
    );
    // A regular file's mode, made that of a device, a pipe and a socket.
    for kind in [0o020_000_u32, 0o060_000, 0o010_000, 0o140_000] {
        let bytes = zip_of(&[entry("handler.py", b"")]);
        let from = ((0o100_644_u32) << 16).to_le_bytes();
        let text = said(&patched(bytes, &from, &((kind | 0o644) << 16).to_le_bytes()));
        assert!(text.contains("is a device, a pipe or a socket"), "{kind:o}: {text}");
    }
}

#[test]
fn names_that_clash_are_refused() {
    let twice = zip_of(&[entry("aa.py", b"1"), entry("ab.py", b"2")]);
    assert!(
        said(&patched(twice, b"ab.py", b"aa.py"))
            .contains("two entries of the ZIP have the same name; pack")
    );
    for (a, b) in [("Beam.py", "beam.py"), ("data/x", "Data/y"), ("caf\u{e9}.py", "cafe\u{301}.py")]
    {
        let text = said(&zip_of(&[entry(a, b""), entry(b, b"")]));
        assert!(text.contains("differ only in case") || text.contains("is there twice"), "{text}");
    }
    let text = said(&zip_of(&[entry("a/b", b""), entry("a", b"")]));
    assert!(text.contains("a"), "{text}");
}

#[test]
fn bombs_are_refused_early() {
    let zeros = vec![0_u8; 64 * 1024 * 1024];
    let started = std::time::Instant::now();
    let text = said(&zip_of(&[entry("handler.py", b""), entry("zeros", &zeros)]));
    assert_eq!(
        text,
        format!(
            "zeros: the ZIP unpacks to more than {MAX_RATIO} times its size; leave out what is mostly repetition, or compute it in the handler"
        )
    );
    // Reading stops at the limit: not one second for what would be gigabytes.
    assert!(started.elapsed().as_secs() < 30);

    // Headers that tell of less than there is.
    let bytes = zip_of(&[entry("handler.py", b""), entry("zeros", &zeros)]);
    let lie =
        patched(bytes, &u32::try_from(zeros.len()).unwrap().to_le_bytes(), &100_u32.to_le_bytes());
    assert!(read_zip(&lie).is_err());

    // Many small ones.
    let names: Vec<String> = (0..=MAX_FILES).map(|i| format!("f{i}")).collect();
    let entries: Vec<_> = names.iter().map(|name| entry(name, b"")).collect();
    assert_eq!(
        said(&zip_of(&entries)),
        "the package has more than 2000 files; leave out what the calculation does not need"
    );
    assert!(read_zip(&zip_of(&entries[..MAX_FILES])).is_ok());
    let names: Vec<String> = (0..=archive::MAX_ENTRIES).map(|i| format!(".git/{i}")).collect();
    let entries: Vec<_> = names.iter().map(|name| entry(name, b"")).collect();
    assert!(said(&zip_of(&entries)).contains("more than 20000 entries"));
    assert!(said(&vec![b'P'; 64 * 1024 * 1024 + 1]).contains("larger than 64 MiB"));
    let deep = "d/".repeat(MAX_PATH_PARTS) + "f";
    assert!(said(&zip_of(&[entry(&deep, b"")])).contains("nested deeper than 32 folders"));
}

#[test]
fn what_is_too_large_unpacked_is_refused() {
    // Not compressible, so that it is the size that is refused: stored noise, many times.
    let mut noise = vec![0_u8; 1024 * 1024];
    let mut state = 1_u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8 & 0x07;
    }
    let names: Vec<String> = (0..257).map(|i| format!("f{i}")).collect();
    // Three bits of eight: it packs to little more than a third.
    let small: Vec<_> = names[..100].iter().map(|name| entry(name, &noise)).collect();
    assert!(read_zip(&zip_of(&small)).is_ok());
    let folder = tempfile::tempdir().unwrap();
    for name in &names {
        std::fs::write(folder.path().join(name), &noise).unwrap();
    }
    let text = archive::read(folder.path()).unwrap_err().to_string();
    assert!(
        text.contains("the package's files are larger than 256 MiB; leave large data out"),
        "{text}"
    );
}

#[test]
fn damaged_archives_are_refused() {
    let good = good_zip();
    assert!(read_zip(&good).is_ok());
    for cut in 0..good.len() {
        assert!(read_zip(&good[..cut]).is_err(), "{cut}");
    }
    // Another byte of the content: the checksum is wrong.
    let stored = {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .start_file(
                "handler.py",
                SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
            )
            .unwrap();
        writer.write_all(b"answer = 42").unwrap();
        writer.finish().unwrap().into_inner()
    };
    assert!(said(&patched(stored, b"42", b"43")).contains("`handler.py` is damaged"));
    for nonsense in [&b""[..], b"PK", b"PK\x05\x06", b"def calculate(inputs): ...", &[0; 100]] {
        let text = said(nonsense);
        assert!(
            text.starts_with("the ZIP cannot be read")
                && text.ends_with("pack the folder again with an ordinary ZIP tool"),
            "{text}"
        );
    }
}

#[test]
fn an_entry_that_only_one_reader_sees_is_refused() {
    // The central directory names one file, the entry itself another.
    let mut bytes = zip_of(&[entry("handler.py", b"x = 1")]);
    let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"handler.py")).unwrap();
    bytes[at..at + 10].copy_from_slice(b"Handler.py");
    assert!(said(&bytes).contains("cannot be read"));
    // Two entries of the directory share one place.
    let bytes = zip_of(&[entry("aa.py", b"1"), entry("ab.py", b"2")]);
    let directory =
        (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"PK\x01\x02")).collect::<Vec<_>>();
    let mut overlapping = bytes.clone();
    overlapping[directory[1] + 42..directory[1] + 46].copy_from_slice(&[0; 4]);
    assert!(read_zip(&overlapping).is_err());
}

#[test]
fn encrypted_entries_are_refused() {
    let mut bytes = good_zip();
    let places: Vec<usize> = (0..bytes.len() - 4)
        .filter(|at| {
            bytes[*at..].starts_with(b"PK\x01\x02") || bytes[*at..].starts_with(b"PK\x03\x04")
        })
        .collect();
    for at in places {
        let flags = if bytes[at + 2] == 1 { at + 8 } else { at + 6 };
        bytes[flags] |= 1;
    }
    assert!(said(&bytes).contains("is encrypted; pack without a password"));
}

#[test]
fn a_single_folder_is_the_root() {
    let archive = read_zip(&zip_of(&[
        entry("beam-1.0/mecapy.yaml", SINGLE.as_bytes()),
        entry("beam-1.0/handler.py", b""),
        entry("__MACOSX/beam-1.0/._handler.py", b"junk"),
        entry("beam-1.0/__pycache__/handler.cpython-314.pyc", b"junk"),
        entry("beam-1.0/env/pyvenv.cfg", b""),
        entry("beam-1.0/env/lib/site.py", b""),
        entry(".DS_Store", b""),
    ]))
    .unwrap();
    let paths: Vec<_> = archive.tree.files().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["handler.py", "mecapy.yaml"]);
    // Not where something stands beside it.
    let archive = read_zip(&zip_of(&[entry("a/b.py", b""), entry("c.py", b"")])).unwrap();
    assert!(archive.tree.file("a/b.py").is_some());
}

#[test]
fn a_folder_and_its_zip_are_one_version() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (path, text) in [
        ("mecapy.yaml", SINGLE),
        ("handler.py", "x"),
        ("data/é.json", "{}"),
        (".git/HEAD", "ref"),
        ("__pycache__/a.pyc", ""),
        (".venv/bin/python", ""),
        ("handler.py~", ""),
        ("venv/pyvenv.cfg", ""),
    ] {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    }
    let of_folder = archive::read(root).unwrap();
    let paths: Vec<_> = of_folder.tree.files().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["data/é.json", "handler.py", "mecapy.yaml"]);
    let of_zip = read_zip(&zip_of(&[
        entry("data/e\u{301}.json", b"{}"),
        entry("mecapy.yaml", SINGLE.as_bytes()),
        entry("handler.py", b"x"),
    ]))
    .unwrap();
    assert_eq!(version::checksum(&of_folder.tree), version::checksum(&of_zip.tree));
}

#[cfg(unix)]
#[test]
fn folders_with_links_and_pipes_are_refused() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("handler.py"), "").unwrap();
    symlink("/etc/passwd", folder.path().join("data")).unwrap();
    let text = archive::read(folder.path()).unwrap_err().to_string();
    assert_eq!(text, "data: `data` is a link; put the file itself there: a package holds no links");
    std::fs::remove_file(folder.path().join("data")).unwrap();
    // One that stands for an environment is left out like one.
    symlink("/nowhere", folder.path().join(".venv")).unwrap();
    assert!(archive::read(folder.path()).is_ok());
    let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    assert!(
        archive::read(folder.path())
            .unwrap_err()
            .to_string()
            .contains("is a device, a pipe or a socket")
    );
    let text = archive::read(&folder.path().join("nothing")).unwrap_err().to_string();
    assert!(text.contains("there is no file or folder"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_zip_makes_it_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>(), is_cut in any::<bool>()) {
        let mut bytes = good_zip();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(archive) = read_zip(&bytes) {
            for (path, _) in archive.tree.files() {
                prop_assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."));
            }
        }
    }

    #[test]
    fn no_name_leads_out(name in "[a./\\\\\u{0}-\u{7f}é:]{1,12}") {
        let placeholder = "y".repeat(name.len());
        let bytes = zip_of(&[entry("handler.py", b""), entry(&placeholder, b"")]);
        let bytes = patched(bytes, placeholder.as_bytes(), name.as_bytes());
        if let Ok(archive) = read_zip(&bytes) {
            for (path, _) in archive.tree.files() {
                prop_assert!(!path.contains(['\\', '\0']));
                prop_assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }

    #[test]
    fn the_order_and_the_packing_do_not_count(files in proptest::collection::btree_map("[a-z]{1,3}(/[a-z]{1,3})?x", "[a-z]{0,9}", 1..8), seed in any::<u64>()) {
        let files: Vec<(String, String)> = files.into_iter().collect();
        let mut made = model::Tree::new();
        // A name may be a folder and a file at once.
        prop_assume!(files.iter().all(|(path, text)| made.insert(path, text.as_str()).is_ok()));
        let mut entries: Vec<_> = files.iter().map(|(path, text)| entry(path, text.as_bytes())).collect();
        entries.push(entry("0", b""));
        made.insert("0", "").unwrap();
        let mut state = seed;
        for i in (1..entries.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            entries.swap(i, (state >> 33) as usize % (i + 1));
        }
        let read = read_zip(&zip_of(&entries)).unwrap();
        prop_assert_eq!(version::checksum(&read.tree), version::checksum(&made));
        let one = version::of(&made, &version::unstated()).to_string();
        prop_assert_eq!(one.parse::<model::PackageVersion>().unwrap().to_string(), one);
    }
}

#[test]
fn a_script_is_a_handler() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Ma Poutre.py");
    std::fs::write(&path, "def calculate(inputs): return inputs").unwrap();
    let archive = archive::read(&path).unwrap();
    let source = mecapy_package::manifest::read(&archive).unwrap();
    assert_eq!(source.manifest.functions[0].id.as_str(), "ma-poutre");
    assert_eq!(source.manifest.version.to_string(), "0.0.0");
    assert_eq!(archive.tree, tree(&[("handler.py", "def calculate(inputs): return inputs")]));
    let nameless = archive::read_script("----.py", b"").unwrap();
    assert!(
        mecapy_package::manifest::read(&nameless)
            .unwrap_err()
            .to_string()
            .contains("name the file with letters")
    );
}
