//! Random numbers from a seed: a seed gives the same numbers on every machine and in every version.

use std::cell::Cell;

/// SplitMix64, for which any seed is suitable.
pub(super) struct Rng {
    pub(super) seed: u64,
    state: Cell<u64>,
}

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            state: Cell::new(seed),
        }
    }

    fn draw(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`, with a bias that is negligible for lengths of queues.
    fn below(&self, bound: usize) -> usize {
        ((u128::from(self.draw()) * bound as u128) >> 64) as usize
    }

    /// Fisher-Yates shuffle.
    pub(super) fn shuffle<T>(&self, items: &mut [T]) {
        for unsettled in (2..=items.len()).rev() {
            items.swap(unsettled - 1, self.below(unsettled));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let rng = Rng::new(1_234_567);
        let drawn = [(); 5].map(|()| rng.draw());
        let known = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, known);
    }

    #[test]
    fn all_orders_of_three_come_up_about_equally_often() {
        let rng = Rng::new(7);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [1, 2, 3];
            rng.shuffle(&mut items);
            *seen.entry(items).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(
            seen.values().all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
    }
}
