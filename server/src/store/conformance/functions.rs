//! Packages, releases and functions.

use model::{HandlerRef, PackageVersion, SnapshotId};

use super::*;

pub(super) fn version(text: &str) -> PackageVersion {
    text.parse().unwrap()
}

fn name(id: &str) -> FunctionName {
    FunctionName { tenant: "acme".to_owned(), id: id.to_owned() }
}

pub(super) fn publication(package: &str, text: &str, functions: &[&str]) -> Publication {
    let version = version(text);
    let release = Release {
        tenant: "acme".to_owned(),
        package: package.to_owned(),
        checksum: format!("{}{}", version.digits(), "0".repeat(52)),
        version,
        created_at: at(1),
        created_by: Uuid::from_u128(1),
        source: key(&format!("source of {package} {text}")),
        source_bytes: 100,
        dependencies: Some(key("dependencies")),
        lock: json!({ "numpy": "2.0" }),
        report: json!([1.10]),
        description: Some("Calculs d'Éléments".to_owned()),
        authors: Vec::new(),
        tags: vec!["Steel".to_owned(), "bolts".to_owned()],
        category: Some("mechanics".to_owned()),
        changelog: None,
        origin: None,
        warnings: Vec::new(),
        left_out: Vec::new(),
    };
    let functions = functions.iter().map(|id| FunctionRelease {
        id: (*id).to_owned(),
        handler: HandlerRef::single(),
        description: Some(format!("about {id}")),
        engine: Engine::Sandbox,
        engine_reason: "it can".to_owned(),
        inputs_schema: serde_json::from_str(r#"{"type":"object","maximum":1.50}"#).unwrap(),
        outputs_schema: None,
        strict_outputs: false,
        timeout_ms: 1000,
        memory_bytes: 1 << 29,
        cpus: 1.0,
        image: None,
        fuel: None,
        deterministic: false,
        cache: false,
        retry: false,
        snapshot: SnapshotId::parse(&"ab".repeat(32))
            .map(|id| (id, key(&format!("snapshot {text}")))),
        no_snapshot: None,
        warnings: Vec::new(),
    });
    Publication {
        release,
        functions: functions.collect(),
        visibility: None,
        account: Uuid::from_u128(1),
        is_admin: false,
        now: at(1),
    }
}

async fn version_of(store: &dyn Store, id: &str, query: VersionQuery) -> Option<String> {
    let function = match store.function(&name(id), &query).await {
        Err(StoreError::NotFound) => None,
        found => found.unwrap(),
    };
    function.map(|function| function.release.version.to_string())
}

#[tokio::test]
async fn a_release_is_the_latest_of_its_functions() {
    on_each(async |store| {
        let one = publication("bolts", "1.0.0-aaaaaaaaaaaa", &["bolt", "nut"]);
        assert!(store.publish(one.clone()).await.unwrap());
        let two =
            Publication { now: at(2), ..publication("bolts", "2.0.0-bbbbbbbbbbbb", &["bolt"]) };
        assert!(store.publish(two.clone()).await.unwrap());
        let bolt = store.function(&name("bolt"), &VersionQuery::Latest).await.unwrap().unwrap();
        let expected = Function {
            name: name("bolt"),
            visibility: Visibility::Company,
            owner: Uuid::from_u128(1),
            created_at: at(1),
            deployed_at: at(2),
            release: two.release.clone(),
            function: two.functions[0].clone(),
        };
        assert_eq!(bolt, expected);
        assert_eq!(bolt.function.inputs_schema["maximum"].to_string(), "1.50", "as written");
        // What the release does not have stays.
        let nut = version_of(&*store, "nut", VersionQuery::Latest).await;
        assert_eq!(nut.as_deref(), Some("1.0.0-aaaaaaaaaaaa"));
        // Deployed again, it is the latest again, and not new.
        assert!(!store.publish(Publication { now: at(3), ..one }).await.unwrap());
        let releases = store.releases(&name("bolt"), first(10)).await.unwrap().items;
        let told: Vec<_> = releases
            .iter()
            .map(|function| (function.release.version.to_string(), function.deployed_at))
            .collect();
        let expected =
            [("1.0.0-aaaaaaaaaaaa".to_owned(), at(3)), ("2.0.0-bbbbbbbbbbbb".to_owned(), at(2))];
        assert_eq!(told, expected);
        let paged = pages(1, async |page| store.releases(&name("bolt"), page).await).await;
        assert_eq!(paged, releases);
        let others = FunctionName { tenant: "other".to_owned(), id: "bolt".to_owned() };
        let found = store.function(&others, &VersionQuery::Latest).await;
        assert_eq!(found, Err(StoreError::NotFound));
        assert_eq!(store.releases(&others, first(10)).await.unwrap().items, []);
    })
    .await;
}

#[tokio::test]
async fn a_release_keeps_its_content_but_for_snapshots() {
    on_each(async |store| {
        let one = publication("bolts", "1.0.0-aaaaaaaaaaaa", &["bolt"]);
        store.publish(one.clone()).await.unwrap();
        let mut again = Publication { account: Uuid::from_u128(2), now: at(9), ..one.clone() };
        again.release.source = key("another archive of the same files");
        again.functions[0].engine_reason = "otherwise".to_owned();
        again.functions[0].snapshot = None;
        again.functions[0].no_snapshot = Some("it reads the clock".to_owned());
        store.publish(again.clone()).await.unwrap();
        let got = store.function(&name("bolt"), &VersionQuery::Latest).await.unwrap().unwrap();
        assert_eq!((got.release, got.owner), (one.release.clone(), one.account));
        assert_eq!(got.function.no_snapshot, again.functions[0].no_snapshot);
        assert_eq!((got.function.snapshot, got.function.engine_reason.as_str()), (None, "it can"));
        // Other content under the same digits is refused.
        let mut forged = one;
        forged.release.checksum.replace_range(63.., "1");
        is_conflict(store.publish(forged).await, "content");
    })
    .await;
}

#[tokio::test]
async fn functions_belong_to_a_package_and_private_ones_to_an_account() {
    on_each(async |store| {
        let one = publication("bolts", "1.0.0-aaaaaaaaaaaa", &["bolt"]);
        let hidden = Publication { visibility: Some(Visibility::Private), ..one };
        store.publish(hidden).await.unwrap();
        let thief = publication("screws", "1.0.0-cccccccccccc", &["screw", "bolt"]);
        is_conflict(store.publish(thief.clone()).await, "bolts");
        let none = store.function(&name("screw"), &VersionQuery::Latest).await;
        assert_eq!(none, Err(StoreError::NotFound), "all or nothing");
        let next = publication("bolts", "2.0.0-bbbbbbbbbbbb", &["bolt"]);
        let others = Publication { account: Uuid::from_u128(2), ..next };
        is_conflict(store.publish(others.clone()).await, "private");
        store.publish(Publication { is_admin: true, ..others.clone() }).await.unwrap();
        let bolt = store.function(&name("bolt"), &VersionQuery::Latest).await.unwrap().unwrap();
        assert_eq!((bolt.owner, bolt.visibility), (Uuid::from_u128(1), Visibility::Private));

        store.delete_function(&name("bolt"), at(5)).await.unwrap();
        is_conflict(store.publish(others.clone()).await, "private");
        // The id of a deleted function is free for another package.
        store.publish(Publication { account: Uuid::from_u128(2), ..thief }).await.unwrap();
        let bolt = store.function(&name("bolt"), &VersionQuery::Latest).await.unwrap().unwrap();
        assert_eq!((bolt.owner, bolt.visibility), (Uuid::from_u128(2), Visibility::Company));
        assert_eq!(bolt.release.package, "screws");
        assert_eq!(store.releases(&name("bolt"), first(10)).await.unwrap().items.len(), 1);
        is_conflict(store.publish(others).await, "screws");
    })
    .await;
}

#[tokio::test]
async fn versions_are_found_by_their_order() {
    on_each(async |store| {
        for (second, text) in (1..).zip([
            "1.9.0-aaaaaaaaaaaa",
            "1.10.0-bbbbbbbbbbbb",
            "1.10.0-cccccccccccc",
            "2.0.0-rc.1-dddddddddddd",
            "1.0.0-eeeeeeeeeeee",
        ]) {
            let publication = publication("bolts", text, &["bolt"]);
            store.publish(Publication { now: at(second), ..publication }).await.unwrap();
        }
        let under = |text: &str| VersionQuery::Under(text.to_owned());
        for (query, expected) in [
            (VersionQuery::Latest, Some("1.0.0-eeeeeeeeeeee")),
            (under("1"), Some("1.10.0-cccccccccccc")),
            (under("1.10"), Some("1.10.0-cccccccccccc")),
            (under("1.9"), Some("1.9.0-aaaaaaaaaaaa")),
            (under("1.0.0"), Some("1.0.0-eeeeeeeeeeee")),
            (under("2"), None),
            (under("2.0.0"), None),
            (under("2.0.0-rc.1"), Some("2.0.0-rc.1-dddddddddddd")),
            (under("3"), None),
            (under("x"), None),
            (VersionQuery::Exact(version("1.10.0-bbbbbbbbbbbb")), Some("1.10.0-bbbbbbbbbbbb")),
            (VersionQuery::Exact(version("1.10.0-ffffffffffff")), None),
        ] {
            let found = version_of(&*store, "bolt", query.clone()).await;
            assert_eq!(found.as_deref(), expected, "{query:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_retired_is_gone_until_it_is_deployed_again() {
    on_each(async |store| {
        let package = Package { tenant: "acme".to_owned(), name: "bolts".to_owned() };
        let one = publication("bolts", "1.0.0-aaaaaaaaaaaa", &["bolt"]);
        let two = publication("bolts", "2.0.0-bbbbbbbbbbbb", &["bolt"]);
        store.publish(one.clone()).await.unwrap();
        store.publish(two.clone()).await.unwrap();
        let has = async |text| store.has_release(&package, &version(text)).await.unwrap();
        assert!(has("1.0.0-aaaaaaaaaaaa").await && !has("9.0.0-aaaaaaaaaaaa").await);
        let others = Package { tenant: "other".to_owned(), ..package.clone() };
        assert!(!store.has_release(&others, &version("1.0.0-aaaaaaaaaaaa")).await.unwrap());

        let latest = two.release.version.clone();
        store.delete_release(&name("bolt"), &latest, at(5)).await.unwrap();
        let again = store.delete_release(&name("bolt"), &latest, at(5)).await;
        assert_eq!(again, Err(StoreError::NotFound));
        assert!(!has("2.0.0-bbbbbbbbbbbb").await);
        let found = version_of(&*store, "bolt", VersionQuery::Latest).await;
        assert_eq!(found.as_deref(), Some("1.0.0-aaaaaaaaaaaa"));
        // The last release retires the function.
        store.delete_release(&name("bolt"), &one.release.version, at(6)).await.unwrap();
        assert_eq!(version_of(&*store, "bolt", VersionQuery::Latest).await, None);
        assert_eq!(store.delete_function(&name("bolt"), at(7)).await, Err(StoreError::NotFound));
        let listed = store.functions("acme", None, &FunctionFilter::default(), first(10)).await;
        assert_eq!(listed.unwrap().items, []);
        let shown = store.set_visibility(&name("bolt"), Visibility::Public).await;
        assert_eq!(shown, Err(StoreError::NotFound));

        assert!(!store.publish(Publication { now: at(8), ..two.clone() }).await.unwrap());
        let found = store.function(&name("bolt"), &VersionQuery::Latest).await.unwrap().unwrap();
        assert_eq!((found.created_at, found.deployed_at), (at(1), at(8)));
        let theirs = FunctionName { tenant: "other".to_owned(), id: "bolt".to_owned() };
        for refused in [
            store.delete_function(&theirs, at(9)).await,
            store.delete_release(&theirs, &latest, at(9)).await,
            store.set_visibility(&theirs, Visibility::Public).await,
        ] {
            assert_eq!(refused, Err(StoreError::NotFound));
        }
        store.delete_function(&name("bolt"), at(9)).await.unwrap();
        assert_eq!(version_of(&*store, "bolt", VersionQuery::Exact(latest)).await, None);
        assert_eq!(store.delete_function(&name("none"), at(9)).await, Err(StoreError::NotFound));
    })
    .await;
}

#[tokio::test]
async fn functions_are_listed_as_far_as_they_may_be_seen() {
    on_each(async |store| {
        let ids = ["a", "b", "c", "d"];
        store.publish(publication("bolts", "1.0.0-aaaaaaaaaaaa", &ids)).await.unwrap();
        for tenant in ["other", "third"] {
            let mut others = publication("nuts", "1.0.0-bbbbbbbbbbbb", &["a", "b2"]);
            others.release.tenant = tenant.to_owned();
            others.release.tags.clear();
            others.visibility = Some(Visibility::Public);
            store.publish(others).await.unwrap();
        }
        store.set_visibility(&name("b"), Visibility::Private).await.unwrap();
        let listed = async |viewer, filter: FunctionFilter| {
            let read = async |page| store.functions("acme", viewer, &filter, page).await;
            let paged: Vec<_> =
                pages(2, read).await.iter().map(|function| function.name.to_string()).collect();
            paged.join(" ").replace("acme/", "")
        };
        let all = FunctionFilter::default;
        assert_eq!(listed(None, all()).await, "a b c d");
        assert_eq!(listed(Some(Uuid::from_u128(1)), all()).await, "a b c d");
        assert_eq!(listed(Some(Uuid::from_u128(2)), all()).await, "a c d");
        let public = FunctionFilter { public: true, ..all() };
        assert_eq!(
            listed(Some(Uuid::from_u128(2)), public.clone()).await,
            "a other/a third/a other/b2 third/b2 c d"
        );
        let tagged = FunctionFilter { tag: Some("Steel".to_owned()), ..public.clone() };
        assert_eq!(listed(None, tagged).await, "a b c d");
        let of_package = FunctionFilter { package: Some("nuts".to_owned()), ..public.clone() };
        assert_eq!(listed(None, of_package).await, "other/a third/a other/b2 third/b2");
        let category = FunctionFilter { category: Some("none".to_owned()), ..public.clone() };
        assert_eq!(listed(None, category).await, "");
        for (text, expected) in [
            ("ABOUT C", "c"),
            ("éLÉMENTS", "a b c d"),
            ("steel", "a b c d"),
            ("Mechanics", "a b c d"),
            ("bolt", "a b c d"),
            ("%", ""),
        ] {
            let filter = FunctionFilter { text: Some(text.to_owned()), ..all() };
            assert_eq!(listed(None, filter).await, expected, "{text}");
        }
    })
    .await;
}
