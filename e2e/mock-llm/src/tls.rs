//! A certificate authority for tests: issues server certificates without any tool outside this process.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority that exists for one test run. Each new one is unknown to whoever trusts another.
pub struct CertificateAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// A new authority with a key of its own.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "mock-llm test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a new key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a self-signed authority") }
    }

    /// The authority's certificate, for whoever should trust it.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server certificate for these names; a name that reads as an IP address is one.
    pub fn issue<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> ServerIdentity {
        self.issue_for(names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate by which a client of that name shows who it is.
    pub fn issue_client<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> ServerIdentity {
        self.issue_for(names, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue_for<N: Into<String>>(
        &self,
        names: impl IntoIterator<Item = N>,
        purpose: ExtendedKeyUsagePurpose,
    ) -> ServerIdentity {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let common_name = names.first().cloned().unwrap_or_default();
        let mut params = CertificateParams::new(names).expect("names that a certificate can hold");
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a new key");
        let certificate =
            params.signed_by(&key, &self.issuer).expect("a certificate signed by this authority");
        ServerIdentity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}

impl Default for CertificateAuthority {
    fn default() -> Self {
        Self::new()
    }
}

/// A certificate, a server's or a client's, and the key that goes with it.
#[derive(Clone)]
pub struct ServerIdentity {
    certificate_pem: String,
    key_pem: String,
}

impl ServerIdentity {
    /// The certificate, for a server that is not a mock.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key, for a server that is not a mock.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// An acceptor that offers these protocols by ALPN.
    pub(crate) fn acceptor(&self, protocols: &[&[u8]]) -> TlsAcceptor {
        let certificate = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())
            .expect("a certificate of this crate");
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key of this crate");
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS versions of the ring provider")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate and its key");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}
