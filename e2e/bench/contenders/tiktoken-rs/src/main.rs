//! The contender `tiktoken-rs` as a native process.

fn main() {
    harness::serve(contender_tiktoken_rs::count);
}
