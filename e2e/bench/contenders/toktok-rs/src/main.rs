//! The contender `toktok-rs` as a native process.

fn main() {
    harness::serve(contender_toktok_rs::count);
}
