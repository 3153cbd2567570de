//! The little JSON that deployments store. Pure: no PostgreSQL symbol.

use std::fmt::Write;

/// `text` as a JSON string.
pub fn string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            c if c < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// A number; `null` if there is none, or none that JSON knows.
pub fn number(number: Option<f64>) -> String {
    match number {
        Some(number) if number.is_finite() => number.to_string(),
        _ => "null".to_owned(),
    }
}

/// An object of members whose values are JSON already.
pub fn object(members: impl IntoIterator<Item = (impl AsRef<str>, String)>) -> String {
    let members: Vec<String> = members
        .into_iter()
        .map(|(name, value)| format!("{}: {value}", string(name.as_ref())))
        .collect();
    format!("{{{}}}", members.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_json_demands() {
        assert_eq!(string("a\"b\\c\nd\u{1}é"), r#""a\"b\\c\u000ad\u0001é""#);
    }

    #[test]
    fn numbers_keep_every_digit() {
        assert_eq!(number(Some(0.1 + 0.2)), "0.30000000000000004");
        assert_eq!(number(Some(-3.0)), "-3");
        for none in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(number(none), "null");
        }
    }

    #[test]
    fn objects_nest() {
        let inner = object([("ok", "null".to_owned())]);
        assert_eq!(object([("x", inner)]), r#"{"x": {"ok": null}}"#);
        assert_eq!(object(Vec::<(&str, String)>::new()), "{}");
    }
}
