//! The languages of pages and mails.

/// A table of texts in every language: `name: "English", "German", "Spanish";`. What stands in braces is replaced.
macro_rules! texts {
    ($($name:ident: $en:literal, $de:literal, $es:literal;)+) => {
        /// The texts of one language.
        pub(super) struct Texts {
            $(pub(super) $name: &'static str,)+
        }

        /// In the order of [`Language`](crate::model::language::Language).
        pub(super) const LANGUAGES: [Texts; 3] =
            [Texts { $($name: $en),+ }, Texts { $($name: $de),+ }, Texts { $($name: $es),+ }];

        #[cfg(test)]
        const TABLE: &[(&str, [&str; 3])] = &[$((stringify!($name), [$en, $de, $es])),+];
    };
}

pub(crate) use texts;

/// Asserts that every language has every text of a table, with the same places in it.
#[cfg(test)]
pub(crate) fn check(table: &[(&str, [&str; 3])]) {
    let places = |text: &str| -> Vec<String> {
        text.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0.to_owned()).collect()
    };
    for (name, [english, others @ ..]) in table {
        assert!(!english.is_empty(), "{name}");
        for text in others {
            assert!(!text.is_empty() && text != english, "{name} is not translated: {text:?}");
            assert_eq!(places(text), places(english), "{name}: {text:?}");
        }
    }
}

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, for people who speak none of them.
    #[default]
    English,
    /// German.
    German,
    /// Spanish.
    Spanish,
}

/// Every language with its tag.
const LANGUAGES: [(Language, &str); 3] =
    [(Language::English, "en"), (Language::German, "de"), (Language::Spanish, "es")];

impl Language {
    /// The best language that is there: of the application's wishes first, then of the browser's.
    pub(crate) fn best(ui_locales: &[String], accept_language: &str) -> Self {
        let wishes = ui_locales.iter().map(String::as_str).chain(accepted(accept_language));
        let known = |wish: &str| LANGUAGES.iter().find(|(_, tag)| primary(wish).eq_ignore_ascii_case(tag));
        wishes.into_iter().find_map(known).map(|(language, _)| *language).unwrap_or_default()
    }

    /// Which of the three texts of a table is in this language.
    pub(crate) fn of<T>(self, [english, german, spanish]: &[T; 3]) -> &T {
        match self {
            Self::English => english,
            Self::German => german,
            Self::Spanish => spanish,
        }
    }
}

/// [RFC 9110 section 12.5.4](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4).
fn accepted(header: &str) -> Vec<&str> {
    let weighted = header.split(',').filter_map(|item| {
        let (language, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
        (weight > 0.0).then_some((language.trim(), weight))
    });
    let mut weighted: Vec<_> = weighted.collect();
    weighted.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    weighted.into_iter().map(|(language, _)| language).collect()
}

/// The language of a tag, as in `de-AT`.
fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_chooses_the_language_before_the_browser() {
        let wishes = |wishes: &[&str]| wishes.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (ui_locales, accept_language, expected) in [
            (&["fr", "de-AT"][..], "es", Language::German),
            (&[], "es-MX,es;q=0.9,en;q=0.8", Language::Spanish),
            (&[], "en;q=0.5, de;q=0.8", Language::German),
            (&[], "fr, de;q=0, *;q=0.5", Language::English),
            (&["fr"], "", Language::English),
        ] {
            assert_eq!(Language::best(&wishes(ui_locales), accept_language), expected, "{accept_language}");
        }
    }
}
