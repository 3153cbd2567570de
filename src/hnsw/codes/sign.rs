//! One-bit codes of the neighbors of a node, relative to the node: what the inline form keeps beside each pointer, so
//! that the owner's page alone tells how far each neighbor probably is from a query.
//!
//! With `u` the owner's code vector, `r = v - u` the way to a neighbor's and `b` the signs of `r`, the estimate of
//! `<q - u, r>` is `|r|^2 / |r|_1 * <q - u, b>`: RaBitQ (Gao and Long, "RaBitQ: quantizing high-dimensional
//! vectors with a theoretical error bound", arXiv 2405.12497) with the owner as the center, as SymphonyQG has it. For
//! signs to carry information in every dimension codes are rotated (`rotation.rs`). Both ends are codes, so build,
//! insert, repair and verify get the same bytes from the same two nodes. Pure; index format.

use super::{CodeParams, Factors};
use crate::distance::{Kernels, Metric, Way, kernels};

/// Dimensions whose signs are in one block of a neighbor's code.
pub const SIGN_BLOCK: usize = 64;

/// Bytes of the signs of `dims` dimensions.
pub const fn sign_bytes(dims: usize) -> usize {
    dims.div_ceil(SIGN_BLOCK) * (SIGN_BLOCK / 8)
}

/// Share of `step * |q - u|` by which an estimate is off on average: `sqrt(1 - 2 / pi)`, from the mean angle of a
/// direction to its signs.
const SPREAD: f32 = 0.602_81;
/// How many such deviations an estimate is lowered by: a search then looks where it is less sure. By experiment
/// (README.md, "Estimates").
const OPTIMISM: f32 = 0.5;

/// How many such deviations an estimate must lie beyond a limit to be left out.
const CAUTION: f32 = 1.0;

/// What is stored of an edge beside its signs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EdgeFactors {
    /// Added to the owner's key.
    pub offset: f32,
    /// What one unit of `<q, b>` takes off the key.
    pub step: f32,
}

impl CodeParams {
    /// Writes the signs of the way from one code to another and returns the edge's factors. The same bytes on every
    /// CPU. Signs beyond the dimensions are zero.
    /// # Panics
    /// If a code does not have the index's dimensions, or `signs` not [`sign_bytes`] of them.
    pub fn encode_edge(
        &self,
        (owner, owner_factors): (&[i8], &Factors),
        (neighbor, neighbor_factors): (&[i8], &Factors),
        signs: &mut [u8],
    ) -> EdgeFactors {
        assert!(owner.len() == self.dims && neighbor.len() == self.dims);
        assert_eq!(signs.len(), sign_bytes(self.dims));
        signs.fill(0);
        let Way {
            absolute,
            square,
            along,
        } = kernels().way(
            owner_factors.scale,
            owner,
            neighbor_factors.scale,
            neighbor,
            signs,
        );
        let ratio = square / absolute;
        if !(ratio > 0.0 && ratio.is_finite()) {
            return EdgeFactors::default(); // no way at all, or beyond all numbers: as near as the owner
        }
        let factors = match self.metric {
            Metric::InnerProduct => EdgeFactors {
                offset: 0.0,
                step: ratio,
            },
            _ => EdgeFactors {
                offset: square + 2.0 * ratio * along,
                step: 2.0 * ratio,
            },
        };
        if factors.offset.is_finite() && factors.step.is_finite() {
            factors
        } else {
            EdgeFactors::default()
        }
    }
}

/// A query as it is compared with signs: 8 bits a dimension. The default one is that of codes without signs.
#[derive(Debug, Clone, Default)]
pub(super) struct SignQuery {
    /// Padded with zeros to whole blocks.
    ints: Vec<i8>,
    /// `<q, b>` is `slope * (sum of the ints where b is positive) - base`.
    slope: f32,
    base: f32,
    /// Norm of the query for inner product, whose estimates are off in proportion to it; 0 otherwise.
    norm: f32,
}

impl SignQuery {
    /// From integers in `-limit..=limit` that stand for multiples of `scale`.
    pub(super) fn new(metric: Metric, ints: &[i16], limit: i16, scale: f64, norm: f64) -> Self {
        let shrink = 127.0 / f32::from(limit.max(127));
        let mut rounded: Vec<i8> = ints
            .iter()
            .map(|&int| (f32::from(int) * shrink).round() as i8)
            .collect();
        let total: i64 = rounded.iter().map(|&int| i64::from(int)).sum();
        rounded.resize(ints.len().next_multiple_of(SIGN_BLOCK), 0);
        let scale = scale / f64::from(shrink);
        Self {
            ints: rounded,
            slope: (2.0 * scale) as f32,
            base: (scale * total as f64) as f32,
            norm: if metric == Metric::InnerProduct {
                norm as f32
            } else {
                0.0
            },
        }
    }

    /// Sums over the signs of many neighbors, see [`Kernels::masked_sums`].
    pub(super) fn sums(&self, kernels: &Kernels, signs: &[u8], sums: &mut [i32]) {
        kernels.masked_sums(&self.ints, signs, sums);
    }

    /// What all neighbors of a node with `key` share.
    pub(super) fn owner_estimate(&self, metric: Metric, key: f32) -> OwnerEstimate {
        let distance = match metric {
            Metric::InnerProduct => self.norm,
            _ => key.max(0.0).sqrt(),
        };
        OwnerEstimate {
            key,
            slope: self.slope,
            base: self.base,
            spread: SPREAD * distance,
        }
    }
}

/// From a node whose key is known to estimates of its neighbors' keys.
#[derive(Debug, Clone, Copy)]
pub struct OwnerEstimate {
    key: f32,
    slope: f32,
    base: f32,
    spread: f32,
}

impl OwnerEstimate {
    /// Estimate of a neighbor's key from the sum of its signs.
    #[inline]
    pub fn neighbor(&self, factors: EdgeFactors, sum: i32) -> Estimate {
        let product = self.slope * sum as f32 - self.base;
        Estimate {
            key: self.key + factors.offset - factors.step * product,
            deviation: (factors.step * self.spread).max(f32::MIN_POSITIVE),
        }
    }
}

/// What is known of a key that has not been computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The most probable key.
    pub key: f32,
    /// By how much it is off, typically.
    pub deviation: f32,
}

impl Estimate {
    /// A key that is known.
    pub fn exact(key: f32) -> Self {
        Self {
            key,
            deviation: f32::MIN_POSITIVE,
        }
    }

    /// Both estimates of one key taken together, weighted by how sure they are.
    #[inline]
    #[must_use]
    pub fn combine(self, other: Estimate) -> Estimate {
        let (a, b) = (
            self.deviation * self.deviation,
            other.deviation * other.deviation,
        );
        let weight = a / (a + b);
        if !weight.is_finite() {
            return self; // both far below all deviations that matter
        }
        Estimate {
            key: self.key + weight * (other.key - self.key),
            deviation: self.deviation * (1.0 - weight).sqrt(),
        }
    }

    /// Whether the key is most probably larger than `limit`.
    #[inline]
    pub fn is_beyond(self, limit: f32) -> bool {
        self.key - CAUTION * self.deviation > limit
    }

    /// What the node is ordered by until its key is computed.
    #[inline]
    pub fn order_key(self) -> f32 {
        self.key - OPTIMISM * self.deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hnsw::codes::Query;

    fn vectors(count: usize, dims: usize) -> Vec<Vec<f32>> {
        let mut state = 7_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count)
            .map(|_| (0..dims).map(|_| uniform()).collect())
            .collect()
    }

    /// Proves: estimates of keys are right on average, and off by about their deviation, for each metric.
    #[test]
    fn estimates_are_unbiased() {
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
            for dims in [100, 384] {
                let params = CodeParams::new(metric, dims, Vec::new()).with_rotation();
                let vectors = vectors(400, dims);
                let codes: Vec<(Vec<i8>, Factors)> = vectors
                    .iter()
                    .map(|vector| {
                        let mut code = vec![0; dims];
                        let factors = params.encode(vector, &mut code);
                        (code, factors)
                    })
                    .collect();
                let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
                for query in &vectors[..20] {
                    let prepared = Query::from_vector(&params, query);
                    for owner in 20..40 {
                        let (code, factors) = &codes[owner];
                        let own = prepared.owner_estimate(prepared.key(code, factors));
                        for (neighbor, neighbor_factors) in &codes[100..140] {
                            let mut signs = vec![0; sign_bytes(dims)];
                            let edge = params.encode_edge(
                                (code, factors),
                                (neighbor, neighbor_factors),
                                &mut signs,
                            );
                            let mut sums = [0];
                            prepared.sign_sums(&signs, &mut sums);
                            let estimate = own.neighbor(edge, sums[0]);
                            let key = prepared.key(neighbor, neighbor_factors);
                            let error = f64::from((estimate.key - key) / estimate.deviation);
                            sum += error;
                            squares += error * error;
                            count += 1.0;
                        }
                    }
                }
                let (mean, deviation) = (sum / count, (squares / count).sqrt());
                assert!(mean.abs() < 0.1, "{metric:?} {dims}: mean {mean}");
                assert!(
                    (0.8..1.25).contains(&deviation),
                    "{metric:?} {dims}: deviation {deviation}"
                );
            }
        }
    }

    /// Proves: a neighbor at the owner's own place is estimated to be there, and no number is NaN.
    #[test]
    fn a_copy_of_the_owner_has_its_key() {
        let params = CodeParams::new(Metric::L2, 64, Vec::new()).with_rotation();
        let mut code = vec![0; 64];
        let factors = params.encode(&vectors(1, 64)[0], &mut code);
        let mut signs = vec![0xFF; sign_bytes(64)];
        let edge = params.encode_edge((&code, &factors), (&code, &factors), &mut signs);
        assert_eq!(edge, EdgeFactors::default());
        let query = Query::from_vector(&params, &vectors(2, 64)[1]);
        let estimate = query.owner_estimate(3.0).neighbor(edge, 5);
        assert_eq!(estimate.key, 3.0);
        let twice = estimate.combine(estimate);
        assert_eq!(twice.key, 3.0);
        assert!(twice.order_key() <= 3.0);
    }

    /// Proves: two estimates together are surer than each, and the surer one counts for more.
    #[test]
    fn combined_estimates_are_surer() {
        let (near, far) = (
            Estimate {
                key: 1.0,
                deviation: 0.1,
            },
            Estimate {
                key: 2.0,
                deviation: 0.3,
            },
        );
        let both = near.combine(far);
        assert!((both.key - 1.1).abs() < 1e-6, "{both:?}");
        assert!(both.deviation < near.deviation);
        let swapped = far.combine(near);
        assert!((both.key - swapped.key).abs() < 1e-6);
        assert!((both.deviation - swapped.deviation).abs() < 1e-6);
    }
}
