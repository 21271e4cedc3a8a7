//! Finding the addresses of a host, and refusing those that only this server can reach.
//!
//! A deploy's author chooses the host, the server connects to it: without this check a
//! deploy could probe the network behind the server (metadata services, databases).
//! A name server may answer differently the second time (DNS rebinding), so a check alone
//! proves nothing: the addresses found here are the only ones that git (by
//! `http.curloptResolve`) and ssh (by `HostName`) are then told to connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use model::CancelToken;

use super::error::GitError;

/// Most addresses that are kept of a host.
const MAX_ADDRESSES: usize = 8;
/// How often a running look-up is asked whether it should go on.
const POLL: Duration = Duration::from_millis(20);

/// The addresses of `host`, none of them private unless allowed. `None` at the deadline.
pub(super) fn resolve(
    host: &str,
    port: u16,
    allow_private: bool,
    deadline: Instant,
    cancel: &CancelToken,
) -> Result<Option<Vec<IpAddr>>, GitError> {
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => match look_up(host, port, deadline, cancel)? {
            Some(addresses) => addresses,
            None => return Ok(None),
        },
    };
    if addresses.is_empty() {
        return Err(unresolved(host));
    }
    // One private address among public ones is enough: it is the one that would be tried.
    // The address is not shown, which would make this a window on the server's own names.
    if !allow_private && !addresses.iter().all(|address| is_public(*address)) {
        return Err(GitError::Invalid(format!(
            "`{host}` is at a private or local address, which this server does not fetch from: use a \
             repository on the internet, or ask the operator to allow private hosts"
        )));
    }
    Ok(Some(addresses))
}

/// Asks the system's resolver, on a thread: the call has no time limit of its own. When it
/// is left behind at a deadline, the thread ends with the resolver's own patience.
fn look_up(
    host: &str,
    port: u16,
    deadline: Instant,
    cancel: &CancelToken,
) -> Result<Option<Vec<IpAddr>>, GitError> {
    let (send, receive) = mpsc::channel();
    let name = host.to_owned();
    std::thread::Builder::new()
        .name("git-resolve".to_owned())
        .spawn(move || {
            let found = (name.as_str(), port).to_socket_addrs().map(|found| {
                let mut addresses: Vec<IpAddr> = Vec::new();
                for address in found {
                    if !addresses.contains(&address.ip()) {
                        addresses.push(address.ip());
                    }
                }
                addresses
            });
            // Nobody listens after a deadline.
            let _ = send.send(found);
        })
        .map_err(|error| GitError::local("no thread to look up a host", &error))?;
    loop {
        match receive.recv_timeout(POLL) {
            Ok(Ok(mut addresses)) => {
                addresses.truncate(MAX_ADDRESSES);
                return Ok(Some(addresses));
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(unresolved(host)),
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                return Err(GitError::Cancelled);
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn unresolved(host: &str) -> GitError {
    GitError::Unavailable(format!(
        "the host `{host}` is not found: check its name, or try again if it is right"
    ))
}

/// Whether an address is one of the public internet's, after the IANA special-purpose
/// registries (RFC 6890 and its updates).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [([u8; 4], u32); 15] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    let bits = address.to_bits();
    !SPECIAL.iter().any(|(network, length)| {
        (bits ^ Ipv4Addr::from_octets(*network).to_bits()) >> (32 - length) == 0
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [a, b, c, d, e, f, ..] = address.segments();
    // NAT64: what it leads to is what counts.
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        return is_public_v4(Ipv4Addr::from_bits(address.to_bits() as u32));
    }
    let is_global_unicast = a & 0xe000 == 0x2000;
    let is_protocol_assignment = a == 0x2001 && b < 0x200; // with Teredo
    let is_documentation = (a == 0x2001 && b == 0xdb8) || (a == 0x3fff && b < 0x1000);
    let is_6to4 = a == 0x2002;
    is_global_unicast && !is_protocol_assignment && !is_documentation && !is_6to4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for public in [
            "140.82.121.3",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "2606:50c0::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn local_names_and_numbers_are_refused_unless_allowed() {
        let cancel = CancelToken::new();
        let deadline = Instant::now() + Duration::from_secs(60);
        // The second is a number to the system's resolver.
        for host in ["localhost", "0x7f.1", "127.0.0.1", "::1"] {
            let refused = resolve(host, 443, false, deadline, &cancel);
            assert!(matches!(refused, Err(GitError::Invalid(_))), "{host}: {refused:?}");
        }
        assert!(resolve("localhost", 443, true, deadline, &cancel).unwrap().is_some());
    }

    #[test]
    fn a_look_up_ends_when_cancelled() {
        let cancel = CancelToken::new();
        cancel.cancel();
        let deadline = Instant::now() + Duration::from_secs(60);
        let ended = resolve("does-not-exist.invalid", 443, false, deadline, &cancel);
        assert!(matches!(ended, Err(GitError::Cancelled | GitError::Unavailable(_))));
    }
}
