//! Lists of tasks, and what is counted of them.

use super::*;

async fn listed(store: &dyn Store, viewer: Option<Uuid>, filter: &TaskFilter) -> Vec<Uuid> {
    let all = pages(2, async |page| store.tasks("acme", viewer, filter, page).await).await;
    let whole = store.tasks("acme", viewer, filter, first(1000)).await.unwrap();
    assert_eq!(all, whole.items, "pages are parts of the whole");
    all.into_iter().map(|task| task.id).collect()
}

#[tokio::test]
async fn tasks_are_listed_newest_first_and_filtered() {
    on_each(async |store| {
        let none = TaskFilter::default();
        let mut made = Vec::new();
        for second in [10, 30, 20, 30] {
            let mut new = completed();
            new.task.created_at = at(second);
            made.push(new);
        }
        made[1].task.owner = Uuid::from_u128(2);
        made[1].task.private = true;
        made[2].task.function = None;
        made[2].task.parent = Some(Uuid::from_u128(77));
        made[3].task.class = Class::HighPriority;
        made[3].task.version = "2".to_owned();
        made[0].task.life.state = TaskState::Failed;
        made[0].ended = None;
        let mut wait = queued();
        wait.task.created_at = at(40);
        made.push(wait);
        let mut others = completed();
        others.task.tenant = "other".to_owned();
        others.task.parent = Some(Uuid::from_u128(77));
        create(&*store, others.clone()).await;
        let ids: Vec<_> = made.iter().map(|new| new.task.id).collect();
        for new in made {
            create(&*store, new).await;
        }
        let of = |indices: &[usize]| indices.iter().map(|index| ids[*index]).collect::<Vec<_>>();
        assert_eq!(listed(&*store, None, &none).await, of(&[4, 3, 1, 2, 0]));
        let ann = Some(Uuid::from_u128(1));
        assert_eq!(listed(&*store, ann, &none).await, of(&[4, 3, 2, 0]), "not another's private");
        let bob = Some(Uuid::from_u128(2));
        assert_eq!(listed(&*store, bob, &none).await, of(&[4, 3, 1, 2, 0]));
        let bolt = FunctionName { tenant: "acme".to_owned(), id: "bolt".to_owned() };
        for (filter, expected) in [
            (TaskFilter { state: Some(TaskState::Completed), ..none.clone() }, vec![3, 1, 2]),
            (TaskFilter { state: Some(TaskState::Failed), ..none.clone() }, vec![0]),
            (TaskFilter { state: Some(TaskState::Queued), ..none.clone() }, vec![4]),
            (TaskFilter { function: Some(bolt.clone()), ..none.clone() }, vec![4, 3, 1, 0]),
            (TaskFilter { version: Some("2".to_owned()), ..none.clone() }, vec![3]),
            (TaskFilter { owner: bob, ..none.clone() }, vec![1]),
            (TaskFilter { parent: Some(Uuid::from_u128(77)), ..none.clone() }, vec![2]),
            (TaskFilter { class: Some(Class::HighPriority), ..none.clone() }, vec![3]),
            (TaskFilter { dead_letter: Some(true), ..none.clone() }, vec![]),
            (TaskFilter { dead_letter: Some(false), ..none.clone() }, vec![4, 3, 1, 2, 0]),
            (TaskFilter { since: Some(at(30)), ..none.clone() }, vec![4, 3, 1]),
            (TaskFilter { until: Some(at(30)), ..none.clone() }, vec![2, 0]),
            (
                TaskFilter {
                    function: Some(bolt.clone()),
                    state: Some(TaskState::Completed),
                    since: Some(at(15)),
                    until: Some(at(35)),
                    ..none.clone()
                },
                vec![3, 1],
            ),
        ] {
            assert_eq!(listed(&*store, None, &filter).await, of(&expected), "{filter:?}");
        }
        let hidden = TaskFilter { function: Some(bolt), ..none };
        assert_eq!(listed(&*store, ann, &hidden).await, of(&[4, 3, 0]));
        let theirs = store.tasks("other", None, &TaskFilter::default(), first(9)).await.unwrap();
        assert_eq!(theirs.items, [others.task]);
    })
    .await;
}

#[tokio::test]
async fn wall_times_are_those_of_the_last_runs() {
    on_each(async |store| {
        let name = FunctionName { tenant: "acme".to_owned(), id: "bolt".to_owned() };
        assert_eq!(store.recent_wall_ms("acme", &name).await.unwrap(), (0.0, 0));
        for number in 0..130_i32 {
            let mut new = completed();
            // Another tenant's calls of a public function are not this one's.
            if number % 5 == 0 {
                new.task.tenant = "other".to_owned();
            }
            let second = 1000 + i64::from(number);
            (new.task.created_at, new.task.finished_at) = (at(second), Some(at(second)));
            new.task.usage = Some(Usage { wall_ms: f64::from(number), ..usage() });
            create(&*store, new).await;
        }
        // The last hundred that are no multiples of five: 6 to 129; above the 95th are 124's
        // five followers.
        assert_eq!(store.recent_wall_ms("acme", &name).await.unwrap(), (123.0, 100));
        assert_eq!(store.recent_wall_ms("other", &name).await.unwrap().1, 26);
        assert_eq!(
            store.function_stats("acme", &name).await.unwrap(),
            [(TaskState::Completed, 104)]
        );
        let others = FunctionName { tenant: "other".to_owned(), ..name };
        assert_eq!(store.recent_wall_ms("acme", &others).await.unwrap(), (0.0, 0));
        assert_eq!(store.function_stats("acme", &others).await.unwrap(), []);
    })
    .await;
}
