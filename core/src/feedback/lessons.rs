//! Lessons: which words of past requests tell that another answer would have been better, as rules for the person's own
//! policy file. Nothing is applied here.
//!
//! A word or a pair of words is a lesson if it stood in several requests that ended on one other tier, or whose question
//! was answered with yes at once, and hardly ever in a request that was routed well.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::agent::Tier;
use crate::policy::Policy;
use crate::policy::layer::Layer;
use crate::policy::lexicon::hash_of;
use crate::route::content_words;
use crate::run::outcome::Verdict;
use crate::run::state::RunState;

use super::row::Share;
use super::{finished, is_at_once, overridden_to};

/// In fewer requests than this, words are chance.
const REQUESTS_MIN: usize = 3;

/// A rule is proposed if it covers at least so many requests.
const COVERED_MIN: usize = 5;

/// At least this share of the requests with the words must speak for the rule.
const SPEAK_FOR_IT: f64 = 0.9;

/// The most words of one rule.
const WORDS_MAX: usize = 8;

/// The most groups of words of one request that are considered.
const WORDS_OF_REQUEST_MAX: usize = 60;

/// What one past request teaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Better {
    /// It was routed well.
    AsItWas,
    /// Another tier did it in the end, or was chosen.
    Tier(Tier),
    /// The question was needless: the person said yes at once, and this tier did it.
    NotAsked(Tier),
}

/// One past request.
#[derive(Debug)]
struct Taught {
    words: BTreeSet<String>,
    better: Better,
    at: Timestamp,
}

/// A rule that past requests support.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LearnedRule {
    /// Its name in the policy file.
    pub id: String,
    /// Why, in words.
    pub because: String,
    /// The words, each as a pattern.
    pub words: Vec<String>,
    /// The tier.
    pub tier: Tier,
    /// How many of the requests with these words speak for it.
    pub evidence: Share,
}

/// The past requests, as far as they teach something.
#[derive(Debug, Default)]
pub struct Lessons {
    /// The words of each request, by its hash, with what would have been better. A request that was made several times
    /// teaches once.
    requests: BTreeMap<String, Taught>,
    /// When questions about a request got no yes.
    left_open: BTreeMap<String, Vec<Timestamp>>,
    /// Words that the built-in lists know: they name a kind of work rather than a subject.
    common: BTreeSet<String>,
    /// Requests whose words were not kept.
    pub without_words: usize,
    /// Questions of safety rules that were answered with yes: no policy lifts those.
    pub safety_approved: usize,
}

impl Lessons {
    /// Adds a run.
    pub fn add(&mut self, run: &RunState, policy: &Policy) {
        let Some(requested) = &run.requested else { return };
        let at = run.requested_at.unwrap_or_default();
        if finished(run) == Some(Verdict::Refused) {
            self.left_open.entry(requested.request_hash.clone()).or_default().push(at);
        }
        let Some(better) = self.better(run) else { return };
        let Some(words) = &requested.prompt else {
            self.without_words += 1;
            return;
        };
        let words = patterns(words, policy);
        self.common.extend(words.iter().filter(|word| is_common(word, policy)).cloned());
        self.requests.entry(requested.request_hash.clone()).or_insert(Taught { words, better, at });
    }

    fn better(&mut self, run: &RunState) -> Option<Better> {
        let route = run.route.as_ref()?;
        let verdict = finished(run)?;
        if run.requested.as_ref()?.rehearsal {
            return None;
        }
        if run.approved && route.own.is_none() {
            if route.layer == Layer::Safety {
                self.safety_approved += 1;
                return None;
            }
            return Some(Better::NotAsked(last_tier(run)?));
        }
        if let Some(tier) = overridden_to(route) {
            return Some(Better::Tier(tier));
        }
        match (verdict, last_tier(run)) {
            (Verdict::Succeeded, Some(last)) if last != route.tier => Some(Better::Tier(last)),
            (Verdict::Succeeded, _) => Some(Better::AsItWas),
            _ => None,
        }
    }

    /// Returns the rules that the requests support.
    pub fn rules(mut self) -> Vec<LearnedRule> {
        let left_open = &self.left_open;
        // A yes that took long was no needless question, and the run says nothing about its tier either.
        self.requests.retain(|hash, taught| {
            let asked = left_open.get(hash).into_iter().flatten().copied();
            !matches!(taught.better, Better::NotAsked(_)) || is_at_once(taught.at, asked)
        });
        let kinds: BTreeSet<&Better> = self.requests.values().map(|taught| &taught.better).collect();
        let taught = kinds.into_iter().filter(|better| **better != Better::AsItWas);
        taught.filter_map(|better| self.rule(better)).collect()
    }

    fn rule(&self, better: &Better) -> Option<LearnedRule> {
        let mut left: BTreeSet<&str> = self.hashes(|taught| &taught.better == better);
        let mut words: Vec<String> = vec![];
        let (mut speak, mut all) = (BTreeSet::new(), BTreeSet::new());
        while words.len() < WORDS_MAX {
            let Some(word) = self.best_word(better, &left) else { break };
            let with_word = self.hashes(|taught| taught.words.contains(word));
            speak.extend(with_word.iter().copied().filter(|hash| &self.requests[*hash].better == better));
            left.retain(|hash| !with_word.contains(hash));
            all.extend(with_word);
            words.push(format!("'{word}'"));
        }
        let evidence = Share::new(speak.len(), all.len());
        if evidence.count < COVERED_MIN || evidence.interval.low <= 0.5 {
            return None;
        }
        let (count, of) = (evidence.count, evidence.of);
        let (id, because, tier) = match better {
            Better::AsItWas => return None,
            Better::Tier(tier) => {
                let because = format!("{count} of {of} past requests with these words ended on {tier}");
                (format!("learned-{tier}"), because, *tier)
            }
            Better::NotAsked(tier) => {
                let because =
                    format!("{count} of {of} questions about these words were answered with yes at once");
                (format!("learned-yes-{tier}"), because, *tier)
            }
        };
        Some(LearnedRule { id, because, words, tier, evidence })
    }

    fn hashes(&self, keep: impl Fn(&Taught) -> bool) -> BTreeSet<&str> {
        let kept = self.requests.iter().filter(|(_, taught)| keep(taught));
        kept.map(|(hash, _)| hash.as_str()).collect()
    }

    /// Returns the word that covers most of the requests that are left, and hardly any other.
    fn best_word(&self, better: &Better, left: &BTreeSet<&str>) -> Option<&str> {
        let mut counts: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
        for (hash, taught) in &self.requests {
            for word in &taught.words {
                let (new, speak, all) = counts.entry(word).or_default();
                *new += usize::from(left.contains(hash.as_str()));
                *speak += usize::from(&taught.better == better);
                *all += 1;
            }
        }
        let speaks = |(new, speak, all): (usize, usize, usize)| {
            new >= REQUESTS_MIN && speak as f64 >= SPEAK_FOR_IT * all as f64
        };
        let good = counts.into_iter().filter(|(_, count)| speaks(*count));
        // Of words that cover equally much, the pair says more, and a subject more than a kind of work.
        let says = |(word, (new, _, all)): &(&str, (usize, usize, usize))| {
            (*new, word.contains(' '), !self.common.contains(*word), std::cmp::Reverse(*all))
        };
        good.max_by_key(says).map(|(word, _)| word)
    }
}

fn last_tier(run: &RunState) -> Option<Tier> {
    run.attempts.last().map(|attempt| attempt.started.tier)
}

/// Returns the words of a request that carry content, and pairs of them that stand side by side.
fn patterns(text: &str, policy: &Policy) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for group in content_words(text, policy).into_iter().take(WORDS_OF_REQUEST_MAX) {
        found.extend(group.windows(2).map(|pair| pair.join(" ")));
        found.extend(group);
    }
    found
}

fn is_common(word: &str, policy: &Policy) -> bool {
    let mut found = false;
    policy.lexicon().look_up(&[word], &[hash_of(word)], |_, _| found = true);
    found
}

/// Where the part of a policy file begins that was learned.
const BEGIN: &str = "# --- learned by `pointsman policy learn`: change or remove it as you like ---";
/// Where it ends.
const END: &str = "# --- end of what was learned ---";

/// Returns a policy file with these rules in the place of those that were learned before.
pub fn written(existing: &str, rules: &[LearnedRule]) -> String {
    let mut text = without_learned(existing).trim_end().to_owned();
    if rules.is_empty() {
        return if text.is_empty() { text } else { text + "\n" };
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(BEGIN);
    text.push('\n');
    for rule in rules {
        let quoted: Vec<String> = rule.words.iter().map(|word| format!("\"{word}\"")).collect();
        text.push_str(&format!(
            "[[rule]]\nid = \"{}\"\nbecause = \"{}\"\nwords = [{}]\ntier = \"{}\"\n\n",
            rule.id,
            rule.because,
            quoted.join(", "),
            rule.tier
        ));
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// Returns a file without the part that was learned; unchanged if that part has no end.
fn without_learned(text: &str) -> String {
    let Some((before, rest)) = text.split_once(BEGIN) else { return text.to_owned() };
    let Some((_, after)) = rest.split_once(END) else { return text.to_owned() };
    format!("{}{}", before.trim_end(), after)
}
