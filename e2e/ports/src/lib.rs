//! Free ports on the loopback interface, for programs that must be told one before they listen on it.
//!
//! Between that moment and theirs nothing holds the port. What the system gives to whoever binds port 0, or connects, comes from its
//! ephemeral range, so a port from there is lost now and then on a machine that runs many tests at once. [`free`] names ports below that
//! range, and no two processes that ask it are given the same.

#![forbid(unsafe_code)]

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Where services with a fixed port are rare: Envoy Gateway's own are just below.
const FIRST: u16 = 20_000;
/// Fewer are not worth looking through.
const FEW: u16 = 1_000;

/// A port that nothing listens on, and that this function gives to no other caller, of this process or another, while this process lives.
///
/// Somebody who asks for that very number may still take it before it is used. Where the program can say which port it got, let it bind
/// port 0 instead.
///
/// # Errors
/// When the system has no free port left.
pub fn free() -> io::Result<u16> {
    if let Some(range) = below(ephemeral()) {
        for port in from_anywhere(&range) {
            if let Some(claim) = claim(port)
                && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            {
                keep(port, claim);
                return Ok(port);
            }
        }
    }
    by_the_system()
}

/// Shows every process on this machine whose the port is, for as long as it is open.
#[cfg(any(target_os = "linux", target_os = "android"))]
type Claim = std::os::unix::net::UnixListener;
/// Nothing here shows other processes whose the port is.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
type Claim = ();

/// Claims the port by a name in the abstract namespace, which goes away with this process and leaves no file.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn claim(port: u16) -> Option<Claim> {
    use std::os::linux::net::SocketAddrExt as _;
    let name = format!("envoy-ai-filters/port/{port}");
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).ok()?;
    Claim::bind_addr(&address).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn claim(port: u16) -> Option<Claim> {
    let given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    (!given.iter().any(|(taken, _)| *taken == port)).then_some(())
}

static GIVEN: Mutex<Vec<(u16, Option<Claim>)>> = Mutex::new(Vec::new());

fn keep(port: u16, claim: Claim) {
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner).push((port, Some(claim)));
}

/// The ports that the system gives away by itself; where it does not say, those that IANA set aside for that.
fn ephemeral() -> u16 {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    said.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(49_152)
}

/// The ports to choose from below the first ephemeral one, if they are enough.
fn below(ephemeral: u16) -> Option<Range<u16>> {
    (ephemeral.saturating_sub(FIRST) >= FEW).then_some(FIRST..ephemeral)
}

/// All of the range, from a place that differs from call to call.
fn from_anywhere(range: &Range<u16>) -> impl Iterator<Item = u16> + use<> {
    let length = u64::from(range.end.saturating_sub(range.start)).max(1);
    let drawn = RandomState::new().hash_one(std::process::id()).checked_rem(length).unwrap_or_default();
    let begin = range.start.saturating_add(u16::try_from(drawn).unwrap_or_default());
    (begin..range.end).chain(range.start..begin)
}

/// One from the ephemeral range, for a machine whose range leaves no others; not given to this process before.
fn by_the_system() -> io::Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Each try is held until the last, so that no two of them are of the same port.
    let mut tries = Vec::new();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if !given.iter().any(|(taken, _)| *taken == port) {
            given.push((port, None));
            return Ok(port);
        }
        tries.push(listener);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: BTreeSet<u16> = (0..500).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 500);
        let of_the_system: BTreeSet<u16> = (0..500).map(|_| by_the_system().unwrap()).collect();
        assert_eq!(of_the_system.len(), 500);
    }

    #[test]
    fn the_system_gives_away_none_of_them() {
        let range = below(ephemeral());
        for _ in 0..100 {
            let port = free().unwrap();
            assert!(range.as_ref().is_none_or(|range| range.contains(&port)), "{port} is not in {range:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn another_process_is_not_given_what_this_one_was() {
        let port = free().unwrap();
        if below(ephemeral()).is_some() {
            // A second claim from this process is refused as one from another is: the name is taken.
            assert!(claim(port).is_none());
        }
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn every_port_of_the_range_is_looked_at_once() {
        let range = FIRST..FIRST + FEW;
        let seen: BTreeSet<u16> = from_anywhere(&range).collect();
        assert_eq!((seen.len(), from_anywhere(&range).count()), (range.len(), range.len()));
    }

    #[test]
    fn a_range_without_room_below_it_is_left_to_the_system() {
        assert_eq!(below(1024), None);
        assert_eq!(below(FIRST + FEW - 1), None);
        assert_eq!(below(32_768), Some(FIRST..32_768));
    }
}
