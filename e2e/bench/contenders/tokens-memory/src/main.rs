//! The contender `tokens-memory` as a native process.

fn main() {
    harness::serve(contender_tokens_memory::count);
}
