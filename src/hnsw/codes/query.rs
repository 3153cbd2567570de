//! A query against codes: ordering keys, and true lower bounds of what the SQL operators return.
//!
//! The executor reorders rows by their exact distance and raises an error when one comes out below the bound
//! it was given, so a bound must hold against the operators' own binary32 arithmetic, not only in theory.
//! Notation: `q`, `x` the vectors in the space of the codes (for cosine normalised; less the mean),
//! `q^`, `x^` what is stored of them. With `u` = 2^-24 and any order of summation, with or without fused
//! operations, a binary32 sum of `n` products of rounded terms is within `gamma(n)` of the sum of magnitudes,
//! beside 2^-149 for each term that underflows (Higham, Accuracy and Stability, section 3.1).

use super::encode::{Centered, round_up};
use super::sign::{OwnerEstimate, SignQuery};
use super::{BitForm, CodeForm, CodeParams, Factors, bits, key_of_product, sparse};
use crate::distance::{Kernels, Metric, bits as bit_kernels, kernels};
use crate::types::indexed::IndexedValue;

/// Largest magnitude of an element of a query: 14 bits with sign.
const QUERY_MAX: f64 = 8191.0;

/// Errors up to this share of the range of the distances found do not make a search go on.
const TOLERATED: f32 = 0.5;

/// Unit roundoff of binary32, 2^-24, with room for the rounding of our own binary64 arithmetic.
const UNIT: f64 = f32::EPSILON as f64 * 0.501;

/// Smallest positive binary32 value, twice what one operation loses to underflow.
const TINY: f64 = 1.401_298_464_324_817e-45;

/// Elements of an L1 query are cut to this, so that no difference to a code is NaN.
const L1_MAX: f64 = (1u128 << 127) as f64;

/// Sums of magnitudes above this may overflow in the operator, whatever the sum itself is.
const SUM_MAX: f64 = (1u128 << 126) as f64;

/// Taken off a result for the few binary64 operations that made it.
const DOWN: f64 = 1.0 - 1.0 / (1u64 << 46) as f64;

/// Distances from one vector to many codes.
#[derive(Debug, Clone)]
pub struct Query {
    metric: Metric,
    kernels: &'static Kernels,
    /// The query's own code, for those of other forms than elements.
    other: Option<OtherQuery>,
    /// Elements of the query in steps of `scale`; empty for L1.
    ints: Vec<i16>,
    /// Elements of the query for L1; empty otherwise.
    floats: Vec<f32>,
    scale: f64,
    /// Squared L2 norm of `q^`.
    norm_squared: f64,
    /// Upper bound of the L1 norm of `q^`; only for L1.
    norm_l1: f64,
    /// Upper bound of the norm of `q - q^` (L1 for L1, else L2).
    error: f64,
    /// Relative error of the SQL operator's binary32 sums.
    gamma: f64,
    /// Absolute error of these sums.
    underflow: f64,
    /// What is compared with the signs of neighbors; empty unless codes are rotated.
    signs: SignQuery,
}

/// A query among codes of other forms than elements.
#[derive(Debug, Clone)]
enum OtherQuery {
    Bits(BitForm, &'static bit_kernels::Kernels, Vec<i8>),
    NonZeros(sparse::Lookup),
}

impl Query {
    /// A query for what is nearest to a value of the index's type.
    /// # Panics
    /// If the value is of another form or has other dimensions.
    pub fn from_value(params: &CodeParams, value: IndexedValue<'_>) -> Self {
        if let (CodeForm::Elements, IndexedValue::Dense(elements)) = (params.form, value) {
            return Self::from_vector(params, elements);
        }
        // The other forms keep of a query what they keep of a row.
        let mut code = Vec::new();
        let factors = params.encode_value(value, &mut code);
        Self::from_code(params, &code, &factors)
    }

    /// A query for nothing in particular, where one is needed and keys are not.
    pub fn placeholder(params: &CodeParams) -> Self {
        let code = vec![0; params.code_len().unwrap_or(0)];
        Self::from_code(params, &code, &Factors::default())
    }

    /// A query for the vectors nearest to `vector`.
    /// # Panics
    /// If `vector` is not `params.dims` long.
    pub fn from_vector(params: &CodeParams, vector: &[f32]) -> Self {
        let centered = Centered::new(params, vector);
        let mut query = Self::empty(params, params.dims);
        if params.metric == Metric::L1 {
            let round = |value: f64| value.clamp(-L1_MAX, L1_MAX) as f32;
            query.floats = centered.values.iter().map(|&value| round(value)).collect();
            query.set_norm_l1();
            query.error = centered.error_of(|value| f64::from(round(value)));
            return query;
        }
        query.scale = centered.max_abs / QUERY_MAX;
        query.ints = vec![0; params.dims];
        let rounded = centered.round(query.scale, QUERY_MAX, &mut query.ints, |q| q as i16);
        query.norm_squared = query.scale * query.scale * rounded.squares;
        query.error = rounded.error;
        query.prepare_signs(params, QUERY_MAX as i16);
        query
    }

    /// A query for the vectors nearest to an encoded one. Exact in the code: keys are those between two
    /// codes, and [`Self::slack`] covers the errors of both.
    /// # Panics
    /// If `code` is not as long as those of the index.
    pub fn from_code(params: &CodeParams, code: &[i8], factors: &Factors) -> Self {
        assert!(params.code_len().is_none_or(|len| code.len() == len));
        match params.form {
            CodeForm::Elements => {}
            CodeForm::Bits(form) => {
                let mut query = Self::empty(params, 0);
                let kernels = bit_kernels::kernels();
                query.other = Some(OtherQuery::Bits(form, kernels, code.to_vec()));
                return query;
            }
            CodeForm::NonZeros(most) => {
                let mut query = Self::empty(params, most + sparse::non_zeros(code));
                query.scale = f64::from(factors.scale);
                query.norm_squared = f64::from(factors.norm_squared);
                let lookup = sparse::Lookup::new(factors.scale, code);
                query.norm_l1 = lookup.norm_l1() * (1.0 + UNIT);
                query.error = f64::from(factors.error);
                query.other = Some(OtherQuery::NonZeros(lookup));
                return query;
            }
        }
        let mut query = Self::empty(params, params.dims);
        query.error = f64::from(factors.error);
        if params.metric == Metric::L1 {
            query.floats = code.iter().map(|&c| factors.scale * f32::from(c)).collect();
            query.set_norm_l1();
            query.error += query.norm_l1 * 2.0 * UNIT + query.underflow;
            return query;
        }
        query.ints = code.iter().map(|&c| i16::from(c)).collect();
        query.scale = f64::from(factors.scale);
        query.norm_squared = f64::from(factors.norm_squared);
        query.prepare_signs(params, i16::from(i8::MAX));
        query
    }

    fn prepare_signs(&mut self, params: &CodeParams, limit: i16) {
        if params.is_rotated {
            let norm = self.norm_squared.sqrt();
            self.signs = SignQuery::new(self.metric, &self.ints, limit, self.scale, norm);
        }
    }

    /// A query that is not compared with anything yet; the operator's sums are of up to `terms` terms.
    fn empty(params: &CodeParams, terms: usize) -> Self {
        // A few operations beside the sum's: the difference, the product, the final combination.
        let operations = (terms + 8) as f64;
        Self {
            metric: params.metric,
            kernels: kernels(),
            other: None,
            ints: Vec::new(),
            floats: Vec::new(),
            scale: 0.0,
            norm_squared: 0.0,
            norm_l1: 0.0,
            error: 0.0,
            gamma: operations * UNIT / (1.0 - operations * UNIT),
            underflow: operations * TINY,
            signs: SignQuery::default(),
        }
    }

    fn set_norm_l1(&mut self) {
        let sum: f64 = self.floats.iter().map(|&q| f64::from(q).abs()).sum();
        self.norm_l1 = sum * (1.0 + UNIT);
    }

    /// The same query with the kernels of another level for elements; for tests and benchmarks.
    #[must_use]
    pub fn with_kernels(mut self, kernels: &'static Kernels) -> Self {
        self.kernels = kernels;
        self
    }

    /// Ordering key of a code: smaller is nearer, never NaN.
    ///
    /// Squared L2 distance of `q^` and `x^` for L2 and cosine, negative inner product for inner product,
    /// L1 distance for L1, for bit strings the distance or a lower bound of it.
    /// # Panics
    /// If `code` has other dimensions than the query.
    #[inline]
    pub fn key(&self, code: &[i8], factors: &Factors) -> f32 {
        match &self.other {
            None => {}
            Some(OtherQuery::Bits(form, kernels, own)) => {
                return form.key(kernels, self.metric, own, code);
            }
            Some(OtherQuery::NonZeros(own)) => {
                if self.metric == Metric::L1 {
                    return own.l1(factors.scale, code) as f32;
                }
                let product = self.scale * f64::from(factors.scale) * own.dot(code) as f64;
                return key_of_product(self.metric, product, self.norm_squared, factors);
            }
        }
        if self.metric == Metric::L1 {
            return self.kernels.l1_f32_i8(&self.floats, factors.scale, code);
        }
        let dot = self.kernels.dot_i16_i8(&self.ints, code) as f64;
        let product = self.scale * f64::from(factors.scale) * dot;
        key_of_product(self.metric, product, self.norm_squared, factors)
    }

    /// What the estimates of a node's neighbors start from, given the node's key. For rotated codes only.
    #[inline]
    pub fn owner_estimate(&self, key: f32) -> OwnerEstimate {
        self.signs.owner_estimate(self.metric, key)
    }

    /// Compares the query with the signs of `sums.len()` neighbors, for [`OwnerEstimate::neighbor`].
    /// # Panics
    /// If the query's codes are not rotated, or `signs` are not those of `sums.len()` neighbors.
    #[inline]
    pub fn sign_sums(&self, signs: &[u8], sums: &mut [i32]) {
        self.signs.sums(self.kernels, signs, sums);
    }

    /// Bound of the difference between what the key of a code stands for and the true distance: in units of
    /// distance (not squared) for L2 and cosine, of the inner product or the L1 distance otherwise.
    /// Infinite if there is none; never NaN.
    pub fn slack(&self, factors: &Factors) -> f32 {
        if let Some(OtherQuery::Bits(..)) = self.other {
            return 0.0;
        }
        let error = f64::from(factors.error);
        if self.metric != Metric::InnerProduct {
            return round_up((error + self.error) / DOWN);
        }
        let code_norm = (f64::from(factors.norm_squared) * (1.0 + 2.0 * UNIT) + TINY).sqrt();
        let query_norm = self.norm_squared_up().sqrt() + self.error;
        let magnitude = query_norm * (code_norm + error);
        if magnitude >= SUM_MAX {
            return f32::INFINITY;
        }
        let coding = query_norm * error + self.error * code_norm;
        round_up((coding + self.gamma * magnitude + self.underflow) / DOWN)
    }

    /// The largest key of codes that cannot be told from one with key `farthest`, `slack` being the usual slack of both.
    ///
    /// `farthest` itself while errors are small beside the differences among what a search has found so far, from
    /// `nearest` on: then the order of codes is nearly that of the vectors. Where a few far values or groups make the
    /// steps of the codes coarser than the distances that matter, many codes are equal, and which of them a search
    /// meets first says nothing: it has to go on until all have been seen. An inner product of zero between sparse
    /// vectors is mostly that of vectors without a common element, and exact.
    pub fn ambiguous_up_to(&self, nearest: f32, farthest: f32, slack: f32) -> f32 {
        let is_sparse = matches!(self.other, Some(OtherQuery::NonZeros(_)));
        if is_sparse && self.metric == Metric::InnerProduct && farthest == 0.0 {
            return farthest;
        }
        let is_squared = matches!(self.metric, Metric::L2 | Metric::Cosine);
        let distance = |key: f32| if is_squared { key.max(0.0).sqrt() } else { key };
        let (nearest, end) = (distance(nearest), distance(farthest));
        let excess = 2.0 * slack - TOLERATED * (end - nearest);
        if !(excess > 0.0 && excess.is_finite()) {
            return farthest;
        }
        let end = end + excess;
        if is_squared { end * end } else { end }
    }

    /// Upper bound of the squared L2 norm of `q^`.
    fn norm_squared_up(&self) -> f64 {
        self.norm_squared * (1.0 + 2.0 * UNIT) + TINY
    }

    /// A true lower bound of what the metric's SQL operator returns for the two exact vectors, from the
    /// [`Self::key`] and [`Self::slack`] of one code. Never NaN; at least 0 but for inner product.
    pub fn lower_bound(&self, key: f32, slack: f32) -> f64 {
        // A key that overflowed stands for some value beyond the largest number.
        let key = f64::from(key.min(f32::MAX));
        let slack = f64::from(slack);
        let bound = match self.metric {
            Metric::L2 => {
                let distance = self.l2_down(key) - slack;
                let square = distance.max(0.0).powi(2);
                ((square * (1.0 - self.gamma) - self.underflow) * DOWN)
                    .max(0.0)
                    .sqrt()
            }
            Metric::Cosine => {
                let distance = self.l2_down(key) - slack;
                // Similarity is a quotient of three sums: the product's error counts once, that of the two
                // norms' geometric mean once; 2^-30 is for underflow of admitted norms and for binary64.
                let rounding = 2.0 * self.gamma / (1.0 - 2.0 * self.gamma);
                distance.max(0.0).powi(2) / 2.0 - rounding - 1.0 / (1u64 << 30) as f64
            }
            Metric::L1 => {
                let difference = key * (1.0 - self.gamma) - self.norm_l1 * UNIT - self.underflow;
                (difference * (1.0 - 2.0 * UNIT) - slack) * (1.0 - self.gamma)
            }
            Metric::InnerProduct => {
                if key == f64::NEG_INFINITY {
                    return key;
                }
                return (key - key.abs() * 2.0 * UNIT - TINY - slack).next_down();
            }
            Metric::Hamming | Metric::Jaccard => return bits::lower_bound(self.metric, key as f32),
        };
        bound.max(0.0) * DOWN
    }

    /// Lower bound of the L2 distance of `q^` and `x^` from their key.
    ///
    /// The key carries one rounding of itself and one of the stored norm of `x^` (and of `q^` if that is a
    /// code). The norm of `x^` is at most that of `q^` plus the distance `t`, so its square at most
    /// `2 |q^|^2 + 2 t^2`: `t^2 >= key - u key - u (3 |q^|^2 + 2 t^2)`, solved for `t^2`.
    fn l2_down(&self, key: f64) -> f64 {
        let square = key * (1.0 - UNIT) - 3.0 * UNIT * self.norm_squared_up() - 4.0 * TINY;
        (square / (1.0 + 2.0 * UNIT) * DOWN).max(0.0).sqrt()
    }
}
