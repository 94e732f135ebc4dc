//! Usernames, addresses and names: which are the same, and which are refused.

use super::*;

#[test]
fn usernames_that_look_alike_are_the_same() {
    for (name, spellings) in [
        ("ada", ["Ada", " ADA ", "\u{ff21}da", "\u{1d400}da"]),
        ("strasse", ["straße", "STRASSE", "Straẞe", "ﬆrasse"]),
        ("γιώργοσ", ["ΓΙΏΡΓΟΣ", "Γιώργος", "γιώργος", "γιω\u{301}ργος"]),
        ("ılgın", ["ılgın", " ılgın", "ılgın\u{3000}", "ı\u{ff4c}gın"]),
    ] {
        for spelling in spellings {
            assert_eq!(spelling.parse(), Ok(Username(name.to_owned())), "{spelling:?}");
        }
    }
    let normal: Username = "\u{3d2}\u{301}x".parse().unwrap();
    assert_eq!(normal.to_string().parse::<Username>().unwrap(), normal, "the normal form is stable");
}

#[test]
fn names_that_a_reader_takes_for_each_other_have_one_skeleton() {
    let skeleton = |name: &str| name.parse::<Username>().unwrap().skeleton();
    for (one, other) in
        [("paypal", "\u{440}\u{430}ypal"), ("admin", "adm\u{131}n"), ("ada1", "adal"), ("bob0", "BOBO"), ("rn", "m")]
    {
        assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
    }
    for (one, other) in [("ada", "adam"), ("ada", "ad\u{e4}"), ("bob1", "bob2")] {
        assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
    }
}

#[test]
fn nobody_claims_a_name_that_folding_makes_longer_than_any_stored() {
    for character in ["\u{3316}", "\u{fdfa}", "a"] {
        assert!(character.repeat(506).parse::<ClaimedName>().is_err(), "{character}");
    }
    let longest = "a".repeat(MAX_USERNAME_CHARS);
    assert_eq!(longest.parse::<ClaimedName>().unwrap().folded(), longest);
}

const UNSEEN: [char; 22] = [
    ' ',
    '\u{a0}',
    '\n',
    '\0',
    '\u{200b}',
    '\u{202e}',
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{115f}',
    '\u{17b4}',
    '\u{180b}',
    '\u{200d}',
    '\u{2028}',
    '\u{2800}',
    '\u{3164}',
    '\u{fe0f}',
    '\u{ffa0}',
    '\u{fff0}',
    '\u{fffb}',
    '\u{1d173}',
    '\u{e0100}',
];

#[test]
fn a_username_that_cannot_be_typed_or_told_apart_is_refused() {
    for unseen in UNSEEN {
        let bad = format!("a{unseen}b");
        assert!(bad.parse::<Username>().is_err(), "{bad:?}");
        assert!(format!("{bad}@example.com").parse::<Email>().is_err(), "{bad:?}");
        assert!(format!("ada@ex{unseen}ample.com").parse::<Email>().is_err(), "{unseen:?}");
    }
    for bad in
        ["", "  ", &"x".repeat(129), &"ß".repeat(65), "\u{301}ada", "a\u{e000}", "a\u{378}", "a\u{fdd0}", "\u{3164}"]
    {
        assert!(bad.parse::<Username>().is_err(), "{bad:?}");
    }
}

#[test]
fn whoever_claims_a_name_is_heard_in_every_spelling_that_was_ever_allowed() {
    for (typed, folded, formerly) in [
        ("Ada", "ada", "ada"),
        (" straße", "strasse", "straße"),
        ("ΓΙΏΡΓΟΣ", "γιώργοσ", "γιώργοσ"),
        ("γιώργος", "γιώργοσ", "γιώργος"),
        ("ada\u{2764}\u{fe0f}", "ada\u{2764}", "ada\u{2764}\u{fe0f}"),
        ("a\u{2800}b", "a\u{2800}b", "a\u{2800}b"),
    ] {
        let claimed: ClaimedName = typed.parse().unwrap();
        assert_eq!((claimed.folded(), claimed.formerly()), (folded, formerly), "{typed:?}");
    }
    for nobody in ["", " ", "a b", "a\0", "a\nb", "\u{fe0f}", &"x".repeat(513)] {
        assert!(nobody.parse::<ClaimedName>().is_err(), "{nobody:?}");
    }
}

#[test]
fn an_address_that_no_mail_can_go_to_is_refused() {
    for bad in [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada lovelace@example.com",
        "<ada@example.com>",
        "ada@[127.0.0.1]",
        "ada@example..com",
        "ada@-example.com",
        "ada@exa_mple.com",
        "a;b@example.com",
        "ada.@example.com",
        "ада@example.com",
        "\"ada\"@example.com",
        &format!("{}@example.com", "a".repeat(65)),
    ] {
        assert!(bad.parse::<Email>().is_err(), "{bad:?}");
    }
    for good in ["ada@example.com", "Ada+news@Example.COM", "o'hara@localhost", "1@xn--exmple-cua.org"] {
        assert_eq!(good.parse::<Email>().unwrap().to_string(), good);
    }
}

#[test]
fn a_domain_that_is_not_ascii_is_in_its_ascii_form() {
    for (typed, ascii) in [
        ("ada@exämple.org", "ada@xn--exmple-cua.org"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("ada@ＥＸＡＭＰＬＥ.com", "ada@example.com"),
    ] {
        assert_eq!(typed.parse::<Email>().unwrap().to_string(), ascii);
    }
}

#[test]
fn roles_survive_storage() {
    let roles = Roles::new(["editor", "admin", "editor"]).unwrap();
    assert_eq!(roles.names(), ["admin", "editor"]);
    assert_eq!(roles.to_string().parse::<Roles>().unwrap(), roles);
    assert!(Roles::new(["two words"]).is_err());
    assert!(Roles::new([""]).is_err());
}
