//! `ai-filters keys mint`: signs a virtual key.

use std::path::PathBuf;

use identity::{KEY_VERSION, VirtualKeyClaims, VirtualKeyLimits};

use super::signing_key::NamedSigningKey;
use super::values::{micro_dollars, now, span};
use super::{Failure, Problem};
use crate::commands::print;

/// `ai-filters keys mint --signing-key FILE --user NAME`
#[derive(clap::Args)]
pub(in crate::commands) struct Options {
    /// The file that `keys generate` wrote; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    signing_key: PathBuf,
    /// Whose key it is.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The user's team.
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
    /// A model that it may be used for, or a prefix followed by `*`; may be given several times, or with commas. Every model where it is left out.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    models: Vec<String>,
    /// How long it is valid: `12h`, `90d`.
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "90d")]
    expires: u64,
    /// Tokens in a minute, of prompts and answers together.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    tokens_per_minute: Option<u64>,
    /// Tokens in a day.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    tokens_per_day: Option<u64>,
    /// Tokens in a month.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    tokens_per_month: Option<u64>,
    /// Dollars in a month: `25`, `0.50`.
    #[arg(long, value_name = "DOLLARS", value_parser = micro_dollars)]
    dollars_per_month: Option<u64>,
    /// Requests in a minute.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    requests_per_minute: Option<u64>,
    /// The key's own name, by which it is taken back; a random one where it is left out.
    #[arg(long, value_name = "NAME")]
    key_id: Option<String>,
    /// The issuer that the gateway's configuration names.
    #[arg(long, value_name = "NAME", default_value = "ai-filters")]
    issuer: String,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        for (option, name) in
            [("--user", Some(&self.user)), ("--team", self.team.as_ref()), ("--key-id", self.key_id.as_ref())]
        {
            if let Some(Err(problem)) = name.map(|name| identity::Name::new(name)) {
                let hint = "1 to 256 bytes without control characters and without a space at either end";
                return Err(Problem::Claims { what: format!("{option}: {problem}"), hint }.into());
            }
        }
        for pattern in &self.models {
            let star = pattern.find('*');
            if pattern.is_empty() || star.is_some_and(|star| star.saturating_add(1) < pattern.len()) {
                let hint = "a model's name, or a prefix followed by `*`, such as 'gpt-4*'";
                return Err(
                    Problem::Claims { what: format!("--models: `{pattern}` is no pattern"), hint }.into()
                );
            }
        }
        let key = NamedSigningKey::read(&self.signing_key)?;
        let now = now()?;
        let claims = VirtualKeyClaims {
            iss: self.issuer,
            v: KEY_VERSION,
            jti: self.key_id.map_or_else(random_name, Ok)?,
            sub: self.user,
            team: self.team,
            iat: now.0,
            exp: now.after(self.expires).0,
            models: (!self.models.is_empty()).then_some(self.models),
            limits: VirtualKeyLimits {
                tokens_per_minute: self.tokens_per_minute,
                tokens_per_day: self.tokens_per_day,
                tokens_per_month: self.tokens_per_month,
                micro_dollars_per_month: self.dollars_per_month,
                requests_per_minute: self.requests_per_minute,
            },
        };
        let unsigned = claims.unsigned(&key.id).ok_or_else(|| Problem::Claims {
            what: "no gateway would accept such a key".to_owned(),
            hint: "shorter names",
        })?;
        let signed = unsigned.signed(&key.sign(unsigned.message()));
        if signed.len() > identity::LONGEST_TOKEN {
            let what = format!("the key would have {} bytes", signed.len());
            return Err(Problem::Claims { what, hint: "at most 8192: fewer patterns" }.into());
        }
        print(&format!("{signed}\n"))
    }
}

/// Sixteen random bytes in hexadecimal.
fn random_name() -> Result<String, Problem> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| Problem::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
