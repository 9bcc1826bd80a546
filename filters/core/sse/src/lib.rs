//! Bytes to server-sent events and back: incremental, bounded, the same under every chunking.
