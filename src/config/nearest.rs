//! What was probably meant by a word that is not known.

use strsim::levenshtein;

/// The known key that was probably meant: one that differs by few letters.
#[must_use]
pub(super) fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (key.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|known| (levenshtein(key, known), *known))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_meant_is_found_and_none_is_made_up() {
        let known = ["endpoint", "timeout", "tls", "headers"];
        assert_eq!(nearest("endpiont", &known), Some("endpoint"));
        assert_eq!(nearest("time_out", &known), Some("timeout"));
        assert_eq!(nearest("header", &known), Some("headers"));
        assert_eq!(nearest("tsl", &known), None);
        assert_eq!(nearest("something", &known), None);
    }
}
