//! The statistics of each kind of arrivals. Nothing here looks at a clock.

use super::*;

const RUN: Duration = Duration::from_secs(20);

fn shape(text: &str) -> Shape {
    text.parse().unwrap()
}

fn seconds(arrivals: &Arrivals) -> Vec<f64> {
    let times: Vec<f64> = arrivals.times().map(|t| t.as_secs_f64()).collect();
    assert!(times.is_sorted(), "{:?} goes back in time", arrivals.shape);
    assert!(times.iter().all(|t| *t < arrivals.duration.as_secs_f64()));
    times
}

fn between(times: &[f64], from: f64, to: f64) -> usize {
    times.iter().filter(|t| (from..to).contains(*t)).count()
}

#[test]
fn the_count_is_the_integral_of_the_rate() {
    for (text, expected) in [
        ("constant:250", 5000.0),
        ("ramp:100-400", 5000.0),
        ("ramp:400-0", 4000.0),
        ("step:100,200,600", 6000.0),
        ("spike:50-1000", 4800.0),
        ("sine:50-450", 5000.0),
        ("sine:0-500x3", 5000.0),
    ] {
        let even = Arrivals::even(shape(text), RUN);
        assert!((even.expected() - expected).abs() < 1e-6, "{text}");
        let count = seconds(&even).len();
        assert!(count.abs_diff(expected as usize) <= 1, "{text}: {count}");
        // A Poisson count has the variance of its mean: five deviations.
        let random = seconds(&Arrivals::poisson(shape(text), RUN, 7)).len() as f64;
        assert!(
            (random - expected).abs() < 5.0 * expected.sqrt(),
            "{text}: {random}"
        );
    }
}

#[test]
fn constant_arrivals_have_equal_gaps() {
    let times = seconds(&Arrivals::even(shape("constant:1000"), RUN));
    assert!(times.windows(2).all(|w| (w[1] - w[0] - 0.001).abs() < 1e-8));
}

#[test]
fn a_ramp_has_the_rate_of_its_moment() {
    let times = seconds(&Arrivals::even(shape("ramp:0-1000"), RUN));
    // 50 a second more with each second: 25 in the first, 975 in the last.
    assert!(between(&times, 0.0, 1.0).abs_diff(25) <= 1);
    assert!(between(&times, 10.0, 11.0).abs_diff(525) <= 1);
    assert!(between(&times, 19.0, 20.0).abs_diff(975) <= 1);
}

#[test]
fn steps_and_spikes_change_at_their_edges() {
    let times = seconds(&Arrivals::even(shape("step:100,0,400,200"), RUN));
    for (share, count) in [500, 0, 2000, 1000].into_iter().enumerate() {
        let from = share as f64 * 5.0;
        assert!(
            between(&times, from, from + 5.0).abs_diff(count) <= 1,
            "{share}"
        );
    }
    let times = seconds(&Arrivals::even(shape("spike:10-500"), RUN));
    assert!(between(&times, 0.0, 8.0).abs_diff(80) <= 1);
    assert!(between(&times, 8.0, 12.0).abs_diff(2000) <= 1);
    assert!(between(&times, 12.0, 20.0).abs_diff(80) <= 1);
}

#[test]
fn a_sine_is_lowest_at_midnight_and_highest_at_noon() {
    let times = seconds(&Arrivals::even(shape("sine:100-900"), RUN));
    // The mean of a sine over a tenth on each side of its peak: 400·sinc(0.2π).
    let swing = 400.0 * (0.2 * std::f64::consts::PI).sin() / (0.2 * std::f64::consts::PI);
    let (night, noon) = (4.0 * (500.0 - swing), 4.0 * (500.0 + swing));
    let at_night = between(&times, 0.0, 2.0) + between(&times, 18.0, 20.0);
    assert!(
        at_night.abs_diff(night as usize) <= 3,
        "{at_night} of {night}"
    );
    let at_noon = between(&times, 8.0, 12.0);
    assert!(at_noon.abs_diff(noon as usize) <= 3, "{at_noon} of {noon}");
}

#[test]
fn poisson_gaps_are_exponential_and_counts_are_dispersed_as_their_mean() {
    let times = seconds(&Arrivals::poisson(shape("constant:1000"), RUN, 42));
    let mut gaps: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    // Kolmogorov-Smirnov against the exponential of that rate; 1.95 / √n is
    // passed by 999 of 1000 samples, and the seed is fixed.
    let distance = gaps
        .iter()
        .enumerate()
        .map(|(i, gap)| (1.0 - (-1000.0 * gap).exp() - (i as f64 + 0.5) / n).abs())
        .fold(0.0, f64::max);
    assert!(distance < 1.95 / n.sqrt(), "{distance}");

    let counts: Vec<f64> = (0..200)
        .map(|i| between(&times, f64::from(i) * 0.1, f64::from(i + 1) * 0.1) as f64)
        .collect();
    let mean = counts.iter().sum::<f64>() / 200.0;
    let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 199.0;
    // The index of dispersion of 200 bins deviates by √(2 / 199) = 0.1.
    assert!((variance / mean - 1.0).abs() < 0.4, "{}", variance / mean);
}

#[test]
fn a_poisson_process_follows_the_shape() {
    let times = seconds(&Arrivals::poisson(shape("spike:100-2000"), RUN, 3));
    let inside = between(&times, 8.0, 12.0) as f64;
    assert!((inside - 8000.0).abs() < 5.0 * 8000f64.sqrt(), "{inside}");
}

#[test]
fn the_seed_decides() {
    let of = |seed| seconds(&Arrivals::poisson(shape("constant:100"), RUN, seed));
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn every_core_takes_its_share_and_together_they_take_all() {
    let arrivals = Arrivals::poisson(shape("sine:10-300"), RUN, 5);
    let all: Vec<Duration> = arrivals.times().collect();
    let mut shared: Vec<Duration> = (0..3)
        .flat_map(|core| arrivals.times().skip(core).step_by(3))
        .collect();
    shared.sort();
    assert_eq!(all, shared);
}

#[test]
fn what_is_written_can_be_read_and_nonsense_is_named() {
    for text in [
        "constant:5",
        "ramp:0-9.5",
        "step:1,2,3",
        "spike:1-9",
        "sine:1-9x2",
    ] {
        assert_eq!(shape(text).to_string(), text);
    }
    assert_eq!(shape("80"), shape("constant:80"));
    for (text, why) in [
        ("constant:-1", "\"-1\" is not a number"),
        ("constant:NaN", "is not a number"),
        ("ramp:5", "is not two rates"),
        ("sine:9-1", "night above its day"),
        ("square:1-2", "no shape is called \"square\""),
        ("step:0,0", "nothing ever arrives"),
    ] {
        let error = text.parse::<Shape>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}
