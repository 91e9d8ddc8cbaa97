//! Bytes to text as programs on Node read it: by byte order mark, and with a replacement for what is broken.

/// Reads bytes as the CLIs do that are written in JavaScript: nothing is an error, so nothing can hide behind one.
pub fn lenient(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<u16> =
                rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::lenient;

    #[test]
    fn marks_choose_the_encoding_and_broken_bytes_are_replaced() {
        assert_eq!(lenient(b"\xef\xbb\xbf{}"), "{}");
        assert_eq!(lenient(b"\xff\xfe{\0}\0"), "{}");
        assert_eq!(lenient(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(lenient(b"\xff\xfe{"), "");
    }
}
