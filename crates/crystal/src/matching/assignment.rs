//! Pairs of rows and columns with the least total cost.

/// For each row of a square matrix the column that it is paired with, such that the sum of costs is
/// least: shortest augmenting paths with potentials, cubic in the size.
pub(super) fn assignment(cost: &[Vec<f64>]) -> Vec<usize> {
    let n = cost.len();
    // column 0 and row 0 stand for nothing; `row_of[c]` is the row paired with column c
    let (mut row_potential, mut column_potential) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    let mut row_of = vec![0; n + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut column = 0;
        let mut least = vec![f64::INFINITY; n + 1];
        let mut before = vec![0; n + 1];
        let mut used = vec![false; n + 1];
        while row_of[column] != 0 {
            used[column] = true;
            let open = row_of[column];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for c in (1..=n).filter(|&c| !used[c]) {
                let reduced = cost[open - 1][c - 1] - row_potential[open] - column_potential[c];
                if reduced < least[c] {
                    least[c] = reduced;
                    before[c] = column;
                }
                if least[c] < delta {
                    delta = least[c];
                    next = c;
                }
            }
            for c in 0..=n {
                if used[c] {
                    row_potential[row_of[c]] += delta;
                    column_potential[c] -= delta;
                } else {
                    least[c] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[before[column]];
            column = before[column];
        }
    }
    let mut columns = vec![0; n];
    for column in 1..=n {
        columns[row_of[column] - 1] = column - 1;
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn least_by_trying(cost: &[Vec<f64>], row: usize, used: &mut Vec<bool>) -> f64 {
        if row == cost.len() {
            return 0.0;
        }
        let mut least = f64::INFINITY;
        for column in 0..cost.len() {
            if !used[column] {
                used[column] = true;
                least = least.min(cost[row][column] + least_by_trying(cost, row + 1, used));
                used[column] = false;
            }
        }
        least
    }

    proptest! {
        #[test]
        fn no_other_pairing_costs_less(values in prop::collection::vec(0.0..10.0f64, 25), n in 1..6usize) {
            let cost: Vec<Vec<f64>> = (0..n).map(|r| values[r * 5..r * 5 + n].to_vec()).collect();
            let pairs = assignment(&cost);
            let mut seen = vec![false; n];
            pairs.iter().for_each(|&c| seen[c] = true);
            prop_assert!(seen.into_iter().all(|s| s));
            let total: f64 = pairs.iter().enumerate().map(|(r, &c)| cost[r][c]).sum();
            prop_assert!((total - least_by_trying(&cost, 0, &mut vec![false; n])).abs() < 1e-9);
        }
    }
}
