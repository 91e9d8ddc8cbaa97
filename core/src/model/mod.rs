//! The model's file: a header, and one byte for each bucket and class.
//!
//! ```text
//! "PMC2"                       what it is
//! 32 bytes                     blake3 of the training data
//! 32 bytes                     blake3 of the rule table whose word lists and rules are features
//! 32 bytes                     blake3 of all that follows
//! f32                          what one step of a weight stands for
//! f32                          temperature: scores are divided by it
//! 5 × f32                      bias
//! 2 × 2 × f32                  how sure an answer is: of a tier, and of a question
//! 65,536 × 5 × i8              weights, bucket by bucket
//! ```
//! Numbers are little-endian. The file is used in place; nothing is prepared.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How many bits of a feature's hash select its bucket.
pub(crate) const BUCKET_BITS: u32 = 16;

const MAGIC: &[u8; 4] = b"PMC2";
const HASH_BYTES: usize = 32;
const NUMBERS_AT: usize = 4 + 3 * HASH_BYTES;
const HEADER_BYTES: usize = NUMBERS_AT + 4 * (2 + Class::COUNT + 4);

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Work for the haiku tier.
    Haiku,
    /// Work for the sonnet tier.
    Sonnet,
    /// Work for the opus tier.
    Opus,
    /// The user is asked first: it cannot be undone, reaches others, or widens rights.
    Danger,
    /// The user is asked first: the words do not tell what is meant.
    #[serde(rename = "unclear")]
    Underspecified,
}

impl Class {
    /// How many classes there are.
    pub const COUNT: usize = 5;

    /// Every class, in numeric order.
    pub const ALL: [Class; Class::COUNT] =
        [Class::Haiku, Class::Sonnet, Class::Opus, Class::Danger, Class::Underspecified];

    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Haiku => "haiku",
            Class::Sonnet => "sonnet",
            Class::Opus => "opus",
            Class::Danger => "danger",
            Class::Underspecified => "unclear",
        }
    }
}

/// A number for each class, in the order of [`Class::ALL`].
pub type PerClass = [f64; Class::COUNT];

/// Why bytes are not a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// They do not begin like a model of this version.
    #[error("not a model of this version")]
    Version,
    /// There are too few or too many.
    #[error("a model has {expected} bytes, but these are {found}")]
    Size {
        /// How many bytes a model has.
        expected: usize,
        /// How many bytes there are.
        found: usize,
    },
    /// A number in the header is not finite, or the temperature not positive.
    #[error("the numbers in its header make no sense")]
    Numbers,
}

/// How often answers are acceptable, by the share of the probability that speaks for them: a straight line in log odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sureness {
    /// The log odds of an answer for which half of the probability speaks.
    pub at_half: f32,
    /// How much the log odds grow with those of the share.
    pub slope: f32,
}

impl Sureness {
    /// The share itself.
    pub const AS_IT_IS: Sureness = Sureness { at_half: 0.0, slope: 1.0 };

    /// Returns how often an answer is acceptable for which this share speaks.
    pub fn of(self, share: f64) -> f64 {
        let odds = f64::from(self.at_half) + f64::from(self.slope) * log_odds(share);
        1.0 / (1.0 + (-odds).exp())
    }
}

/// Turns scores into probabilities (softmax with a temperature).
pub fn softmax(scores: PerClass, temperature: f64) -> PerClass {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers = scores.map(|score| ((score - most) / temperature).exp());
    let sum: f64 = powers.iter().sum();
    powers.map(|power| power / sum)
}

/// Returns the log odds of a share; those of nothing and of all are finite too.
pub fn log_odds(share: f64) -> f64 {
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    (share / (1.0 - share)).ln()
}

/// The result of training, before it is packed.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// The weight of each bucket for each class.
    pub table: Vec<[f32; Class::COUNT]>,
    /// The score of each class before any feature is added.
    pub bias: [f32; Class::COUNT],
    /// The temperature, which scores are divided by.
    pub temperature: f32,
    /// How sure the name of a tier is.
    pub sure_of_tier: Sureness,
    /// How sure a question is.
    pub sure_of_question: Sureness,
    /// The hash of the training data.
    pub data_hash: [u8; HASH_BYTES],
    /// The hash of the rule table.
    pub rules_hash: [u8; HASH_BYTES],
}

impl Weights {
    /// Packs the weights into a model's bytes: each weight becomes a step between -127 and 127.
    pub fn pack(&self) -> Vec<u8> {
        let largest = self.table.iter().flatten().fold(0.0_f32, |most, weight| most.max(weight.abs()));
        let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        let mut body = Vec::with_capacity(HEADER_BYTES + self.table.len() * Class::COUNT);
        let sure = [self.sure_of_tier, self.sure_of_question].map(|sure| [sure.at_half, sure.slope]);
        for number in [step, self.temperature].iter().chain(&self.bias).chain(sure.as_flattened()) {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend(self.table.iter().flatten().map(|weight| (weight / step).round() as i8 as u8));
        let mut bytes = MAGIC.to_vec();
        for hash in [&self.data_hash, &self.rules_hash, blake3::hash(&body).as_bytes()] {
            bytes.extend_from_slice(hash);
        }
        bytes.extend(body);
        bytes
    }
}

/// A loaded model.
#[derive(Clone)]
pub struct Model {
    bytes: Cow<'static, [u8]>,
    step: f64,
    temperature: f64,
    bias: PerClass,
    sure_of_tier: Sureness,
    sure_of_question: Sureness,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("data", &self.data_hash()).finish_non_exhaustive()
    }
}

impl Model {
    /// How many buckets there are.
    pub const BUCKET_COUNT: usize = 1 << BUCKET_BITS;

    /// Returns the compiled-in model.
    pub fn builtin() -> Model {
        Model::read(Cow::Borrowed(include_bytes!("model.bin"))).expect("a test reads the compiled-in model")
    }

    /// Reads a model.
    pub fn read(bytes: Cow<'static, [u8]>) -> Result<Model, ModelError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ModelError::Version);
        }
        let expected = HEADER_BYTES + Model::BUCKET_COUNT * Class::COUNT;
        if bytes.len() != expected {
            return Err(ModelError::Size { expected, found: bytes.len() });
        }
        let single = |n: usize| {
            let at = NUMBERS_AT + 4 * n;
            f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let number = |n: usize| f64::from(single(n));
        let sureness = |n: usize| Sureness { at_half: single(n), slope: single(n + 1) };
        let (sure_of_tier, sure_of_question) = (sureness(2 + Class::COUNT), sureness(4 + Class::COUNT));
        let (step, temperature) = (number(0), number(1));
        let bias: PerClass = std::array::from_fn(|n| number(2 + n));
        let sound = (0..6 + Class::COUNT).all(|n| number(n).is_finite());
        // More that speaks for an answer makes no answer less sure.
        if !sound || temperature <= 0.0 || sure_of_tier.slope < 0.0 || sure_of_question.slope < 0.0 {
            return Err(ModelError::Numbers);
        }
        Ok(Model { bytes, step, temperature, bias, sure_of_tier, sure_of_question })
    }

    /// Returns the hash of the training data, in hex.
    pub fn data_hash(&self) -> String {
        self.hash_at(4)
    }

    /// Returns the hash of the rule table that it was trained with, in hex.
    pub fn rules_hash(&self) -> String {
        self.hash_at(4 + HASH_BYTES)
    }

    /// Returns the hashes that distinguish this model from every other.
    pub(crate) fn identity(&self) -> &[u8] {
        &self.bytes[..NUMBERS_AT]
    }

    /// Returns whether the bytes are those that were packed.
    pub fn is_whole(&self) -> bool {
        blake3::hash(&self.bytes[NUMBERS_AT..]).as_bytes() == &self.bytes[NUMBERS_AT - HASH_BYTES..NUMBERS_AT]
    }

    fn hash_at(&self, at: usize) -> String {
        self.bytes[at..at + HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns how sure the name of a tier is.
    pub(super) fn sure_of_tier(&self) -> Sureness {
        self.sure_of_tier
    }

    /// Returns how sure a question is.
    pub(super) fn sure_of_question(&self) -> Sureness {
        self.sure_of_question
    }

    pub(super) fn bias(&self) -> PerClass {
        self.bias
    }

    /// Adds up the weights of the given buckets.
    pub(super) fn sum(&self, buckets: &[u32]) -> PerClass {
        let table = &self.bytes[HEADER_BYTES..];
        let mut sums = [0_i32; Class::COUNT];
        for bucket in buckets {
            let at = *bucket as usize * Class::COUNT;
            for (sum, weight) in sums.iter_mut().zip(&table[at..at + Class::COUNT]) {
                *sum += i32::from(*weight as i8);
            }
        }
        sums.map(|sum| f64::from(sum) * self.step)
    }

    /// Turns scores into probabilities (softmax with a temperature).
    pub(super) fn calibrated(&self, scores: PerClass) -> PerClass {
        softmax(scores, self.temperature)
    }
}
