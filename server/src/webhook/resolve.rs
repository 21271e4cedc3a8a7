//! Names of targets, resolved under the policy.
//!
//! The addresses that are checked here are the ones that are connected to: a name that
//! resolves to something else a moment later (DNS rebinding) gains nothing. Hosts that are
//! addresses never come here; [`super::Target`] checks those.

use std::{io, net::SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::target::{NOT_PUBLIC, TargetPolicy};

/// The system's resolver, without the answers that the policy refuses.
#[derive(Debug, Clone, Copy)]
pub struct PolicyResolver {
    policy: TargetPolicy,
}

/// Why a name has no addresses to connect to.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("{NOT_PUBLIC}")]
    NotPublic,
    #[error("the target's name does not resolve")]
    Unresolved(#[source] Option<io::Error>),
}

impl PolicyResolver {
    pub fn new(policy: TargetPolicy) -> Self {
        Self { policy }
    }

    /// One address that is not public refuses the name: the ones beside it may be a lure.
    fn check(self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ResolveError> {
        if addresses.is_empty() {
            return Err(ResolveError::Unresolved(None));
        }
        if !addresses.iter().all(|address| self.policy.allows(address.ip())) {
            return Err(ResolveError::NotPublic);
        }
        Ok(addresses)
    }
}

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            // Port 0: the caller puts in the URL's.
            let addresses = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|error| ResolveError::Unresolved(Some(error)))?;
            let addresses = resolver.check(addresses.collect())?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: PolicyResolver = PolicyResolver { policy: TargetPolicy { allow_private: false } };
    const PRIVATE: PolicyResolver = PolicyResolver { policy: TargetPolicy { allow_private: true } };

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 0)).collect()
    }

    #[test]
    fn one_address_that_is_not_public_refuses_the_name() {
        for texts in [
            &["127.0.0.1"][..],
            &["8.8.8.8", "10.0.0.1"],
            &["::ffff:10.0.0.1", "8.8.8.8"],
            &["2606:4700:4700::1111", "8.8.8.8", "fe80::1"],
        ] {
            let checked = PUBLIC.check(addresses(texts));
            assert!(matches!(checked, Err(ResolveError::NotPublic)), "{texts:?}");
            assert_eq!(PRIVATE.check(addresses(texts)).ok(), Some(addresses(texts)));
        }
    }

    #[test]
    fn public_addresses_pass_as_they_are() {
        let both = addresses(&["2606:4700:4700::1111", "8.8.8.8"]);
        assert_eq!(PUBLIC.check(both.clone()).ok(), Some(both));
    }

    #[test]
    fn no_address_is_no_answer() {
        assert!(matches!(PRIVATE.check(vec![]), Err(ResolveError::Unresolved(None))));
    }

    #[tokio::test]
    async fn the_systems_answers_are_checked() {
        let resolve = async |resolver: PolicyResolver| {
            let found = resolver.resolve("localhost".parse().expect("a name")).await;
            found.map(|addresses| addresses.map(|address| address.ip()).collect::<Vec<_>>())
        };
        let error = resolve(PUBLIC).await.expect_err("loopback is not public");
        assert!(matches!(error.downcast_ref(), Some(ResolveError::NotPublic)), "{error}");
        let found = resolve(PRIVATE).await.expect("localhost resolves");
        assert!(!found.is_empty() && found.iter().all(|ip| ip.is_loopback()), "{found:?}");
    }
}
