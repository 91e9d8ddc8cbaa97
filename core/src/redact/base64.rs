//! Just enough of base64 to look into a secret.

/// Decodes base64 of either alphabet, with or without padding; nothing if it is no base64. A last character that
/// gives no whole byte is dropped, so that a text that was cut off can be read.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("eight bits"));
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn base64_is_decoded_in_both_alphabets_and_when_cut_off() {
        assert_eq!(decode("YTpi").as_deref(), Some(b"a:b".as_slice()));
        assert_eq!(decode("_-8=").as_deref(), Some([0xff, 0xef].as_slice()));
        assert_eq!(decode("YTpiY").as_deref(), Some(b"a:b".as_slice()));
        assert_eq!(decode("a b"), None);
    }
}
