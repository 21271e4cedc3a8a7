//! Tenants, accounts, tokens and the audit log.

use super::*;

pub(in crate::store) fn tenant(id: &str) -> Tenant {
    Tenant { id: id.to_owned(), quotas: Quotas::default(), created_at: at(1) }
}

fn account(tenant: &str, name: &str, role: Role) -> Account {
    Account {
        id: new_id(),
        tenant: tenant.to_owned(),
        name: name.to_owned(),
        role,
        quotas: Quotas { calls_per_minute: Some(7), ..Quotas::default() },
        created_at: at(2),
        created_by: Some(Uuid::from_u128(9)),
    }
}

fn token(account: &Account, id: &str) -> Token {
    Token {
        id: id.to_owned(),
        account: account.id,
        tenant: account.tenant.clone(),
        name: "ci".to_owned(),
        hash: [7; 32],
        scopes: account.role.scopes(),
        created_at: at(3),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

#[tokio::test]
async fn tenants_are_made_once() {
    on_each(async |store| {
        assert_eq!(store.tenant("acme").await, Err(StoreError::NotFound));
        assert_eq!(store.ensure_tenant(tenant("acme")).await.unwrap(), tenant("acme"));
        let later = Tenant { created_at: at(99), ..tenant("acme") };
        assert_eq!(store.ensure_tenant(later).await.unwrap(), tenant("acme"));
        let quotas = Quotas { storage_bytes: Some(u64::MAX), ..Quotas::default() };
        let changed = store.set_tenant_quotas("acme", quotas.clone()).await.unwrap();
        assert_eq!(changed.quotas, quotas);
        assert_eq!(store.tenant("acme").await.unwrap(), changed);
        assert_eq!(store.set_tenant_quotas("none", quotas).await, Err(StoreError::NotFound));
    })
    .await;
}

#[tokio::test]
async fn accounts_are_their_tenants() {
    on_each(async |store| {
        store.ensure_tenant(tenant("acme")).await.unwrap();
        store.ensure_tenant(tenant("other")).await.unwrap();
        let ann = account("acme", "ann", Role::User);
        store.create_account(ann.clone()).await.unwrap();
        is_conflict(store.create_account(account("acme", "ann", Role::User)).await, "ann");
        let same_id = Account { name: "bob".to_owned(), ..ann.clone() };
        is_conflict(store.create_account(same_id).await, "id");
        assert_eq!(
            store.create_account(account("none", "ann", Role::User)).await,
            Err(StoreError::NotFound)
        );
        store.create_account(account("other", "ann", Role::User)).await.unwrap();
        assert_eq!(store.account("acme", ann.id).await.unwrap(), ann);
        assert_eq!(store.account_named("acme", "ann").await.unwrap(), ann);
        assert_eq!(store.account("other", ann.id).await, Err(StoreError::NotFound));
        assert_eq!(store.account_named("acme", "eve").await, Err(StoreError::NotFound));

        let others = Account { tenant: "other".to_owned(), ..ann.clone() };
        assert_eq!(store.update_account(others).await, Err(StoreError::NotFound));
        let bob = account("acme", "bob", Role::Viewer);
        store.create_account(bob.clone()).await.unwrap();
        let renamed = Account { name: "ann".to_owned(), ..bob.clone() };
        is_conflict(store.update_account(renamed).await, "ann");
        let changed = Account { role: Role::Developer, name: "rob".to_owned(), ..bob.clone() };
        store.update_account(changed.clone()).await.unwrap();
        let all = store.accounts("acme", first(10)).await.unwrap();
        assert_eq!(all.items, [changed, ann.clone()]);

        assert_eq!(store.delete_account("other", ann.id, at(5)).await, Err(StoreError::NotFound));
        store.delete_account("acme", ann.id, at(5)).await.unwrap();
        assert_eq!(store.account("acme", ann.id).await, Err(StoreError::NotFound));
        assert_eq!(store.delete_account("acme", ann.id, at(5)).await, Err(StoreError::NotFound));
        // The name is free again.
        store.create_account(account("acme", "ann", Role::User)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn tokens_stand_for_accounts_until_they_are_revoked() {
    on_each(async |store| {
        store.ensure_tenant(tenant("acme")).await.unwrap();
        let ann = account("acme", "ann", Role::User);
        assert_eq!(store.create_token(token(&ann, "t1")).await, Err(StoreError::NotFound));
        store.create_account(ann.clone()).await.unwrap();
        let full = Token { expires_at: Some(at(50)), ..token(&ann, "t1") };
        store.create_token(full.clone()).await.unwrap();
        is_conflict(store.create_token(token(&ann, "t1")).await, "already");
        store.create_token(Token { created_at: at(4), ..token(&ann, "t2") }).await.unwrap();
        assert_eq!(store.token("t1").await.unwrap(), (full, ann.clone()));
        assert_eq!(store.token("t3").await.unwrap_err(), StoreError::NotFound);

        let used = vec![("t1".to_owned(), at(9)), ("gone".to_owned(), at(9))];
        store.touch_tokens(used).await.unwrap();
        store.touch_tokens(vec![("t1".to_owned(), at(8))]).await.unwrap();
        assert_eq!(store.token("t1").await.unwrap().0.last_used_at, Some(at(9)));

        for (tenant, account, id) in
            [("other", ann.id, "t1"), ("acme", new_id(), "t1"), ("acme", ann.id, "t3")]
        {
            let revoked = store.revoke_token(tenant, account, id, at(10)).await;
            assert_eq!(revoked, Err(StoreError::NotFound));
        }
        store.revoke_token("acme", ann.id, "t1", at(10)).await.unwrap();
        store.revoke_token("acme", ann.id, "t1", at(11)).await.unwrap();
        assert_eq!(store.token("t1").await.unwrap().0.revoked_at, Some(at(10)));

        let listed = store.tokens("acme", ann.id, first(10)).await.unwrap().items;
        let ids: Vec<_> = listed.iter().map(|token| token.id.as_str()).collect();
        assert_eq!(ids, ["t2", "t1"]);
        assert_eq!(store.tokens("other", ann.id, first(10)).await, Err(StoreError::NotFound));

        store.delete_account("acme", ann.id, at(12)).await.unwrap();
        assert_eq!(store.token("t2").await.unwrap().0.revoked_at, Some(at(12)));
        assert_eq!(store.token("t1").await.unwrap().0.revoked_at, Some(at(10)));
        assert_eq!(store.create_token(token(&ann, "t9")).await, Err(StoreError::NotFound));
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_who_can_act_stays() {
    on_each(async |store| {
        store.ensure_tenant(tenant("acme")).await.unwrap();
        let root = account("acme", "root", Role::Admin);
        let spare = account("acme", "spare", Role::Admin);
        store.create_account(root.clone()).await.unwrap();
        store.create_account(spare.clone()).await.unwrap();
        let demoted = Account { role: Role::User, ..root.clone() };
        // Nobody can act yet, so nothing is lost.
        store.update_account(demoted.clone()).await.unwrap();
        store.update_account(root.clone()).await.unwrap();
        store.create_token(token(&root, "root")).await.unwrap();
        let unusable = [
            Token { expires_at: Some(at(4)), ..token(&spare, "expired") },
            Token { revoked_at: Some(at(4)), ..token(&spare, "revoked") },
            Token { scopes: Role::User.scopes(), ..token(&spare, "reads") },
        ];
        for token in unusable {
            store.create_token(token).await.unwrap();
        }
        is_conflict(store.update_account(demoted.clone()).await, "administrator");
        is_conflict(store.delete_account("acme", root.id, at(5)).await, "administrator");
        // What is no loss goes through.
        let named = Account { name: "boss".to_owned(), ..root.clone() };
        store.update_account(named).await.unwrap();
        store.delete_account("acme", spare.id, at(5)).await.unwrap();

        let third = account("acme", "third", Role::Admin);
        store.create_account(third.clone()).await.unwrap();
        store.create_token(token(&third, "third")).await.unwrap();
        store.update_account(demoted).await.unwrap();
        is_conflict(store.delete_account("acme", third.id, at(5)).await, "administrator");
    })
    .await;
}

#[tokio::test]
async fn the_audit_log_is_each_tenants_own() {
    on_each(async |store| {
        let entry = |tenant: &str, at: Time| AuditEntry {
            id: new_id(),
            at,
            tenant: tenant.to_owned(),
            account: Some(Uuid::from_u128(3)),
            action: "function.deploy".to_owned(),
            target: "acme/bolt".to_owned(),
            request_id: "r".to_owned(),
            address: None,
        };
        let entries = [entry("acme", at(1)), entry("acme", at(3)), entry("acme", at(2))];
        store.audit(entries.to_vec()).await.unwrap();
        store.audit(vec![entry("other", at(4))]).await.unwrap();
        let log = pages(2, async |page| store.audit_log("acme", page).await).await;
        let [a, b, c] = entries;
        assert_eq!(log, [b, c, a]);
    })
    .await;
}
