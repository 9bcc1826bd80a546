//! The certificate authorities that real providers are verified against.
//!
//! Envoy without a bundle verifies nothing and says nothing, so a stand that finds none does not start.

use std::path::{Path, PathBuf};

use crate::Failure;

/// Where systems keep their bundle: Debian, Fedora and RHEL, openSUSE, Alpine and macOS.
const KNOWN: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The bundle that `SSL_CERT_FILE` names, else the system's.
///
/// # Errors
/// When the one that was named holds no certificate, or no known path has one.
pub fn bundle(named: Option<&str>) -> Result<PathBuf, Failure> {
    match named {
        Some(path) => check(Path::new(path)).map_err(|reason| {
            Failure::new(
                format!("SSL_CERT_FILE={path}: {reason}"),
                "name a PEM file with the certificate authorities to trust, or unset it to use the system's",
            )
        }),
        None => KNOWN.iter().find_map(|path| check(Path::new(path)).ok()).ok_or_else(|| {
            Failure::new(
                format!("no bundle of certificate authorities was found (looked at {})", KNOWN.join(", ")),
                "install your system's ca-certificates package, or name a PEM file: SSL_CERT_FILE=/path/to/ca.pem",
            )
        }),
    }
}

/// The absolute path, if certificates are there.
fn check(path: &Path) -> Result<PathBuf, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let mark = b"-----BEGIN CERTIFICATE-----";
    if !bytes.windows(mark.len()).any(|window| window == mark) {
        return Err("no certificate is in it".to_owned());
    }
    std::path::absolute(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_bundle_must_hold_certificates() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let named = path.to_str().unwrap();
        assert!(bundle(Some(named)).unwrap_err().what().contains("SSL_CERT_FILE"));
        std::fs::write(&path, "not a certificate").unwrap();
        assert!(bundle(Some(named)).unwrap_err().what().contains("no certificate is in it"));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n…\n").unwrap();
        assert_eq!(bundle(Some(named)).unwrap(), path);
    }
}
