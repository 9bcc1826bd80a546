//! Ports on the loopback interface: free ones, and whether one is taken.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::Failure;

/// A port that was free a moment ago, and that this function has not given to this process before.
///
/// Somebody else may take it before it is used. Where that matters, bind port 0 and ask who bound it: [`crate::envoy::Running`] knows its
/// listeners' real addresses.
///
/// # Errors
/// When the system has no free port left.
pub fn free() -> io::Result<u16> {
    // The system may well name the same port again as soon as it is let go: a gateway would get one port for two listeners.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Each try is held until the last, so that no two of them are of the same port.
    let mut tries = Vec::new();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if given.insert(port) {
            return Ok(port);
        }
        tries.push(listener);
    }
}

/// Refuses a port that is in use or forbidden, naming the variable that chooses another.
///
/// Envoy itself would not notice on Linux: its listeners share a port with whoever shares it (`SO_REUSEPORT`), so a second gateway on the
/// same port would get every other connection of the first.
///
/// # Errors
/// One line that names the port, and `variable` in the hint.
pub fn require_free(address: Ipv4Addr, port: u16, variable: &str) -> Result<(), Failure> {
    match TcpListener::bind((address, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Failure::new(
            format!("port {port} is in use"),
            format!("stop what listens there, or choose another port: {variable}={}", suggestion(port)),
        )),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Failure::new(
            format!("port {port} may not be used: {error}"),
            format!("ports below 1024 need privileges; choose another: {variable}={}", suggestion(port)),
        )),
        Err(error) => Err(Failure::new(
            format!("cannot listen on {address}:{port}: {error}"),
            format!("choose another port: {variable}={}", suggestion(port)),
        )),
    }
}

/// A port worth proposing: a free one, or the next number where the system gives none.
fn suggestion(port: u16) -> u16 {
    free().unwrap_or_else(|_| port.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_named_with_its_variable() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = holder.local_addr().unwrap().port();
        let failure = require_free(Ipv4Addr::LOCALHOST, port, "PORT").unwrap_err();
        assert_eq!(failure.what(), format!("port {port} is in use"));
        assert!(failure.hint().contains("PORT="), "{failure}");
    }

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<u16> = (0..500).map(|_| free().unwrap()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 500);
    }

    #[test]
    fn a_free_port_is_accepted() {
        assert_eq!(require_free(Ipv4Addr::LOCALHOST, free().unwrap(), "PORT"), Ok(()));
    }
}
