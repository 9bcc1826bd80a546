//! What requests go through: by TLS with authorities that are trusted, or, on this machine, without it.

use std::env;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// Where systems keep the certificate authorities that they trust: Debian, Fedora and RHEL, openSUSE, Alpine and macOS.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
/// A module of some megabytes over a slow line.
const DONE_WITHIN: Duration = Duration::from_secs(600);

/// What sends: by TLS alone where there are authorities to trust, without it where there are none.
pub(crate) fn agent(authorities: Option<RootCerts>) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .https_only(authorities.is_some())
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_global(Some(DONE_WITHIN))
        .user_agent(concat!("ai-filters/", env!("CARGO_PKG_VERSION")));
    if let Some(authorities) = authorities {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(authorities)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        config = config.tls_config(tls.build());
    }
    config.build().into()
}

/// Those that this system trusts, or `SSL_CERT_FILE` names; none where there are none.
pub(crate) fn authorities() -> Option<RootCerts> {
    let named = env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
    let paths = named.map_or_else(|| BUNDLES.map(Into::into).to_vec(), |path| vec![path]);
    let pem = paths.iter().find_map(|path| fs::read(path).ok())?;
    certificates(&pem)
}

/// The certificates of a PEM file, where there are any.
fn certificates(pem: &[u8]) -> Option<RootCerts> {
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let certificates: Vec<_> = parse_pem(pem).filter_map(certificate).collect();
    (!certificates.is_empty()).then(|| certificates.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    use super::*;

    /// A server with a certificate of its own for `localhost` that answers one request with nothing; its port, and the certificate.
    fn tls_server() -> (u16, String) {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certified.cert.der().clone()], key)
                .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let session = rustls::ServerConnection::new(Arc::new(config.clone())).unwrap();
                let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
                // A client that does not trust the certificate goes away.
                if stream.read(&mut [0; 4096]).is_ok() {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                }
            }
        });
        (port, certified.cert.pem())
    }

    #[test]
    fn a_servers_certificate_is_verified_and_there_is_no_way_without() {
        let (port, certificate) = tls_server();
        let (_, another) = tls_server();
        let asked = |url: &str, trusted: &str| {
            let agent = agent(Some(certificates(trusted.as_bytes()).unwrap()));
            agent.get(url).call().map(|answer| answer.status().as_u16())
        };
        assert_eq!(asked(&format!("https://localhost:{port}/"), &certificate).ok(), Some(200));
        for (url, trusted) in [
            (format!("https://localhost:{port}/"), &another),
            (format!("https://127.0.0.1:{port}/"), &certificate),
            (format!("http://localhost:{port}/"), &certificate),
        ] {
            assert!(asked(&url, trusted).is_err(), "{url}");
        }
        assert!(certificates(b"no certificate").is_none());
    }
}
