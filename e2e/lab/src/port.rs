//! Ports on the loopback interface: free ones, and whether one is taken.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

pub use ports::free;

use crate::Failure;

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
    fn a_free_port_is_accepted() {
        assert_eq!(require_free(Ipv4Addr::LOCALHOST, free().unwrap(), "PORT"), Ok(()));
    }
}
