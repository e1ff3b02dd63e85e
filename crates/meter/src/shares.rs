//! Sharing an integer among several so that nothing is lost.

/// Splits `total` in proportion to `weights` by the largest remainder: the parts add up to `total`
/// exactly, and each is within one unit of its exact share. With all weights 0 the parts are equal,
/// the first ones getting the remainder. Without weights there are no parts.
#[must_use]
pub fn largest_remainder(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|&w| u128::from(w)).sum();
    if sum == 0 {
        let count = weights.len() as u64;
        let part = |place: u64| total / count + u64::from(place < total % count);
        return (0..count).map(part).collect();
    }
    let exact = |w: u64| u128::from(total) * u128::from(w);
    let mut parts: Vec<u64> = weights.iter().map(|&w| (exact(w) / sum) as u64).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(exact(weights[i]) % sum)); // stable: ties by place
    let given: u64 = parts.iter().sum();
    let rest = (total - given) as usize; // below the number of parts
    for &i in order.iter().take(rest) {
        parts[i] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_shares() {
        assert_eq!(largest_remainder(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(largest_remainder(10, &[0, 0]), [5, 5]);
        assert_eq!(largest_remainder(7, &[3, 1, 0]), [5, 2, 0]);
        assert!(largest_remainder(7, &[]).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn parts_add_up_and_are_within_one_unit(
            total in any::<u64>(),
            weights in prop::collection::vec(prop_oneof![Just(0), 0..9_u64, any::<u64>()], 1..9),
        ) {
            let parts = largest_remainder(total, &weights);
            prop_assert_eq!(parts.iter().map(|&p| u128::from(p)).sum::<u128>(), u128::from(total));
            let sum: u128 = weights.iter().map(|&w| u128::from(w)).sum();
            for (&part, &weight) in parts.iter().zip(&weights) {
                let exact = (u128::from(total) * u128::from(weight)).checked_div(sum);
                if let Some(exact) = exact {
                    prop_assert!(u128::from(part) >= exact && u128::from(part) <= exact + 1);
                }
            }
        }
    }
}
