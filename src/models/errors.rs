//! What the functions of this folder refuse, in words; each with its SQLSTATE.

use crate::error::{Error, SqlState};

/// 42704: no such model.
pub fn no_model(model: &str) -> Error {
    let message = format!("model \"{model}\" does not exist");
    Error::new(SqlState::UndefinedObject, message)
}

/// 42704: no such version of a model.
pub fn no_version(model: &str, version: i32) -> Error {
    let message = format!("model \"{model}\" has no version {version}");
    Error::new(SqlState::UndefinedObject, message)
}

/// 55000: a version that serves no more.
pub fn retired(model: &str, version: i32) -> Error {
    not_now(format!("version {version} of model \"{model}\" is retired"))
}

/// 55000: a model before its first promotion.
pub fn no_champion(model: &str) -> Error {
    not_now(format!("model \"{model}\" has no champion"))
        .with_hint("annex.promote makes a version the champion.")
}

/// 55000: the source, the view or a version's table was dropped; `which` is a sentence that says which.
pub fn relation_gone(model: &str, which: impl Into<String>) -> Error {
    not_now(format!("relation of model \"{model}\" no longer exists")).with_detail(which)
}

/// 55000.
pub fn not_now(message: String) -> Error {
    Error::new(SqlState::ObjectNotInPrerequisiteState, message)
}

/// 22023.
pub fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(SqlState::InvalidParameterValue, message)
}

/// 42501.
pub fn denied(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(SqlState::InsufficientPrivilege, message)
}
