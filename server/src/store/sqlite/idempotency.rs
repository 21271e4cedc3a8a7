//! Idempotency keys.

use async_trait::async_trait;
use uuid::Uuid;

use super::SqliteStore;
use super::rows::{one, run, to_json};
use crate::clock::Time;
use crate::store::{Answer, IdempotencyStore, KeyState, Result, StoreError};

#[async_trait]
impl IdempotencyStore for SqliteStore {
    async fn begin_key(
        &self,
        account: Uuid,
        key: &str,
        fingerprint: [u8; 32],
        resource: Uuid,
        holder: Uuid,
        now: Time,
    ) -> Result<KeyState> {
        let key = key.to_owned();
        self.write(move |conn| {
            let taken = run(
                conn,
                "INSERT INTO idempotency_keys
                    (account, key, fingerprint, resource, holder, begun_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                (
                    account.as_bytes(),
                    &key,
                    fingerprint,
                    resource.as_bytes(),
                    holder.as_bytes(),
                    now.micros(),
                ),
            )?;
            if taken > 0 {
                return Ok(KeyState::Begun { resource });
            }
            let there = one(
                conn,
                "SELECT fingerprint, resource, holder, answer FROM idempotency_keys
                 WHERE account = ?1 AND key = ?2",
                (account.as_bytes(), &key),
                |columns| {
                    let is_same = columns.take::<[u8; 32]>()? == fingerprint;
                    let (resource, holder) = (columns.id()?, columns.id()?);
                    Ok((is_same, resource, holder, columns.maybe_json::<Answer>()?))
                },
            )?;
            Ok(match there.ok_or(StoreError::NotFound)? {
                (false, ..) => KeyState::Different,
                (true, _, _, Some(answer)) => KeyState::Answered(answer),
                (true, resource, holder, None) => KeyState::UnderWay { resource, holder },
            })
        })
        .await
    }

    async fn take_over_key(
        &self,
        account: Uuid,
        key: &str,
        from: Uuid,
        holder: Uuid,
    ) -> Result<bool> {
        let key = key.to_owned();
        self.write(move |conn| {
            let taken = run(
                conn,
                "UPDATE idempotency_keys SET holder = ?4
                 WHERE account = ?1 AND key = ?2 AND holder = ?3 AND answer IS NULL",
                (account.as_bytes(), key, from.as_bytes(), holder.as_bytes()),
            )?;
            Ok(taken > 0)
        })
        .await
    }

    /// The first answer stays.
    async fn answer_key(&self, account: Uuid, key: &str, answer: Answer) -> Result<()> {
        let key = key.to_owned();
        let answer = to_json(&answer)?;
        self.write(move |conn| {
            let answered = run(
                conn,
                "UPDATE idempotency_keys SET answer = COALESCE(answer, ?3)
                 WHERE account = ?1 AND key = ?2",
                (account.as_bytes(), key, answer),
            )?;
            if answered == 0 { Err(StoreError::NotFound) } else { Ok(()) }
        })
        .await
    }

    async fn release_key(&self, account: Uuid, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.write(move |conn| {
            run(
                conn,
                "DELETE FROM idempotency_keys WHERE account = ?1 AND key = ?2 AND answer IS NULL",
                (account.as_bytes(), key),
            )?;
            Ok(())
        })
        .await
    }
}
