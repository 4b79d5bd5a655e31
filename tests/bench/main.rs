//! `measure`: the figures of the design, each beside its limit. Started by `tests/bench/run`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made ends with the reason, and figures are printed"
)]

mod figures;
mod process_one;
mod quantile;
mod supervisord;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    println!(
        "{:<44} {:>14} {:>14} {:>8}  budget",
        "figure", "ours", "limit", "ratio"
    );
    for (name, measure) in figures::ALL {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            measure();
        }
    }
}
