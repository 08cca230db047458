//! What a replaceable call costs, what replacing costs, and what making and freeing a function costs.
//!
//! In every row of `call` the same body is called with the same argument, by a call that is not inlined. The rows
//! whose name begins with `code:` are called from a loop of machine code, the way compiled code calls; the others from
//! a loop of Rust. Times are of one call and its share of the loop: compare rows with `code: direct` or with
//! `rust: function pointer`.

mod beside;
mod calls;
mod code;
mod elf;
mod lives;
mod peers;
mod relinks;

use std::time::Duration;

use criterion::{Criterion, criterion_group};

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = times;
    config = settings();
    targets = calls::bench, relinks::bench, lives::bench
}

fn main() {
    times();
    // Filters are for criterion's own rows, and a smoke run wants none of this.
    if std::env::args().skip(1).eq(["--bench"]) {
        beside::measure();
    }
    Criterion::default().configure_from_args().final_summary();
}
