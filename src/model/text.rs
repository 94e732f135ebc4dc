//! Which characters names may have, and when two names look the same to a reader: Unicode's folding for caseless
//! matching ([Unicode 3.13, D146](https://www.unicode.org/versions/latest/core-spec/chapter-3/#G34145)) and its own
//! properties.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use icu_properties::CodePointMapData;
use icu_properties::props::{
    BinaryProperty as _, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup as Group,
};

/// A text that is not valid for its field, with what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadText(pub(crate) &'static str);

/// The `NFKC_Casefold` of a text. Two texts with the same fold differ only in case, width or invisible characters. It
/// does not depend on a locale: the dotless i of Turkish is another letter.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let has_upper = text.bytes().any(|b| b.is_ascii_uppercase());
        return if has_upper { text.to_ascii_lowercase().into() } else { text.into() };
    }
    // D145 requires this first step, only for U+0345; the rest is repeated until nothing changes.
    let mut folded = DecomposingNormalizer::new_nfd().normalize(text).into_owned();
    loop {
        let cased: String = CaseMapper::new()
            .fold_string(&folded)
            .chars()
            .filter(|c| !DefaultIgnorableCodePoint::for_char(*c))
            .collect();
        let normal = ComposingNormalizer::new_nfkc().normalize(&cased).into_owned();
        if normal == folded {
            return normal.into();
        }
        folded = normal;
    }
}

/// What is left of a text when characters that look alike are the same
/// ([UTS 39 section 4](https://www.unicode.org/reports/tr39/#Confusable_Detection)). It is folded besides, since `0` looks like
/// `O`, and case does not matter.
pub(crate) fn skeleton(text: &str) -> String {
    let of_shapes: String = unicode_security::skeleton(&fold(text)).collect();
    fold(&of_shapes).into_owned()
}

/// Whether a username may have this character: it is visible and its meaning is known. The fold of an unassigned code
/// point may change, and private-use code points look different everywhere.
pub(crate) fn is_distinct(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    let unknown = matches!(category(c), GeneralCategory::Unassigned | GeneralCategory::PrivateUse);
    is_visible(c) && !unknown
}

/// Not a space, a control character, an invisible character or one that is drawn as blank.
fn is_visible(c: char) -> bool {
    let category = category(c);
    let hidden = matches!(category, GeneralCategory::Control | GeneralCategory::Format);
    let blank =
        matches!(c, '\u{2800}' | '\u{fff9}'..='\u{fffd}' | '\u{13441}' | '\u{13442}' | '\u{16fe4}' | '\u{1d159}');
    !hidden && !blank && !Group::Separator.contains(category) && !DefaultIgnorableCodePoint::for_char(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Whether the character joins the one before it.
pub(crate) fn is_mark(c: char) -> bool {
    Group::Mark.contains(category(c))
}

/// Whether the text can be displayed on one line: it has a visible character, and its invisible ones are spaces or
/// characters that scripts need for their shapes. Line ends and characters that change the direction of the rest are
/// not allowed.
pub(crate) fn is_readable_line(text: &str) -> bool {
    let may_stand = |c| is_visible(c) || shapes_text(c) || category(c) == GeneralCategory::SpaceSeparator;
    text.chars().any(is_visible) && text.chars().all(may_stand)
}

/// Joiners, marks of direction, selectors of a glyph's variant and the tags of flags.
fn shapes_text(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{200c}'..='\u{200f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unicode_takes_for_the_same_has_one_fold() {
        for (one, other) in [
            ("STRASSE", "straße"),
            ("STRAẞE", "strasse"),
            ("ΓΙΏΡΓΟΣ", "Γιώργος"),
            ("Όσος", "όσοσ"),
            ("ﬁne", "FINE"),
            ("ﬅeﬀen", "STEFFEN"),
            ("Ꭰꭱꮢ", "ꭰᎡᏒ"),
            ("\u{212b}sa", "åSA"),
            ("e\u{301}", "É"),
            ("ｱﾀﾞ", "アダ"),
            ("\u{1d400}da", "ADA"),
            ("K\u{212a}k", "kkK"),
            ("\u{1f80}", "\u{1f08}\u{345}"),
            ("a\u{345}\u{301}", "Α\u{301}\u{345}".replace('Α', "a").as_str()),
            ("ada\u{fe0f}\u{ad}", "ada"),
            ("և", "եւ"),
            ("ŉ", "ʼN"),
            ("ᾷ", "ΑΙ\u{342}".replace("Ι\u{342}", "\u{342}ι").as_str()),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn what_unicode_takes_for_different_stays_so() {
        for (one, other) in [("ılgın", "ilgin"), ("ada", "ad\u{430}"), ("rn", "m"), ("ø", "o"), ("é", "e"), ("i", "l")]
        {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn a_fold_is_its_own_fold() {
        // In other ranges no character folds.
        for c in (0..0x1_ffff).chain(0x2_f800..0x2_fa20).chain(0xe_0000..0xe_1000).filter_map(char::from_u32) {
            let folded = fold(&format!("a{c}\u{345}\u{301}")).into_owned();
            assert_eq!(fold(&folded), folded, "{c:?}");
        }
    }

    #[test]
    fn nothing_that_is_not_seen_is_distinct() {
        let seen: Vec<char> = (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_distinct(*c)).collect();
        for c in &seen {
            assert!(!c.is_whitespace() && !c.is_control() && !DefaultIgnorableCodePoint::for_char(*c), "{c:?}");
        }
        for c in "\u{2800}\u{fff9}\u{fffa}\u{fffb}\u{3164}\u{115f}\u{1160}\u{ffa0}\u{34f}\u{17b4}\u{2028}\u{2029}\u{e000}\u{378}\u{fdd0}\u{10ffff}".chars() {
            assert!(!seen.contains(&c), "{c:?}");
        }
        assert!(seen.len() > 140_000, "{}", seen.len());
        for c in "a~éßسщ中が각😀́".chars() {
            assert!(seen.contains(&c), "{c:?}");
        }
    }

    #[test]
    fn a_line_may_have_what_its_script_needs() {
        for good in
            ["Ada Lovelace", "می\u{200c}خواهم", "👩\u{200d}🚀", "葛\u{e0100}城", "❤\u{fe0f}", "ש\u{200f}!", "a\u{a0}b"]
        {
            assert!(is_readable_line(good), "{good:?}");
        }
        for bad in [
            "",
            " ",
            "\u{200d}",
            "\u{3164}",
            "\u{2800}",
            "a\nb",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{ad}b",
            "a\u{feff}",
        ] {
            assert!(!is_readable_line(bad), "{bad:?}");
        }
    }
}
