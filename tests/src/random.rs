//! Chance that can be repeated.

/// Marsaglia's xorshift: enough for choosing moments.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with the number in `SEED`, else with any; prints which.
    #[expect(clippy::print_stdout, reason = "who repeats a run needs its seed")]
    pub fn seeded() -> Random {
        let seed = std::env::var("SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |now| now.subsec_nanos().into())
        });
        println!("SEED={seed}");
        Random(seed | 1)
    }

    /// A number from 0 up to below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
