//! Keys of pages: what is not one is refused, and nothing breaks.

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn what_is_no_key_is_refused() {
    on_each(async |store| {
        store.ensure_tenant(identity::tenant("acme")).await.unwrap();
        for text in ["", "x", ".", "1", "1.", "1.x", "x.", "9999999999999999999999.x", "é", "-"] {
            let page = || PageRequest { limit: 10, after: Some(text.to_owned()) };
            let name = FunctionName { tenant: "acme".to_owned(), id: "bolt".to_owned() };
            let filter = FunctionFilter::default();
            is_conflict(store.accounts("acme", page()).await, "cursor");
            is_conflict(store.audit_log("acme", page()).await, "cursor");
            is_conflict(store.deployments("acme", None, page()).await, "cursor");
            is_conflict(store.deliveries("acme", None, page()).await, "cursor");
            is_conflict(store.tasks("acme", None, &TaskFilter::default(), page()).await, "cursor");
            is_conflict(store.functions("acme", None, &filter, page()).await, "cursor");
            if text != "1" {
                is_conflict(store.releases(&name, page()).await, "cursor");
            }
        }
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever the times and the size of pages: each once, in order.
    #[test]
    fn pages_leave_nothing_out(
        seconds in prop::collection::vec(-3..3_i64, 0..20),
        limit in 1..7_usize,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(on_each(async |store| {
            let mut expected = Vec::new();
            for second in &seconds {
                let mut new = completed();
                new.task.created_at = at(*second);
                expected.push((at(*second), new.task.id));
                create(&*store, new).await;
            }
            expected.sort();
            expected.reverse();
            let filter = TaskFilter::default();
            let got = pages(limit, async |page| store.tasks("acme", None, &filter, page).await).await;
            let got: Vec<_> = got.iter().map(|task| (task.created_at, task.id)).collect();
            assert_eq!(got, expected);
        }));
    }
}
