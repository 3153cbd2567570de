//! Names of models and aliases. Pure: no PostgreSQL symbol.

/// What a name must look like, as a regular expression for messages.
pub const PATTERN: &str = "^[a-z_][a-z0-9_]{0,39}$";

/// Whether `name` can name a model or an alias: an SQL identifier that needs no quotes, short enough to carry endings.
pub fn is_valid(name: &str) -> bool {
    let is_start = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let mut bytes = name.bytes();
    name.len() <= 40
        && bytes.next().is_some_and(is_start)
        && bytes.all(|byte| is_start(byte) || byte.is_ascii_digit())
}

/// `name` as an SQL identifier, always in quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_identifiers_only() {
        for name in ["docs", "_", "a1_b2", &"a".repeat(40)] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "1a", "Docs", "a-b", "a b", "é", "a\"", &"a".repeat(41)] {
            assert!(!is_valid(name), "{name}");
        }
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
