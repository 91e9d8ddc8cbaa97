use super::*;

#[test]
fn the_surest_sign_of_an_error_counts() {
    let kind = |code, text, status, word| ErrorFacts { code, word, status, text }.kind();
    assert_eq!(
        kind(Some("usage_limit_reached"), "API Error", Some(400), None),
        Some(ApiErrorKind::AccountLimit)
    );
    assert_eq!(
        kind(Some("of_the_future"), "Credit balance is too low", Some(400), None),
        Some(ApiErrorKind::Billing)
    );
    assert_eq!(kind(None, "words", Some(529), Some("server_error")), Some(ApiErrorKind::Overloaded));
    assert_eq!(kind(None, "words", Some(400), Some("billing_error")), Some(ApiErrorKind::Billing));
    assert_eq!(kind(None, "API Error: 413 too large", None, Some("unknown")), Some(ApiErrorKind::BadRequest));
    assert_eq!(kind(None, "words", None, None), None);
}
