//! Logarithm, exponential and normal quantile, out of the four operations and the square root alone.
//!
//! IEEE 754 fixes those to the last bit; `f64::ln` and its kin come from the platform's library, which may
//! round otherwise. A person has to be the same on every machine.

use std::f64::consts::{LN_2, SQRT_2};

/// Natural logarithm of a positive, normal number, to about 15 digits.
pub(crate) fn ln(number: f64) -> f64 {
    let bits = number.to_bits();
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)), whose series converges fast around m = 1.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let series = (0..10).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    2.0 * ratio * series + f64::from(exponent) * LN_2
}

/// 1/0!, 1/2! … 1/14! and 1/1!, 1/3! … 1/13!, the highest first: the exponential's series in two halves,
/// which a processor works out side by side.
const EVEN: [f64; 8] = inverse_factorials(14);
const ODD: [f64; 7] = inverse_factorials(13);

const fn inverse_factorials<const N: usize>(highest: u32) -> [f64; N] {
    let mut inverse = [1.0; N];
    let mut at = 0;
    while at < N {
        let mut factor = highest - 2 * at as u32;
        while factor > 1 {
            inverse[at] /= factor as f64;
            factor -= 1;
        }
        at += 1;
    }
    inverse
}

/// e to the power, for powers between -700 and 700; beyond, as if it were those.
pub(crate) fn exp(power: f64) -> f64 {
    let power = power.clamp(-700.0, 700.0);
    // Kept above zero by the bias that the exponent of an `f64` has anyway.
    let biased = whole(power / LN_2 + 1023.0);
    let rest = power - (biased as f64 - 1023.0) * LN_2;
    let square = rest * rest;
    (polynomial(&EVEN, square) + rest * polynomial(&ODD, square)) * f64::from_bits(biased << 52)
}

/// The nearest whole number; of none below zero. `f64::round` is a call where this is an instruction.
pub(crate) fn whole(number: f64) -> u64 {
    (number + 0.5) as u64
}

/// The standard normal's quantile at 0 < `share` < 1, to nine digits (P. J. Acklam's rational approximation).
pub(crate) fn normal_quantile(share: f64) -> f64 {
    const TAIL: f64 = 0.02425;
    if share < TAIL {
        tail_quantile(share)
    } else if share > 1.0 - TAIL {
        -tail_quantile(1.0 - share)
    } else {
        central_quantile(share - 0.5)
    }
}

fn tail_quantile(share: f64) -> f64 {
    const ABOVE: [f64; 6] = [
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const BELOW: [f64; 5] =
        [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996, 3.754408661907416, 1.0];
    let root = (-2.0 * ln(share)).sqrt();
    polynomial(&ABOVE, root) / polynomial(&BELOW, root)
}

fn central_quantile(distance: f64) -> f64 {
    const ABOVE: [f64; 6] = [
        -3.969683028665376e+01,
        2.209460984245205e+02,
        -2.759285104469687e+02,
        1.38357751867269e+02,
        -3.066479806614716e+01,
        2.506628277459239,
    ];
    const BELOW: [f64; 6] = [
        -5.447609879822406e+01,
        1.615858368580409e+02,
        -1.556989798598866e+02,
        6.680131188771972e+01,
        -1.328068155288572e+01,
        1.0,
    ];
    let square = distance * distance;
    distance * polynomial(&ABOVE, square) / polynomial(&BELOW, square)
}

/// Horner's scheme, the highest power first.
fn polynomial(coefficients: &[f64], at: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * at + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_platform() {
        for step in 1..4000 {
            let number = f64::from(step) * 0.173;
            assert!((ln(number) - number.ln()).abs() < 1e-13, "{number}");
            assert!((ln(1.0 / number) + number.ln()).abs() < 1e-13, "{number}");
            let power = f64::from(step - 2000) * 0.03;
            assert!((exp(power) / power.exp() - 1.0).abs() < 1e-13, "{power}");
        }
        assert!(exp(1e9).is_finite() && exp(-1e9) > 0.0);
    }

    #[test]
    fn quantiles_are_those_of_the_books() {
        for (share, quantile) in
            [(0.5, 0.0), (0.975, 1.959_963_985), (0.001, -3.090_232_306), (0.84, 0.994_457_883)]
        {
            assert!((normal_quantile(share) - quantile).abs() < 1e-8, "{share}");
        }
    }
}
