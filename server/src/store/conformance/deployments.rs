//! Deploys and their events.

use super::functions::publication;
use super::*;

pub(super) fn deployment() -> Deployment {
    Deployment {
        id: new_id(),
        tenant: "acme".to_owned(),
        account: Uuid::from_u128(1),
        state: DeploymentState::Queued,
        created_at: at(1),
        started_at: None,
        finished_at: None,
        document: json!({ "step": 1.50 }),
    }
}

fn step(text: &str) -> NewEvent {
    NewEvent { kind: EventKind::Step, at: at(2), data: json!({ "step": text }) }
}

fn ended(deployment: &Deployment, state: DeploymentState) -> Deployment {
    Deployment { state, finished_at: Some(at(3)), ..deployment.clone() }
}

#[tokio::test]
async fn a_deployment_goes_on_until_it_has_ended() {
    on_each(async |store| {
        let one = deployment();
        store.create_deployment(one.clone()).await.unwrap();
        is_conflict(store.create_deployment(one.clone()).await, "already");
        assert_eq!(store.deployment("acme", one.id).await.unwrap(), one);
        assert_eq!(store.deployment("other", one.id).await, Err(StoreError::NotFound));
        let running =
            Deployment { state: DeploymentState::Running, started_at: Some(at(2)), ..one.clone() };
        store.update_deployment(running.clone(), vec![step("a"), step("b")]).await.unwrap();
        store.update_deployment(running.clone(), vec![]).await.unwrap();
        let others = Deployment { tenant: "other".to_owned(), ..running.clone() };
        assert_eq!(store.update_deployment(others, vec![]).await, Err(StoreError::NotFound));
        assert_eq!(store.unfinished_deployments().await.unwrap(), std::slice::from_ref(&running));

        let failed = ended(&running, DeploymentState::Failed);
        store.update_deployment(failed.clone(), vec![step("c")]).await.unwrap();
        is_conflict(store.update_deployment(running, vec![step("d")]).await, "ended");
        assert_eq!(store.deployment("acme", one.id).await.unwrap(), failed);
        assert_eq!(store.unfinished_deployments().await.unwrap(), []);
        assert_eq!(told(&*store, one.id).await, ["step", "step", "step"]);
    })
    .await;
}

#[tokio::test]
async fn publishing_and_ending_are_one() {
    on_each(async |store| {
        let one = deployment();
        store.create_deployment(one.clone()).await.unwrap();
        let release = publication("bolts", "1.0.0-aaaaaaaaaaaa", &["bolt"]);
        let done = ended(&one, DeploymentState::Succeeded);
        let finish = async |deployment: &Deployment, release: &Publication| {
            let events = vec![step("published")];
            store.finish_deployment(release.clone(), deployment.clone(), events).await
        };
        assert_eq!(finish(&done, &release).await.unwrap(), Published { is_new: true });
        // It has ended: nothing is published once more.
        let next = publication("bolts", "2.0.0-bbbbbbbbbbbb", &["bolt"]);
        is_conflict(finish(&done, &next).await, "ended");
        // What cannot be published does not end it.
        let two = deployment();
        store.create_deployment(two.clone()).await.unwrap();
        let thief = publication("screws", "1.0.0-aaaaaaaaaaaa", &["bolt"]);
        let done = ended(&two, DeploymentState::Succeeded);
        is_conflict(finish(&done, &thief).await, "bolts");
        assert_eq!(store.deployment("acme", two.id).await.unwrap(), two);
        assert_eq!(store.events(two.id, 0, 10).await.unwrap(), []);
        assert_eq!(finish(&done, &release).await.unwrap(), Published { is_new: false });
        let name = FunctionName { tenant: "acme".to_owned(), id: "bolt".to_owned() };
        let found = store.function(&name, &VersionQuery::Latest).await.unwrap().unwrap();
        assert_eq!(found.release.version, release.release.version);
    })
    .await;
}

#[tokio::test]
async fn deployments_are_listed_newest_first() {
    on_each(async |store| {
        let mut made = Vec::new();
        for second in [1, 3, 2] {
            let deployment = Deployment { created_at: at(second), ..deployment() };
            store.create_deployment(deployment.clone()).await.unwrap();
            made.push(deployment);
        }
        let others = Deployment { tenant: "other".to_owned(), ..deployment() };
        store.create_deployment(others).await.unwrap();
        let listed = pages(2, async |page| store.deployments("acme", None, page).await).await;
        assert_eq!(listed, [made[1].clone(), made[2].clone(), made[0].clone()]);
        let own = Deployment { account: new_id(), created_at: at(4), ..deployment() };
        store.create_deployment(own.clone()).await.unwrap();
        let page = PageRequest { limit: 9, after: None };
        let listed = store.deployments("acme", Some(own.account), page).await.unwrap();
        assert_eq!(listed.items, [own]);
    })
    .await;
}
