//! Reads one setting after the other and collects every problem.

use zeroize::Zeroizing;

use super::{ConfigProblem, Secrecy, Setting};

pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The value, if there is no problem with it.
    pub(super) fn read<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let typed = Zeroizing::new((self.lookup)(setting.name).unwrap_or_default());
        let text = match (typed.trim(), setting.secrecy) {
            ("", _) => setting.default,
            (_, Secrecy::Secret) => typed.as_str(),
            (trimmed, _) => trimmed,
        };
        // A URL may hold a password.
        let is_shown = setting.secrecy == Secrecy::Open && !text.contains('@');
        let shown = if is_shown { format!(" (it is {text:?})") } else { String::new() };
        parse(text).map_err(|message| self.problem(setting, format!("{message}{shown}"))).ok()
    }

    /// Whether it is set, and not empty.
    pub(super) fn is_given(&self, setting: &Setting) -> bool {
        (self.lookup)(setting.name).is_some_and(|text| !text.trim().is_empty())
    }

    /// Checks a value. A value that is refused here is still compared with other settings.
    pub(super) fn check<T>(&mut self, setting: &Setting, value: Option<&T>, check: impl Fn(&T) -> Result<(), String>) {
        if let Some(Err(message)) = value.map(check) {
            self.problem(setting, message);
        }
    }

    pub(super) fn problem(&mut self, setting: &Setting, message: impl Into<String>) {
        self.problems.push(ConfigProblem { variable: setting.name, message: message.into() });
    }
}
