//! Why a command about keys did nothing: one line, and a hint. No message ever repeats a key.

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(in crate::commands) enum Problem {
    /// A secret where everybody reads it.
    #[error(
        "a key does not belong on the command line, where everybody who lists processes reads it\n  hint: pipe it in: \
         printf %s \"$KEY\" | ai-filters keys …; if it was a real one, replace it"
    )]
    OnTheCommandLine,
    /// Nothing on stdin.
    #[error("stdin: no key\n  hint: printf %s \"$KEY\" | ai-filters keys …")]
    NoKey,
    /// Something on stdin that no header could carry.
    #[error(
        "stdin: no key: it has a space, a line break or a character outside ASCII, or is too long\n  hint: one key, and nothing else"
    )]
    NoText,
    /// A key that could be guessed from its hash.
    #[error(
        "stdin: the key has {bytes} bytes, and its hash would tell it\n  hint: let a machine make one of at least {least}: openssl rand -hex 24"
    )]
    ShortKey {
        /// Its length.
        bytes: usize,
        /// The least length.
        least: usize,
    },
    /// A virtual key where the hash of another kind is asked for.
    #[error(
        "stdin: a virtual key needs no hash\n  hint: it is verified by the public key of its signer, under `virtual_keys`"
    )]
    VirtualKey,
    /// A file for the private key that is there already.
    #[error(
        "{path}: is there already\n  hint: a private key that is overwritten is lost; choose another file"
    )]
    Exists {
        /// The file.
        path: String,
    },
    /// A file with something else than a private key.
    #[error(
        "{path}: no signing key\n  hint: the file that `ai-filters keys generate` wrote: a JSON Web Key of type OKP, Ed25519, with `kid`, `x` and `d`"
    )]
    NoSigningKey {
        /// The file.
        path: String,
    },
    /// Claims that no gateway would accept.
    #[error("{what}\n  hint: {hint}")]
    Claims {
        /// What is wrong with them.
        what: String,
        /// What would be right.
        hint: &'static str,
    },
    /// A key that cannot be read.
    #[error(
        "stdin: no virtual key: it {0}\n  hint: it begins with `sk-ai-`; `ai-filters keys mint` makes one"
    )]
    Unreadable(identity::Unreadable),
    /// A public key that is none.
    #[error("--public-key: {0}\n  hint: the `x` that `ai-filters keys generate` printed")]
    PublicKey(identity::BadKey),
    /// A configuration that would not be accepted either.
    #[error("{path}: {problems}")]
    Configuration {
        /// The file.
        path: String,
        /// Every problem of it.
        problems: config::Problems,
    },
    /// A key that was checked and is refused.
    #[error("refused: {reason}\n  hint: {hint}")]
    Refused {
        /// The word for it, as in the gateway's statistics.
        reason: &'static str,
        /// What that means.
        hint: &'static str,
    },
    /// No randomness.
    #[error("the system gives no random numbers\n  hint: without them no key is secret")]
    NoRandomness,
    /// No time.
    #[error("the system's clock is before 1970\n  hint: set it; keys say when they end")]
    NoTime,
}
