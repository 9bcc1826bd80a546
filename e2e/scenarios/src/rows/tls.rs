//! TLS to providers: who cannot prove to be the provider gets no request.

use mock_llm::{CertificateAuthority, Listen, MockProvider, Reply, ServerIdentity};

use super::WITH_PROVIDER;
use crate::answer::Answer;
use crate::client;
use crate::expect::{Expect, completion, openai_error, stream};
use crate::problems::Problems;
use crate::request::{Request, chat, chat_stream};
use crate::row::Row;
use crate::run::patiently;
use crate::shape::{ANTHROPIC_HOST, OPENAI_HOST};
use crate::stand::Stand;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::story("tls/unknown-authority", WITH_PROVIDER, |stand| {
            Box::pin(fails_over(stand, CertificateAuthority::new().issue([OPENAI_HOST])))
        }),
        Row::story("tls/wrong-name", WITH_PROVIDER, |stand| {
            Box::pin(fails_over(stand, stand.certificate("openai.localhost.evil.test")))
        }),
        // The other provider's certificate is as wrong as anybody's.
        Row::story("tls/the-other-providers-name", WITH_PROVIDER, |stand| {
            Box::pin(fails_over(stand, stand.certificate(ANTHROPIC_HOST)))
        }),
        Row::story("tls/plain-http", WITH_PROVIDER, |stand| Box::pin(no_tls(stand))),
        Row::story("tls/both-wrong", WITH_PROVIDER, |stand| Box::pin(both_wrong(stand))),
    ]
}

/// Somebody else on a provider's port, until it is given back.
struct Impostor<'a> {
    instead_of: &'a MockProvider,
    mock: MockProvider,
}

impl<'a> Impostor<'a> {
    async fn instead_of(provider: &'a MockProvider, listen: Listen) -> Self {
        provider.stop_listening().await;
        let listen = listen.on_port(provider.address().port());
        let mock = patiently(async || MockProvider::start(provider.kind(), listen.clone()).await).await;
        Self { instead_of: provider, mock }
    }

    /// It was asked for a handshake at most.
    async fn leave(self, problems: &mut Problems) {
        problems.same("requests at the impostor", &self.mock.request_count(), &0);
        self.mock.stop_listening().await;
        patiently(async || self.instead_of.start_listening().await).await;
    }
}

async fn expecting(stand: &Stand, request: &Request, expect: Expect, problems: &mut Problems) {
    let answer: Answer = client::send(stand.address, request).await;
    problems.of("client", expect.problems(&answer));
}

async fn fails_over(stand: &Stand, identity: ServerIdentity) -> Problems {
    let mut problems = Problems::default();
    let impostor = Impostor::instead_of(&stand.openai, Listen::tls(identity)).await;
    stand.anthropic.script_all([Reply::text("Hello."), Reply::chunks(["Hel", "lo."])]);
    expecting(stand, &chat("tls"), completion("Hello.", "anthropic", 2), &mut problems).await;
    expecting(stand, &chat_stream("tls"), stream("Hello.", "anthropic", 2), &mut problems).await;
    let refused = impostor.mock.handshake_failures();
    problems.require(refused > 0, || "no handshake was refused".to_owned());
    impostor.leave(&mut problems).await;
    problems
}

async fn no_tls(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let impostor = Impostor::instead_of(&stand.openai, Listen::plain()).await;
    stand.anthropic.script(Reply::text("Hello."));
    expecting(stand, &chat("tls"), completion("Hello.", "anthropic", 2), &mut problems).await;
    impostor.leave(&mut problems).await;
    problems
}

async fn both_wrong(stand: &Stand) -> Problems {
    let mut problems = Problems::default();
    let unknown = CertificateAuthority::new();
    let openai = Impostor::instead_of(&stand.openai, Listen::tls(unknown.issue([OPENAI_HOST]))).await;
    let anthropic =
        Impostor::instead_of(&stand.anthropic, Listen::tls(unknown.issue([ANTHROPIC_HOST]))).await;
    // What was wrong with the certificates is for the operator's log.
    let expect = || openai_error(503, "server_error").lacks("TLS").lacks("CERTIFICATE").lacks("localhost");
    expecting(stand, &chat("tls"), expect(), &mut problems).await;
    expecting(stand, &chat_stream("tls").http2(), expect(), &mut problems).await;
    openai.leave(&mut problems).await;
    anthropic.leave(&mut problems).await;
    problems
}
