use super::*;

fn url(text: &str) -> String {
    parse(text, true).map(|source| source.url).unwrap_or_else(|error| error.to_string())
}

fn refusal(text: &str) -> String {
    match parse(text, false) {
        Err(GitError::Invalid(why)) => why,
        Err(other) => panic!("{text:?}: {other:?}"),
        Ok(source) => panic!("{text:?} was taken as {}", source.url),
    }
}

#[test]
fn the_usual_forms_are_taken() {
    for text in [
        "https://github.com/mecapy/functions.git",
        "https://git.example.com:8443/group/-/repo",
        "https://[2606:50c0::1]/x",
        "ssh://git@github.com/mecapy/functions.git",
        "ssh://git@git.example.com:2222/~me/x",
        "ssh://git@[2606:50c0::1]:2222/x",
        "git@github.com:mecapy/functions.git",
        "git@[2606:50c0::1]:x.git",
        "file:///srv/a%20b.git",
    ] {
        assert_eq!(url(text), text);
    }
    assert_eq!(url("HTTPS://GitHub.COM/a/../b"), "https://github.com/b");
    assert_eq!(url("https://github.com:443/b"), "https://github.com/b");
    // What is checked is what is connected to, however it is written.
    assert_eq!(url("https://0x7f.1/b"), "https://127.0.0.1/b");
    assert_eq!(
        url("https://good.example\\@evil.example/b"),
        "https://good.example/@evil.example/b"
    );
}

#[test]
fn hosts_and_ports_are_those_that_will_be_checked() {
    let host = |text: &str| match parse(text, false).unwrap().transport {
        Transport::Https { host, port, .. } | Transport::Ssh { host, port } => (host, port),
        Transport::File => panic!("a file"),
    };
    assert_eq!(host("https://github.com/x"), ("github.com".to_owned(), 443));
    assert_eq!(host("https://[::1]:8443/x"), ("::1".to_owned(), 8443));
    assert_eq!(host("ssh://git@h:2222/x"), ("h".to_owned(), 2222));
    assert_eq!(host("git@[::1]:x"), ("::1".to_owned(), 22));
}

#[test]
fn programs_options_and_clear_text_are_refused() {
    for text in [
        "",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x",
        "ext::sh -c touch% /tmp/x",
        "ext::sh",
        "fd::17/x",
        "https::https://h/x",
        "http://github.com/x",
        "git://github.com/x",
        "ftp://github.com/x",
        "file:///srv/x",
        "/srv/x",
        "../x",
        "C:\\x",
        "host:path",
        "https:///",
        "https://github.com",
        "https://github.com/",
        "https://github.com/x?private_token=1",
        "https://github.com/x#main",
        "https://github.com./x",
        "https://github.com/x%0ahost=evil",
        "https://u:p%0ahost=evil@github.com/x",
        "https://-h/x",
        "https://github.com/x\n",
        " https://github.com/x",
        "ssh://github.com/x",
        "ssh://git:pw@github.com/x",
        "ssh://git@-oProxyCommand=x/x",
        "ssh://git@%2doProxyCommand/x",
        "ssh://-l@github.com/x",
        "ssh://git@github.com/x%27;touch",
        "ssh://git@fe80::1%25eth0/x",
        "-git@github.com:x",
        "git@-oProxyCommand:x",
        "git@github.com:-x",
        "git@github.com:x;touch",
        "git@github.com:",
        "git@[x]:y",
        "@github.com:x",
    ] {
        refusal(text);
    }
    assert!(refusal("file:///srv/x").contains("not allowed"));
    assert!(refusal("http://h/x").contains("clear text"));
    refusal(&format!("https://h/{}", "a".repeat(MAX_URL_BYTES)));
    assert!(parse("file://host/x", true).is_err());
}

#[test]
fn credentials_are_kept_apart_from_the_address() {
    let source = parse("https://me:p%40s%2Bs@h.example/x", false).unwrap();
    assert_eq!(source.url, "https://h.example/x");
    let Transport::Https { credentials: Some(credentials), .. } = source.transport else {
        panic!("no credentials");
    };
    assert_eq!((credentials.username.as_str(), credentials.password.as_str()), ("me", "p@s+s"));
    assert!(source.secrets.contains(&"p@s+s".to_owned()));
    assert!(source.secrets.contains(&"p%40s%2Bs".to_owned()));
    let token = parse("https://ghp_0123456789@github.com/x", false).unwrap();
    assert!(token.secrets.contains(&"ghp_0123456789".to_owned()));
}

#[test]
fn refusals_do_not_repeat_the_address() {
    for text in [
        "http://me:hunter2@h/x",
        "https://me:hunter2/x@h/x",
        "ssh://git:hunter2@h/x",
        "me:hunter2@h:x",
        "https://me:hunter2@h/x?y",
    ] {
        assert!(!refusal(text).contains("hunter2"), "{text}");
    }
}
