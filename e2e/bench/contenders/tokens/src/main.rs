//! The contender `tokens` as a native process.

fn main() {
    harness::serve(contender_tokens::count);
}
