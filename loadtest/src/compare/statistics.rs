//! Tests of significance that assume no distribution of latencies: they have none
//! that is known.

/// The probability that values of `later` are as much above those of `earlier` as
/// they are, or more, if both come from the same distribution: the rank-sum test of
/// Mann and Whitney, one-sided, with the normal approximation corrected for ties and
/// continuity (Mann & Whitney 1947, "On a test of whether one of two random variables
/// is stochastically larger than the other").
#[expect(clippy::cast_precision_loss, reason = "a few thousand values")]
pub(super) fn mann_whitney(earlier: &[f64], later: &[f64]) -> f64 {
    let (n, m) = (earlier.len() as f64, later.len() as f64);
    let mut all: Vec<(f64, bool)> = earlier
        .iter()
        .map(|value| (*value, false))
        .chain(later.iter().map(|value| (*value, true)))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for same in all.chunk_by(|a, b| a.0 == b.0) {
        let count = same.len() as f64;
        // The ranks of equal values are shared.
        let rank = before + f64::midpoint(count, 1.0);
        rank_sum += rank * same.iter().filter(|(_, is_later)| *is_later).count() as f64;
        ties += count.powi(3) - count;
        before += count;
    }
    let u = rank_sum - m * (m + 1.0) / 2.0;
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        // All are equal.
        return 1.0;
    }
    above((u - n * m / 2.0 - 0.5) / variance.sqrt())
}

/// By which factor `later` is larger: the median of all quotients (Hodges & Lehmann
/// 1963, of logarithms).
pub(super) fn factor(earlier: &[f64], later: &[f64]) -> f64 {
    let pairs = later
        .iter()
        .flat_map(|l| earlier.iter().map(move |e| l / e));
    let mut quotients: Vec<f64> = pairs.filter(|quotient| quotient.is_finite()).collect();
    quotients.sort_by(f64::total_cmp);
    quotients.get(quotients.len() / 2).copied().unwrap_or(1.0)
}

/// The probability of a share so much higher, of two that are the same: the test of
/// two proportions, one-sided.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
pub(super) fn proportions(earlier: (u64, u64), later: (u64, u64)) -> f64 {
    let [(a, n), (b, m)] = [earlier, later].map(|(part, of)| (part as f64, of.max(1) as f64));
    let pooled = (a + b) / (n + m);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    if deviation <= 0.0 {
        return 1.0;
    }
    above((b / m - a / n) / deviation)
}

/// Which of many tests are significant, if in all of them together an error may
/// occur at this rate (Holm 1979, "A simple sequentially rejective multiple test
/// procedure").
#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
pub(super) fn holm(probabilities: &[f64], rate: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let mut significant = vec![false; probabilities.len()];
    for (done, index) in order.iter().enumerate() {
        if probabilities[*index] > rate / (probabilities.len() - done) as f64 {
            break;
        }
        significant[*index] = true;
    }
    significant
}

/// The part of the standard normal distribution above `z`, to seven digits
/// (Abramowitz & Stegun, 26.2.17).
fn above(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let polynomial = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * polynomial;
    if z >= 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_sum_is_that_of_the_books() {
        // Nothing above, everything above, and the same.
        let low: Vec<f64> = (1..=10).map(f64::from).collect();
        let high: Vec<f64> = (11..=20).map(f64::from).collect();
        // z = (100 - 50 - 0.5) / sqrt(175) = 3.7418; its tail is 9.13e-5.
        assert!((mann_whitney(&low, &high) - 9.13e-5).abs() < 1e-6);
        assert!(mann_whitney(&high, &low) > 0.9999);
        assert!((mann_whitney(&low, &low) - 0.515).abs() < 0.01);
        assert_eq!(mann_whitney(&[1.0; 9], &[1.0; 9]), 1.0);
        assert!((factor(&[1.0, 2.0], &[2.0, 4.0]) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn tails_and_shares() {
        for (z, tail) in [
            (0.0, 0.5),
            (1.959_964, 0.025),
            (-1.0, 0.841_345),
            (4.0, 3.167e-5),
        ] {
            assert!((above(z) - tail).abs() < 1e-6, "{z}");
        }
        assert!(proportions((10, 1000), (40, 1000)) < 1e-4);
        assert!(proportions((40, 1000), (10, 1000)) > 0.99);
        assert_eq!(proportions((0, 1000), (0, 1000)), 1.0);
    }

    #[test]
    fn many_tests_share_one_error_rate() {
        assert_eq!(holm(&[0.02, 0.001, 0.004], 0.01), [false, true, true]);
        assert_eq!(holm(&[0.004, 0.02, 0.004], 0.01), [false, false, false]);
        assert!(holm(&[], 0.01).is_empty());
    }
}
