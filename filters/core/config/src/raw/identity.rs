//! What ai-gateway's file may say about who is calling.

use crate::read::{List, Verbatim};

/// The default of `leeway_seconds`.
pub(crate) const DEFAULT_LEEWAY: u64 = 60;
/// The most that `leeway_seconds` may be: clocks that are further apart are broken.
pub(crate) const MOST_LEEWAY: u64 = 300;
/// The default of `interval_seconds`.
pub(crate) const DEFAULT_INTERVAL: u64 = 600;
/// The bounds of `interval_seconds`: a fetch in each worker, and a day.
pub(crate) const INTERVALS: std::ops::RangeInclusive<u64> = 30..=86_400;
/// The default of `timeout_seconds`.
pub(crate) const DEFAULT_TIMEOUT: u64 = 5;
/// The most that `timeout_seconds` may be.
pub(crate) const MOST_TIMEOUT: u64 = 60;
/// The default of `issuer`.
pub(crate) const DEFAULT_ISSUER: &str = "ai-filters";
/// More than any limit of a key: every number up to here is exact in JSON readers that have doubles alone.
pub(crate) const MOST_OF_A_LIMIT: u64 = 9_007_199_254_740_991;

section! {
    /// Who is calling. The sources are asked in their order, and the first that finds something decides.
    #[schema(rename = "Identity")]
    struct RawIdentity;
    required {}
    optional {
        /// The order in which the sources are asked, each of those below that are given; where it is absent, the order of `header`,
        /// `api_keys`, `virtual_keys`, `jwt`.
        #[schema(extend("minItems" = 1, "uniqueItems" = true))]
        sources: List<RawSource>,
        /// Headers that Envoy's `jwt_authn` or a proxy in front sets, and that clients cannot.
        header: RawHeader,
        /// Keys that are known by their hashes.
        #[schema(extend("minItems" = 1))]
        api_keys: List<RawApiKey>,
        /// Keys that `ai-filters keys mint` makes.
        virtual_keys: RawVirtualKeys,
        /// Tokens of an identity provider that the filter verifies itself.
        jwt: RawJwt,
        /// What becomes of requests of which no source knows anything. Where it is absent: `refuse` where keys or tokens are configured, else
        /// `allow`.
        anonymous: RawAnonymous,
        /// What becomes of a credential that no source knows, where keys or tokens are configured.
        #[schema(extend("default" = "refuse"))]
        unknown_credentials: RawUnknown,
    }
}

section! {
    /// Headers that are believed.
    #[schema(rename = "TrustedHeader")]
    struct RawHeader;
    required {}
    optional {
        /// The header with the user's name.
        #[schema(extend("minLength" = 1, "default" = identity::TrustedHeaders::USER))]
        user: String,
        /// The header with the team's name; none is believed where it is absent.
        #[schema(extend("minLength" = 1))]
        team: String,
    }
}

section! {
    /// A key that is known by its hash.
    #[schema(rename = "ApiKey")]
    struct RawApiKey;
    required {
        /// SHA-256 of the key in hexadecimal, as `ai-filters keys hash` prints it; never the key.
        #[schema(extend("pattern" = "^[0-9a-fA-F]{64}$"))]
        sha256: String,
        /// Whose it is.
        #[schema(extend("minLength" = 1, "maxLength" = 256))]
        user: String,
    }
    optional {
        /// What the key is called in logs.
        #[schema(extend("minLength" = 1, "maxLength" = 256))]
        id: String,
        /// The user's team.
        #[schema(extend("minLength" = 1, "maxLength" = 256))]
        team: String,
        /// The models that it may be used for: names that clients ask for, and prefixes followed by `*`; every model where it is absent.
        #[schema(extend("minItems" = 1))]
        models: List<String>,
        /// What it may spend.
        limits: RawKeyLimits,
    }
    instead { "key" => "a key never stands in this file: write its hash as `sha256`, which `ai-filters keys hash` prints", }
}

section! {
    /// What a key may spend, beside what `budgets` say for everybody.
    #[schema(rename = "KeyLimits")]
    struct RawKeyLimits;
    required {}
    optional {
        /// Tokens in a minute.
        #[schema(extend("minimum" = 1, "maximum" = MOST_OF_A_LIMIT))]
        tokens_per_minute: u64,
        /// Tokens in a day.
        #[schema(extend("minimum" = 1, "maximum" = MOST_OF_A_LIMIT))]
        tokens_per_day: u64,
        /// Tokens in a month.
        #[schema(extend("minimum" = 1, "maximum" = MOST_OF_A_LIMIT))]
        tokens_per_month: u64,
        /// Millionths of a dollar in a month.
        #[schema(extend("minimum" = 1, "maximum" = MOST_OF_A_LIMIT))]
        micro_dollars_per_month: u64,
        /// Requests in a minute.
        #[schema(extend("minimum" = 1, "maximum" = MOST_OF_A_LIMIT))]
        requests_per_minute: u64,
    }
}

section! {
    /// Keys that say themselves whose they are, signed by `ai-filters keys mint`.
    #[schema(rename = "VirtualKeys")]
    struct RawVirtualKeys;
    required {
        /// The public keys that verify them, as `ai-filters keys generate` prints them; several while one replaces another.
        #[schema(extend("minItems" = 1))]
        public_keys: List<RawPublicKey>,
    }
    optional {
        /// The issuer that they must name.
        #[schema(extend("minLength" = 1, "default" = DEFAULT_ISSUER))]
        issuer: String,
        /// Keys that were taken back, by their `jti`.
        #[schema(extend("default" = []))]
        revoked: List<String>,
        /// Keys that were taken back by the time at which they were issued.
        #[schema(extend("default" = []))]
        revoked_before: List<RawRevokedBefore>,
        /// How many seconds clocks may disagree.
        #[schema(extend("minimum" = 0, "maximum" = MOST_LEEWAY, "default" = DEFAULT_LEEWAY))]
        leeway_seconds: u64,
    }
}

section! {
    /// An Ed25519 public key.
    #[schema(rename = "PublicKey")]
    struct RawPublicKey;
    required {
        /// Its name, which virtual keys carry.
        #[schema(extend("minLength" = 1, "maxLength" = 256))]
        kid: String,
        /// Its 32 bytes in unpadded base64url, as in a JSON Web Key.
        #[schema(extend("pattern" = "^[A-Za-z0-9_-]{43}$"))]
        x: String,
    }
    optional {}
    instead { "d" => "that is the private key: take it out of this file, and make a new pair with `ai-filters keys generate`", }
}

section! {
    /// Takes back every virtual key that was issued before a moment.
    #[schema(rename = "RevokedBefore")]
    struct RawRevokedBefore;
    required {
        /// The moment, in seconds since the Unix epoch.
        before: u64,
    }
    optional {
        /// Whose keys; everybody's where it is absent.
        #[schema(extend("minLength" = 1, "maxLength" = 256))]
        user: String,
    }
}

section! {
    /// Tokens of an identity provider: RS256, ES256, EdDSA with Ed25519, HS256.
    #[schema(rename = "Jwt", extend("anyOf" = [{"required": ["jwks"]}, {"required": ["jwks_from"]}, {"required": ["secrets"]}]))]
    struct RawJwt;
    required {
        /// The accepted values of `iss`.
        #[schema(extend("minItems" = 1))]
        issuers: List<String>,
        /// The accepted values of `aud`. An empty list accepts only tokens that name no audience.
        audiences: List<String>,
    }
    optional {
        /// A JSON Web Key Set with public keys.
        jwks: Verbatim,
        /// Where a JSON Web Key Set is fetched.
        jwks_from: RawJwksFrom,
        /// Secrets of HS256, from the environment.
        #[schema(extend("minItems" = 1))]
        secrets: List<RawSecret>,
        /// The claim with the user's name: a claim's name, or names joined by dots that lead into objects.
        #[schema(extend("minLength" = 1, "default" = "sub"))]
        user_claim: String,
        /// The claim with the team's name.
        #[schema(extend("minLength" = 1))]
        team_claim: String,
        /// How many seconds clocks may disagree.
        #[schema(extend("minimum" = 0, "maximum" = MOST_LEEWAY, "default" = DEFAULT_LEEWAY))]
        leeway_seconds: u64,
    }
    instead {
        "issuer" => "write `issuers`, a list",
        "audience" => "write `audiences`, a list",
        "secret" => "a secret never stands in this file: write `secrets` with the environment variable that holds it",
    }
}

section! {
    /// Where a key set is fetched, by each worker for itself.
    #[schema(rename = "JwksFrom")]
    struct RawJwksFrom;
    required {
        /// Envoy's cluster, which says where the host is and how TLS verifies it.
        #[schema(extend("minLength" = 1))]
        cluster: String,
        /// `host` or `host:port`, for the `:authority` of the request.
        #[schema(extend("minLength" = 1))]
        authority: String,
        /// The path, for example `/.well-known/jwks.json`.
        #[schema(extend("pattern" = "^/[!-~]*$"))]
        path: String,
    }
    optional {
        /// How often it is fetched.
        #[schema(extend("minimum" = INTERVALS.start(), "maximum" = INTERVALS.end(), "default" = DEFAULT_INTERVAL))]
        interval_seconds: u64,
        /// How long an answer may take.
        #[schema(extend("minimum" = 1, "maximum" = MOST_TIMEOUT, "default" = DEFAULT_TIMEOUT))]
        timeout_seconds: u64,
    }
    instead { "url" => "write `cluster`, `authority` and `path`: the filter reaches nothing but Envoy's clusters", }
}

section! {
    /// A secret of HS256.
    #[schema(rename = "Secret")]
    struct RawSecret;
    required {
        /// The environment variable that holds it, at least 32 bytes.
        #[schema(extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]*$"))]
        env: String,
    }
    optional {
        /// Its name, which tokens carry.
        #[schema(extend("minLength" = 1, "maxLength" = 256))]
        kid: String,
    }
}

choice! {
    /// A source of identity.
    #[schema(rename = "Source")]
    enum RawSource: "source" {
        /// The section `header`.
        Header = "header",
        /// The section `api_keys`.
        ApiKeys = "api_keys",
        /// The section `virtual_keys`.
        VirtualKeys = "virtual_keys",
        /// The section `jwt`.
        Jwt = "jwt",
    }
}

choice! {
    /// What becomes of requests of which no source knows anything.
    #[schema(rename = "Anonymous")]
    enum RawAnonymous: "value" {
        /// They are the anonymous caller's, and all of them share its budgets.
        Allow = "allow",
        /// 401.
        Refuse = "refuse",
    }
}

choice! {
    /// What becomes of a credential that no source knows.
    #[schema(rename = "UnknownCredentials")]
    enum RawUnknown: "value" {
        /// 401.
        Refuse = "refuse",
        /// As if it were not there.
        Ignore = "ignore",
    }
}
