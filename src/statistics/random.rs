//! Numbers that look random and are the same for the same seed, on every platform. Pure.

/// A sequence of such numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A number from 0 to below 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Moves `count` entries, chosen at random, to the front; all of them if there are not more.
    pub fn choose(&mut self, entries: &mut [u32], count: usize) {
        for place in 0..count.min(entries.len()) {
            let left = (entries.len() - place) as f64;
            entries.swap(place, place + (self.fraction() * left) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves: fractions lie where they should, and spread.
    #[test]
    fn fractions_are_uniform() {
        let mut random = Random::seeded(7);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            let fraction = random.fraction();
            counts[(fraction * 10.0) as usize] += 1;
        }
        assert!(
            counts.iter().all(|&count| (850..1150).contains(&count)),
            "{counts:?}"
        );
    }

    // Proves: a choice is a choice: nothing is lost, every entry is as likely.
    #[test]
    fn choices_are_fair() {
        let mut random = Random::seeded(8);
        let mut times_chosen = [0; 10];
        let mut entries: Vec<u32> = (0..10).collect();
        for _ in 0..10_000 {
            random.choose(&mut entries, 3);
            for &entry in &entries[..3] {
                times_chosen[entry as usize] += 1;
            }
        }
        entries.sort_unstable();
        assert!(entries.iter().copied().eq(0..10));
        assert!(
            times_chosen
                .iter()
                .all(|&times| (2800..3200).contains(&times)),
            "{times_chosen:?}"
        );
        random.choose(&mut entries, 11);
        random.choose(&mut [], 1);
    }
}
