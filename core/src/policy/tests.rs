use super::*;

#[test]
fn the_compiled_in_policy_is_a_policy() {
    let policy = Policy::parse(BUILTIN).unwrap();
    assert!(policy.rules().len() > 20);
}
