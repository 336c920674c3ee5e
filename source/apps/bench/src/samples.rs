//! Samples of one operation.

/// Samples of each operation: an odd number, so that the median is one of them.
pub const COUNT: usize = 65;

/// Times that an operation is done before it is measured.
const WARM_UP: usize = 8;

/// What an operation took, time after time, in instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples([u64; COUNT]);

impl Samples {
    /// Does an operation again and again; `one` tells what it took.
    ///
    /// # Errors
    /// The first error of `one`.
    #[inline(always)]
    pub fn take<E>(mut one: impl FnMut() -> Result<u64, E>) -> Result<Samples, E> {
        for _ in 0..WARM_UP {
            one()?;
        }
        let mut all = [0; COUNT];
        for sample in &mut all {
            *sample = one()?;
        }
        Ok(Samples(all))
    }

    /// Does two operations in turn, such as making and taking back; `one` tells what each took.
    ///
    /// # Errors
    /// The first error of `one`.
    #[inline(always)]
    pub fn take_two<E>(mut one: impl FnMut() -> Result<[u64; 2], E>) -> Result<[Samples; 2], E> {
        for _ in 0..WARM_UP {
            one()?;
        }
        let mut all = [[0; COUNT]; 2];
        let [first, second] = &mut all;
        for (first, second) in first.iter_mut().zip(second) {
            [*first, *second] = one()?;
        }
        Ok(all.map(Samples))
    }

    /// What is left of each when `part` of it is something else.
    #[must_use]
    pub fn without(self, part: u64) -> Samples {
        Samples(self.0.map(|sample| sample.wrapping_sub(part)))
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> u64 {
        let mut sorted = self.0;
        sorted.sort_unstable();
        sorted.get(COUNT / 2).copied().unwrap_or(0)
    }

    /// How many samples equal the median.
    #[must_use]
    pub fn equal(&self) -> usize {
        let median = self.median();
        self.0.iter().filter(|sample| **sample == median).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Samples {
        let mut values = [0; WARM_UP].into_iter().chain(values);
        Samples::take(|| values.next().ok_or(())).unwrap()
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let samples = of((0..65).rev());
        assert_eq!((samples.median(), samples.equal()), (32, 1));
        let samples = of((0..65).map(|n| if n < 40 { 90 } else { 1000 }));
        assert_eq!((samples.median(), samples.equal()), (90, 40));
    }

    #[test]
    fn a_part_is_taken_off_each() {
        let samples = of((100..165).rev()).without(100);
        assert_eq!(samples, of((0..65).rev()));
    }

    #[test]
    fn warming_up_is_not_measured() {
        let mut n = 0;
        let samples = Samples::take(|| {
            n += 1;
            Ok::<_, ()>(if n <= 8 { 1_000_000 } else { 7 })
        });
        assert_eq!(samples.unwrap().equal(), COUNT);
        assert_eq!(n, 8 + COUNT);
    }

    #[test]
    fn two_operations_are_kept_apart() {
        let [made, ended] = Samples::take_two(|| Ok::<_, ()>([1, 2])).unwrap();
        assert_eq!((made.median(), ended.median()), (1, 2));
    }

    #[test]
    fn an_error_ends_it() {
        assert_eq!(Samples::take(|| Err("no")), Err("no"));
    }
}
