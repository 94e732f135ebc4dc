//! Rules for new passwords: long enough and hard to guess; no composition rules and no expiry
//! (NIST SP 800-63B-4 section 3.1.1.2, OWASP ASVS 5.0 section 6.2).

use super::{MAX_PASSWORD_CHARS, Password};
use crate::model::text::fold;

/// ASVS 6.2.1: at least 8 characters; 15 are recommended.
const MIN_PASSWORD_CHARS: usize = 8;

/// A password that takes fewer guesses is on lists of common passwords (ASVS 6.2.4 requires checking the first 3000).
const MIN_GUESSES: u64 = 1_000_000;

/// Why a text may not be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Too short.
    #[error("must have at least {MIN_PASSWORD_CHARS} characters; 15 or more are recommended")]
    Short,
    /// Too long.
    #[error("must have at most {MAX_PASSWORD_CHARS} characters")]
    Long,
    /// It is on a list of common passwords or as easy to guess; with advice.
    #[error("is too easy to guess. {0}")]
    Common(String),
}

impl PasswordProblem {
    /// A stable name.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Short => "password_too_short",
            Self::Long => "password_too_long",
            Self::Common(_) => "password_too_common",
        }
    }
}

/// Checks a new password. `known` are words that an attacker tries first: the username and the e-mail address.
pub(crate) fn check(password: &Password, known: &[&str]) -> Result<(), PasswordProblem> {
    let text = password.expose();
    if text.chars().count() < MIN_PASSWORD_CHARS {
        return Err(PasswordProblem::Short);
    }
    // Words that an attacker knows do not count, even if they are repeated.
    let words = known.iter().filter(|word| word.chars().count() > 2).map(|word| fold(word));
    let rest = words.fold(fold(text).into_owned(), |rest, word| rest.replace(&*word, ""));
    let of_the_rest = zxcvbn::zxcvbn(&rest, known);
    let estimate = zxcvbn::zxcvbn(text, known);
    if estimate.guesses().min(of_the_rest.guesses()) >= MIN_GUESSES {
        return Ok(());
    }
    let mut advice = Vec::new();
    if estimate.guesses() >= MIN_GUESSES {
        advice.push("It is made of the username or the e-mail address of the account.".to_owned());
    }
    if let Some(feedback) = estimate.feedback() {
        advice.extend(feedback.warning().map(|warning| warning.to_string()));
        advice.extend(feedback.suggestions().iter().map(ToString::to_string));
    }
    Err(PasswordProblem::Common(advice.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn problem(text: &str) -> Option<&'static str> {
        let password = match Password::new(&Secret::new(text.to_owned())) {
            Ok(password) => password,
            Err(problem) => return Some(problem.code()),
        };
        check(&password, &["ada", "ada@example.com"]).err().map(|problem| problem.code())
    }

    #[test]
    fn common_and_guessable_passwords_are_refused() {
        for text in [
            "password",
            "12345678",
            "qwertyuiop",
            "Password1",
            "aaaaaaaaaaaa",
            "adaadaada",
            "ada@example.com",
            "ada ada ada ada",
            "Ada-ADA-ada-1x",
        ] {
            assert_eq!(problem(text), Some("password_too_common"), "{text}");
        }
    }

    #[test]
    fn the_name_of_the_account_is_known_in_every_spelling() {
        for (word, text) in [
            ("straße", "STRASSE-Strasse-1x"),
            ("strasse", "straße-STRAẞE-1x"),
            ("γιώργος", "ΓΙΏΡΓΟΣ-ΓΙΏΡΓΟΣ-1x"),
            ("ada", "\u{ff21}\u{ff24}\u{ff21}-ada-ada-1x"),
            ("ada@straße.example", "ADA@STRASSE.EXAMPLE"),
        ] {
            let password = Password::new(&Secret::new(text.to_owned())).unwrap();
            assert!(matches!(check(&password, &[word]), Err(PasswordProblem::Common(_))), "{text}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_below_and_in_bytes_above() {
        assert_eq!(problem("x7#Kp2!"), Some("password_too_short"));
        assert_eq!(problem("\u{e9}\u{df}\u{f8}\u{17c}\u{3b1}\u{3c9}\u{436}"), Some("password_too_short"));
        assert_eq!(problem(&"k9#Lq".repeat(205)), Some("password_too_long"));
    }

    #[test]
    fn long_passwords_and_spaces_and_any_script_are_welcome() {
        for text in [
            "correct horse battery staple",
            "\u{440}\u{44b}\u{431}\u{430} \u{43d}\u{430} \u{43b}\u{443}\u{43d}\u{435}",
            &"k9#Lq ".repeat(100),
        ] {
            assert_eq!(problem(text), None, "{text}");
        }
    }

    #[test]
    fn composed_and_decomposed_spellings_are_one_password() {
        let composed = Password::new(&Secret::new("\u{e9}clair-au-chocolat".to_owned())).unwrap();
        let decomposed = Password::new(&Secret::new("e\u{301}clair-au-chocolat".to_owned())).unwrap();
        assert_eq!(composed.expose(), decomposed.expose());
    }
}
