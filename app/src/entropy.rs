//! The only source of randomness. The engine is handed a source; in a test it is seeded, so that everything is
//! repeatable.

use jiff::Timestamp;
use pointsman_core::ids::{AgentSessionId, RunId};

/// A source of random numbers.
#[derive(Debug, Clone)]
pub enum Entropy {
    /// The system's.
    System,
    /// A seeded generator.
    #[cfg(test)]
    Seeded(std::sync::Arc<std::sync::Mutex<SplitMix>>),
}

impl Entropy {
    /// Returns random bytes.
    pub fn bytes<const COUNT: usize>(&self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        match self {
            Entropy::System => getrandom::fill(&mut bytes)
                .expect("the system has random numbers; without them nothing here is safe"),
            #[cfg(test)]
            Entropy::Seeded(source) => {
                let mut source = source.lock().unwrap();
                bytes.iter_mut().for_each(|byte| *byte = source.next().to_le_bytes()[0]);
            }
        }
        bytes
    }

    /// Returns a random number in `0.0..1.0`.
    pub fn share(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.bytes())) / (f64::from(u32::MAX) + 1.0)
    }

    /// Returns a new UUIDv7: sortable by time, and random enough to be unique.
    pub fn uuid(&self, now: Timestamp) -> String {
        // A clock before 1970 is wrong; ids are then merely unsorted.
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &self.bytes()).into_uuid().to_string()
    }

    /// Returns the id of a new session of an agent.
    pub fn agent_session_id(&self, now: Timestamp) -> AgentSessionId {
        self.uuid(now).parse().expect("it is a UUID")
    }

    /// Returns the id of a new run.
    pub fn run_id(&self, now: Timestamp) -> RunId {
        self.uuid(now).parse().expect("a UUID is a valid id")
    }
}

/// Sebastiano Vigna's SplitMix64, after the public-domain reference: the same seed gives the same numbers everywhere.
#[cfg(test)]
#[derive(Debug)]
pub struct SplitMix(pub u64);

#[cfg(test)]
impl SplitMix {
    /// Returns the next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded(seed: u64) -> Entropy {
        Entropy::Seeded(std::sync::Arc::new(std::sync::Mutex::new(SplitMix(seed))))
    }

    #[test]
    fn a_seed_gives_the_same_again_and_another_seed_something_else() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        assert_eq!(seeded(1).uuid(now), seeded(1).uuid(now));
        assert_ne!(seeded(1).uuid(now), seeded(2).uuid(now));
        assert_ne!(Entropy::System.uuid(now), Entropy::System.uuid(now));
    }

    #[test]
    fn ids_are_in_the_order_of_time_and_are_uuids_of_version_seven() {
        let at = |second: i64| Entropy::System.uuid(Timestamp::from_second(second).unwrap());
        assert!(at(1_000_000) < at(1_000_001) && at(1_000_001) < at(2_000_000));
        assert_eq!(uuid::Uuid::parse_str(&at(1)).unwrap().get_version_num(), 7);
        assert!((0.0..1.0).contains(&Entropy::System.share()));
    }
}
