// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads pictures from `data:` URLs (RFC 2397).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How many characters of a URL are recorded. Pictures have thousands.
const MAX_RECORDED: usize = 256;
/// Some encoders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of the picture in a URL. `None`: it is not a `data:` URL. The error says what is wrong with it.
pub(crate) fn picture(url: &str) -> Option<Result<Vec<u8>, String>> {
    let scheme = url.get(..5)?;
    scheme
        .eq_ignore_ascii_case("data:")
        .then(|| read(url.get(5..).unwrap_or_default()))
}

fn read(rest: &str) -> Result<Vec<u8>, String> {
    let (head, data) = rest.split_once(',').ok_or("a data: URL needs a comma")?;
    let mut parts = head.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    if !matches!(kind.as_str(), "image/jpeg" | "image/jpg" | "image/png") {
        let kind: String = kind.chars().take(32).collect();
        return Err(format!("{kind:?} is not image/jpeg or image/png"));
    }
    if !parts.any(|part| part.eq_ignore_ascii_case("base64")) {
        return Err("a picture in a data: URL must be base64".to_owned());
    }
    let bytes = BASE64.decode(data);
    bytes.map_err(|error| format!("not base64: {error}"))
}

/// A URL as it is recorded: a long one is cut.
pub(crate) fn shortened(url: &str) -> String {
    match url.char_indices().nth(MAX_RECORDED) {
        Some((end, _)) => format!("{}…", url.get(..end).unwrap_or_default()),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_read() {
        for url in [
            "data:image/png;base64,AAEC",
            "DATA:image/JPEG;charset=x;base64,AAEC",
            "data:image/jpg;base64,AAEC",
        ] {
            assert_eq!(picture(url), Some(Ok(vec![0, 1, 2])), "{url}");
        }
        assert_eq!(
            picture("data:image/png;base64,AAECAw"),
            Some(Ok(vec![0, 1, 2, 3]))
        );
        assert_eq!(
            picture("data:image/png;base64,AAECAw=="),
            Some(Ok(vec![0, 1, 2, 3]))
        );
        for other in ["", "data", "ovs://streams/a", "https://example.org/data:"] {
            assert_eq!(picture(other), None, "{other}");
        }
        for (url, why) in [
            ("data:", "comma"),
            ("data:,x", "image/jpeg"),
            ("data:image/webp;base64,AAEC", "image/webp"),
            ("data:video/mp4;base64,AAEC", "video/mp4"),
            ("data:image/png,AAEC", "base64"),
            ("data:image/png;base64,A*EC", "base64"),
        ] {
            let error = picture(url).expect("a data: URL").expect_err(url);
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(shortened(&"ä".repeat(300)), format!("{}…", "ä".repeat(256)));
    }
}
