//! What this process was started with and keeps to.

use std::fs;

/// Returns whether whoever started this process had it ignore a signal: `nohup` does so with SIGHUP, and a shell without
/// job control with the SIGINT of what it starts in the background. Asked before the signal is handled.
///
/// Where the system has no `/proc`, no signal counts as ignored.
pub fn is_ignored(signal: i32) -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| has(&status, signal))
}

/// Returns whether a signal is one of the ignored ones of `/proc/PID/status` (proc(5): `SigIgn`, a mask in hexadecimal,
/// whose lowest bit is signal 1).
fn has(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (1..=64).contains(&signal) && mask & (1 << (signal - 1)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_says_which_signals_are_ignored() {
        let status = "SigBlk:\tffffffffffffffff\nSigIgn:\t8000000000001003\nSigCgt:\tffffffffffffffff\n";
        let ignored: Vec<i32> = (-1..66).filter(|signal| has(status, *signal)).collect();
        assert_eq!(ignored, [1, 2, 13, 64]);
        assert!(!has("", 1) && !has("SigIgn:\tno number\n", 1));
    }
}
