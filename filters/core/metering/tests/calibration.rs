//! Calibration converges from anywhere, is hardly moved by one report, and survives what others write into its place.

#![expect(clippy::arithmetic_side_effects, reason = "a test that panics has failed")]

use metering::Calibration;
use proptest::prelude::*;

/// A model whose provider reports so many per mille of what is estimated.
fn report(estimated: u64, permille: u64) -> u64 {
    estimated * permille / 1_000
}

/// The state after those ratios, per mille.
fn after(ratios: impl IntoIterator<Item = u64>) -> Calibration {
    let mut calibration = Calibration::new();
    for ratio in ratios {
        calibration.observe(1_000, ratio.max(1));
    }
    calibration
}

/// Whether a factor is within so many per mille of another.
fn is_near(factor: u64, truth: u64, permille: u64) -> bool {
    factor.abs_diff(truth) * 1_000 <= truth * permille
}

#[test]
fn the_first_report_is_believed() {
    let calibration = after([1_350]);
    assert_eq!((calibration.factor_permille(), calibration.samples()), (1_350, 1));
    assert_eq!(calibration.apply(2_000), 2_700);
    assert_eq!(calibration.error_permille(), Some(259));
    assert_eq!(Calibration::new().error_permille(), None);
}

#[test]
fn the_error_shrinks_as_it_learns() {
    assert_eq!(after([1_500; 100]).error_permille(), Some(0));
    let noisy = after((0..200).map(|index| if index % 2 == 0 { 1_400 } else { 1_600 }));
    assert!(is_near(noisy.factor_permille(), 1_500, 20), "{noisy:?}");
    assert!((50..=80).contains(&noisy.error_permille().unwrap()), "{noisy:?}");
}

#[test]
fn nothing_is_learnt_from_nothing() {
    let mut calibration = after([1_200; 10]);
    let before = calibration;
    calibration.observe(0, 1_000);
    calibration.observe(1_000, 0);
    assert_eq!(calibration, before);
}

#[test]
fn what_is_no_calibration_is_no_experience() {
    for bytes in [&[][..], &[1; 15], &[0; 16], &[2; 16], &[0xff; 16], &[1; 17]] {
        assert_eq!(Calibration::decode(bytes), Calibration::new(), "{bytes:?}");
    }
    let mut next_version = after([1_200; 10]).encode();
    next_version[0] += 1;
    assert_eq!(Calibration::decode(&next_version), Calibration::new());
    assert_eq!(after([1_350]).encode(), *b"\x01\0\0\0\x9a\x59\x01\0\xbb\xf4\x03\0\x01\0\0\0");
}

proptest! {
    #[test]
    fn it_converges_within_tens_of_requests_from_any_past(
        past in prop::collection::vec(1_u64..100_000, 0..200),
        truth in 260_u64..3_900,
        sizes in prop::collection::vec(1_000_u64..200_000, 80),
    ) {
        let mut calibration = after(past);
        for size in sizes {
            calibration.observe(size, report(size, truth));
        }
        prop_assert!(is_near(calibration.factor_permille(), truth, 60), "{calibration:?} {truth}");
    }

    #[test]
    fn from_nothing_it_converges_at_once(truth in 260_u64..3_900) {
        prop_assert!(is_near(after([truth; 3]).factor_permille(), truth, 5));
    }

    #[test]
    fn one_absurd_report_moves_it_little(truth in 300_u64..3_500, absurd in any::<u64>(), estimated in any::<u64>()) {
        let mut calibration = after(vec![truth; 40]);
        let before = calibration.factor_permille();
        calibration.observe(estimated, absurd);
        prop_assert!(is_near(calibration.factor_permille(), before, 85), "{before} {calibration:?}");
    }

    #[test]
    fn it_stays_within_its_bounds_and_survives_encoding(
        samples in prop::collection::vec((any::<u64>(), any::<u64>()), 0..60),
    ) {
        let mut calibration = Calibration::new();
        for (estimated, reported) in samples {
            calibration.observe(estimated, reported);
            prop_assert!((250..=4_000).contains(&calibration.factor_permille()));
            prop_assert!(calibration.error_permille().unwrap_or(0) <= 10_000);
            prop_assert_eq!(Calibration::decode(&calibration.encode()), calibration);
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let calibration = Calibration::decode(&bytes);
        prop_assert!((250..=4_000).contains(&calibration.factor_permille()));
    }

    #[test]
    fn the_order_of_estimates_is_kept(past in prop::collection::vec(1_u64..10_000, 0..30), a in any::<u64>(), b in any::<u64>()) {
        let calibration = after(past);
        prop_assert!(calibration.apply(a.min(b)) <= calibration.apply(a.max(b)));
    }
}
