//! Whatever is asked of tasks, in whatever order: what is told of them, what is counted and
//! what is listed fit together.

use std::collections::{BTreeMap, HashMap};

use model::{ErrorKind, Failure};
use proptest::prelude::*;

use super::*;

const TENANTS: [&str; 3] = ["a", "b", "c"];

/// One thing to do, with a task and a tenant that are chosen by number.
#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    CreateEnded(usize),
    Claim(usize),
    Finish(usize, u64, Option<ErrorKind>),
    HandBack(usize, u64),
    Cancel(usize),
    Expire(bool),
    Append(usize, u64),
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let failure = prop_oneof![
        Just(None),
        Just(Some(ErrorKind::Internal)),
        Just(Some(ErrorKind::Exception)),
        Just(Some(ErrorKind::Cancelled)),
    ];
    prop_oneof![
        4 => (0..3_usize).prop_map(Step::Create),
        1 => (0..3_usize).prop_map(Step::CreateEnded),
        4 => (0..3_usize).prop_map(Step::Claim),
        4 => (0..8_usize, 1..4_u64, failure).prop_map(|(task, fence, kind)| Step::Finish(task, fence, kind)),
        1 => (0..8_usize, 1..4_u64).prop_map(|(task, fence)| Step::HandBack(task, fence)),
        1 => (0..8_usize).prop_map(Step::Cancel),
        1 => any::<bool>().prop_map(Step::Expire),
        2 => (0..8_usize, 1..4_u64).prop_map(|(task, fence)| Step::Append(task, fence)),
        2 => (1..40_i64).prop_map(Step::Pass),
    ]
}

async fn take(store: &dyn Store, made: &mut Vec<(Uuid, String)>, now: &mut i64, step: Step) {
    let chosen = |number: usize| made.get(number % made.len().max(1)).cloned();
    // Most of it is refused, which changes nothing.
    match step {
        Step::Create(tenant) | Step::CreateEnded(tenant) => {
            let is_over = matches!(step, Step::CreateEnded(_));
            let mut new = if is_over { completed() } else { queued() };
            new.task.tenant = TENANTS[tenant].to_owned();
            (new.task.created_at, new.task.queued_at) = (at(*now), Some(at(*now)));
            made.push((new.task.id, new.task.tenant.clone()));
            create(store, new).await;
        }
        Step::Claim(tenant) => {
            let after = Some(TENANTS[tenant]);
            let until = at(*now + 30);
            store
                .claim(Class::Default, after, &PassedOver::default(), "w", until, at(*now))
                .await
                .unwrap();
        }
        Step::Finish(task, fence, kind) => {
            let failure = kind.map(|kind| Failure::new(kind, "why"));
            if let Some((id, _)) = chosen(task) {
                let _ =
                    store.finish(id, Finished { failure, now: at(*now), ..finished(fence) }).await;
            }
        }
        Step::HandBack(task, fence) => {
            if let Some((id, _)) = chosen(task) {
                let _ = store.hand_back(id, fence, at(*now)).await;
            }
        }
        Step::Cancel(task) => {
            if let Some((id, tenant)) = chosen(task) {
                let _ = store.cancel(&tenant, id, at(*now)).await;
            }
        }
        Step::Expire(all) => {
            store.expire(at(*now), all, 0.5).await.unwrap();
        }
        Step::Append(task, fence) => {
            let log = NewEvent { kind: EventKind::Log, at: at(*now), data: json!("x") };
            if let Some((id, _)) = chosen(task) {
                let _ = store.append_events(id, fence, vec![log.clone(), log]).await;
            }
        }
        Step::Pass(seconds) => *now += seconds,
    }
}

async fn check(store: &dyn Store, made: &[(Uuid, String)]) {
    let mut queued: BTreeMap<&str, u64> = TENANTS.map(|tenant| (tenant, 0)).into();
    let mut finals: HashMap<(&str, TaskState), u64> = HashMap::new();
    for (id, tenant) in made {
        let task = store.task(tenant, None, *id).await.unwrap();
        let state = task.life.state;
        let told = told(store, *id).await;
        let last = told.iter().rfind(|text| text.contains(' ')).unwrap();
        assert!(last.starts_with(state.as_str()), "{told:?} of {state:?}");
        let ends = ["completed", "failed", "cancelled"];
        let ends = told.iter().filter(|text| ends.iter().any(|end| text.starts_with(end)));
        assert_eq!(ends.count(), usize::from(state.is_final()), "{told:?}");
        assert_eq!(task.finished_at.is_some(), state.is_final());
        assert_eq!(task.error.is_some(), matches!(state, TaskState::Failed | TaskState::Cancelled));
        let has_result = store.ended(*id).await.unwrap().result.is_some();
        assert_eq!(has_result, state == TaskState::Completed);
        assert!(task.history.len() <= 2);
        if state == TaskState::Queued {
            *queued.get_mut(tenant.as_str()).unwrap() += 1;
        }
        if state.is_final() {
            *finals.entry((tenant, state)).or_default() += 1;
        }
    }
    let depths = store.queue_depths().await.unwrap();
    assert_eq!(depths.iter().map(|depth| depth.tasks).sum::<u64>(), queued.values().sum::<u64>());
    let name = completed().task.function.unwrap();
    for tenant in TENANTS {
        for (state, tasks) in store.function_stats(tenant, &name).await.unwrap() {
            assert_eq!(finals.remove(&(tenant, state)), Some(tasks));
        }
        // One more is one too many, or just fits.
        let count = queued[tenant];
        for (most, fits) in [(count, false), (count + 1, true)] {
            let mut one_more = super::queued();
            one_more.task.tenant = tenant.to_owned();
            assert_eq!(store.create_tasks(vec![one_more], most).await.is_ok(), fits);
        }
    }
    assert!(finals.is_empty(), "{finals:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_history_adds_up(steps in prop::collection::vec(step(), 0..60)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(on_each(async |store| {
            let (mut made, mut now) = (Vec::new(), 10);
            for step in steps.clone() {
                take(&*store, &mut made, &mut now, step).await;
            }
            check(&*store, &made).await;
        }));
    }
}
