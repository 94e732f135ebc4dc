//! The filter of the log in the syntax of `env_logger`, read strictly: `env_logger` takes a misspelled level for the
//! name of a module.

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let is_module = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-.".contains(&b)) && !is_level(word)
    };
    let is_directive = |item: &str| match item.split_once('=') {
        Some((module, level)) => is_module(module) && is_level(level.trim()),
        None => is_level(item) || item == "tokensmith" || item.starts_with("tokensmith::") && is_module(item),
    };
    let (directives, text_to_find) = text.split_once('/').unwrap_or((text, ""));
    let mut directives = directives.split(',').map(str::trim).filter(|item| !item.is_empty()).peekable();
    if directives.peek().is_some() && directives.all(is_directive) && !text_to_find.contains('/') {
        Ok(text.to_owned())
    } else {
        Err("expected off, error, warn, info, debug or trace, or MODULE=LEVEL, separated by commas".to_owned())
    }
}
