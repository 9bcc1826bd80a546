//! The steps of the demonstration and what each claims.

use std::time::Duration;

use mock_llm::{MockProvider, ProviderKind, Reply as Script};
use serde_json::Value;

use super::claims::Claims;
use super::spending;
use super::view::{self, CLIENT_KEY, Stream, Wanted, at};
use crate::Failure;
use crate::http::{HttpError, Reply};
use crate::stand::{Scripted, Stand};

/// Between two pieces of a scripted stream.
const GAP: Duration = Duration::from_millis(60);
const PIECES: [&str; 4] = ["One ", "piece ", "after ", "another."];

/// Everything that `make demo` shows.
pub(super) async fn all(stand: &Stand, claims: &mut Claims) -> Result<(), Failure> {
    let Some(scripted) = &stand.scripted else {
        return Err(Failure::new(
            "the demonstration needs scripted providers",
            "this is a defect of the demonstration",
        ));
    };
    for provider in [&scripted.openai, &scripted.anthropic] {
        provider.forbid(CLIENT_KEY);
    }
    let show = Show { stand, scripted };
    show.normal_answer(claims).await;
    show.normal_stream(claims).await;
    show.fallback_answer(claims).await;
    show.fallback_stream(claims).await;
    show.both_down(claims).await;
    show.back_again(claims).await;
    spending::all(&show, claims).await;
    Ok(())
}

/// Who asks where it does not matter.
const USER: &str = "somebody";

pub(super) struct Show<'a> {
    pub(super) stand: &'a Stand,
    pub(super) scripted: &'a Scripted,
}

/// Which providers were asked, in the order of the attempts, and who answered.
enum Path {
    OpenAi,
    OpenAiThenAnthropic,
    /// OpenAI's port is closed, so it sees nothing.
    Anthropic,
}

impl Show<'_> {
    async fn normal_answer(&self, claims: &mut Claims) {
        claims.section("A normal answer");
        self.reset();
        self.scripted.openai.script(Script::text("Hello from the first provider."));
        if let Some((reply, _)) = self.ask(claims, "Say hello.", Wanted::Whole).await {
            self.whole(claims, &reply, "Hello from the first provider.");
            self.path(claims, &reply, &Path::OpenAi);
        }
    }

    async fn normal_stream(&self, claims: &mut Claims) {
        claims.section("A streamed answer");
        self.reset();
        self.scripted.openai.script(Script::chunks(PIECES).delay_events(GAP));
        if let Some((reply, stream)) = self.ask(claims, "Count slowly.", Wanted::Stream).await {
            self.streamed(claims, &reply, &stream);
            self.path(claims, &reply, &Path::OpenAi);
        }
    }

    async fn fallback_answer(&self, claims: &mut Claims) {
        claims.section("OpenAI answers 503: Anthropic takes over");
        self.reset();
        self.scripted.openai.set_default(Script::status(503));
        self.scripted.anthropic.script(Script::text("Hello from the second provider."));
        if let Some((reply, _)) = self.ask(claims, "Say hello once more.", Wanted::Whole).await {
            self.whole(claims, &reply, "Hello from the second provider.");
            self.path(claims, &reply, &Path::OpenAiThenAnthropic);
        }
    }

    async fn fallback_stream(&self, claims: &mut Claims) {
        claims.section("OpenAI refuses connections: Anthropic takes over, streaming");
        self.reset();
        self.scripted.openai.stop_listening().await;
        self.scripted.anthropic.script(Script::chunks(PIECES).delay_events(GAP));
        if let Some((reply, stream)) = self.ask(claims, "Count slowly once more.", Wanted::Stream).await {
            self.streamed(claims, &reply, &stream);
            self.path(claims, &reply, &Path::Anthropic);
        }
        let listening = self.scripted.openai.start_listening().await;
        claims.claim("OpenAI listens again", listening.is_ok(), format_args!("{listening:?}"));
    }

    async fn both_down(&self, claims: &mut Claims) {
        for wanted in [Wanted::Whole, Wanted::Stream] {
            claims.section(match wanted {
                Wanted::Whole => "Both are down",
                Wanted::Stream => "Both are down, and a stream was asked for",
            });
            self.reset();
            self.scripted.openai.set_default(Script::status(503));
            self.scripted.anthropic.set_default(Script::status(529));
            let Some((reply, _)) = self.ask(claims, "Is anybody there?", wanted).await else { continue };
            claims.claim(
                "the status says that it is the server's failure",
                (500..600).contains(&reply.status),
                reply.status,
            );
            self.error(claims, &reply);
            claims.equal("OpenAI was asked once", &self.scripted.openai.request_count(), &1);
            claims.equal("Anthropic was asked once", &self.scripted.anthropic.request_count(), &1);
            self.credentials(claims);
        }
    }

    async fn back_again(&self, claims: &mut Claims) {
        claims.section("OpenAI is back");
        self.reset();
        self.scripted.openai.script(Script::text("Back again."));
        if let Some((reply, _)) = self.ask(claims, "And now?", Wanted::Whole).await {
            self.whole(claims, &reply, "Back again.");
            self.path(claims, &reply, &Path::OpenAi);
        }
    }

    pub(super) fn reset(&self) {
        self.scripted.openai.clear();
        self.scripted.anthropic.clear();
    }

    /// Asks, and shows the question and all three views. `None` where there was no whole answer, which breaks a claim.
    async fn ask(&self, claims: &mut Claims, prompt: &str, wanted: Wanted) -> Option<(Reply, Stream)> {
        self.ask_as(claims, USER, prompt, wanted).await
    }

    /// The same in the name of that user.
    pub(super) async fn ask_as(
        &self,
        claims: &mut Claims,
        user: &str,
        prompt: &str,
        wanted: Wanted,
    ) -> Option<(Reply, Stream)> {
        let model = &self.stand.model;
        let stream = if wanted == Wanted::Stream { "  stream" } else { "" };
        let who = if user == USER { String::new() } else { format!("  user {user}") };
        claims.saw(
            "client",
            format_args!("-> POST /v1/chat/completions  model {model}{stream}{who}  {prompt:?}"),
        );
        let result =
            async { view::read(self.stand, view::request(model, user, prompt, wanted)?).await }.await;
        if let Ok((reply, stream)) = &result {
            let text = match wanted {
                Wanted::Stream if reply.status == 200 => stream.text(),
                _ => words(reply),
            };
            claims.saw("client", view::answer(reply, &text));
        }
        for provider in [&self.scripted.openai, &self.scripted.anthropic] {
            for line in view::seen(&provider.requests()) {
                claims.saw(provider.kind().name(), line);
            }
        }
        if let Err(error) = &result {
            claims.claim("the answer is complete", false, with_causes(error));
        }
        result.ok()
    }

    fn whole(&self, claims: &mut Claims, reply: &Reply, text: &str) {
        let json = reply.json();
        claims.equal("the status is 200", &reply.status, &200);
        claims.claim(
            "the answer is JSON in OpenAI's shape",
            reply.header("content-type").starts_with("application/json")
                && at(&json, "/object") == "chat.completion"
                && at(&json, "/id").is_string()
                && at(&json, "/created").is_u64()
                && at(&json, "/choices/0/message/role") == "assistant"
                && at(&json, "/choices/0/finish_reason") == "stop",
            reply.text(),
        );
        claims.equal(
            "it says the model that was asked for",
            at(&json, "/model"),
            &Value::from(self.stand.model.as_str()),
        );
        claims.equal(
            "its text is the provider's",
            at(&json, "/choices/0/message/content"),
            &Value::from(text),
        );
        let tokens = |name: &str| at(&json, "/usage").get(name).and_then(Value::as_u64).unwrap_or_default();
        claims.claim(
            "its usage adds up",
            tokens("prompt_tokens") > 0
                && tokens("completion_tokens") > 0
                && tokens("prompt_tokens").checked_add(tokens("completion_tokens"))
                    == Some(tokens("total_tokens")),
            at(&json, "/usage"),
        );
        let length = reply.header("content-length");
        claims.claim(
            "its length is what it says",
            length.is_empty() || length == reply.body.len().to_string(),
            length,
        );
    }

    fn streamed(&self, claims: &mut Claims, reply: &Reply, stream: &Stream) {
        claims.equal("the status is 200", &reply.status, &200);
        claims.claim(
            "it is a stream of events",
            reply.header("content-type").starts_with("text/event-stream"),
            reply.header("content-type"),
        );
        claims.claim(
            "every event is a chunk in OpenAI's shape",
            stream.events.first().is_some_and(|first| {
                at(first, "/id").is_string()
                    && stream.events.iter().all(|event| {
                        at(event, "/object") == "chat.completion.chunk"
                            && at(event, "/id") == at(first, "/id")
                    })
            }),
            reply.text(),
        );
        claims.equal(
            "every chunk says the model that was asked for",
            &stream.models(),
            &vec![self.stand.model.as_str()],
        );
        claims.equal("the pieces are the provider's, in order", &stream.text(), &PIECES.concat());
        let (role, content) =
            (stream.first("/choices/0/delta/role"), stream.first("/choices/0/delta/content"));
        let finish = stream.first("/choices/0/finish_reason");
        claims.claim(
            "role, then content, then the reason of the end",
            role.is_some() && role <= content && stream.last_of("/choices/0/delta/content") < finish,
            format_args!("positions {role:?}, {content:?}, {finish:?}"),
        );
        claims.equal("it ends with [DONE]", &stream.last.as_str(), &"[DONE]");
        claims.claim(
            "it came piece by piece",
            stream.spread >= GAP.as_millis(),
            format_args!("all within {} ms", stream.spread),
        );
    }

    pub(super) fn error(&self, claims: &mut Claims, reply: &Reply) {
        let json = reply.json();
        let message = at(&json, "/error/message").as_str().unwrap_or_default();
        claims.claim(
            "the answer is an error in OpenAI's shape",
            reply.header("content-type").starts_with("application/json")
                && !message.is_empty()
                && at(&json, "/error/type").is_string()
                && at(&json, "/error").get("param").is_some()
                && at(&json, "/error").get("code").is_some(),
            reply.text(),
        );
        let told = view::secrets().into_iter().find(|(_, key)| reply.text().contains(key));
        claims.claim("it tells no key", told.is_none(), told.map(|(what, _)| what).unwrap_or_default());
    }

    fn path(&self, claims: &mut Claims, reply: &Reply, path: &Path) {
        let (openai, anthropic, answered_by, attempts) = match path {
            Path::OpenAi => (1, 0, "openai", "1"),
            Path::OpenAiThenAnthropic => (1, 1, "anthropic", "2"),
            Path::Anthropic => (0, 1, "anthropic", "2"),
        };
        claims.equal("x-ai-provider names who answered", &reply.header("x-ai-provider"), &answered_by);
        claims.equal("x-ai-attempts counts the attempts", &reply.header("x-ai-attempts"), &attempts);
        claims.equal(
            "OpenAI saw as many requests as it should",
            &self.scripted.openai.request_count(),
            &openai,
        );
        claims.equal(
            "Anthropic saw as many requests as it should",
            &self.scripted.anthropic.request_count(),
            &anthropic,
        );
        self.credentials(claims);
    }

    /// Every request at either provider: its own API, its own model, its own key, and nothing of anybody else.
    fn credentials(&self, claims: &mut Claims) {
        let own = [
            (
                &self.scripted.openai,
                "gpt-4",
                "authorization",
                format!("Bearer {}", ProviderKind::OpenAi.default_key()),
            ),
            (
                &self.scripted.anthropic,
                "claude-3-opus",
                "x-api-key",
                ProviderKind::Anthropic.default_key().to_owned(),
            ),
        ];
        for (provider, model, header, value) in own {
            let name = provider.kind().name();
            for request in provider.requests() {
                claims.claim(
                    &format!("{name} got its own path, model and key"),
                    request.path == provider.kind().path()
                        && at(&view::body(&request), "/model") == model
                        && request.header(header) == Some(&value)
                        && request.refused.is_none(),
                    format_args!(
                        "{} {:?}, refused: {:?}",
                        request.path,
                        request.header_names(),
                        request.refused
                    ),
                );
            }
            no_leaks(claims, provider, name);
        }
    }
}

fn no_leaks(claims: &mut Claims, provider: &MockProvider, name: &str) {
    let leaks: Vec<_> = provider.leaks().iter().map(ToString::to_string).collect();
    claims.claim(&format!("nothing leaked to {name}"), leaks.is_empty(), leaks.join("; "));
}

/// The one sentence of an answer.
fn words(reply: &Reply) -> String {
    let json = reply.json();
    let text = json.pointer("/choices/0/message/content").or_else(|| json.pointer("/error/message"));
    text.and_then(Value::as_str).map_or_else(|| reply.text(), str::to_owned)
}

fn with_causes(error: &HttpError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
