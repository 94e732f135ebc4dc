//! What a setting is, and the macro that the table of them is written in: it makes their constants, the struct of their
//! values, and the code that reads it.

use super::Config;
use super::settings::Settings;

/// One setting: a variable of the environment or of `.env`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in the environment and in `.env`.
    pub name: &'static str,
    /// The text that stands for it when it is unset or empty.
    pub default: &'static str,
    /// What it decides, with its unit.
    pub help: &'static str,
    /// Who may see what was typed.
    pub secrecy: Secrecy,
    pub(super) show: fn(&Settings) -> String,
    pub(super) warn: fn(&Config) -> Vec<String>,
}

/// Who may see what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// Anyone.
    Open,
    /// It may hold a secret, or be one by mistake: no message repeats it.
    MayHoldSecret,
    /// It is a secret: as the one before, and white space counts.
    Secret,
}

/// The table of settings. An entry is the name and the field of its value with its type, and then:
/// `default` and `help` as in [`Setting`]; `secrecy`, if it is not open; `read`, from a text that is trimmed and not
/// empty unless the default is; `check`, if some values that can be read are refused; `show`, if the value cannot show
/// itself; `warn`, if some values are risky. A field that is not public is only a part of what the program uses.
macro_rules! settings {
    ($($name:ident: $vis:vis $field:ident: $type:ty {
        default: $default:literal,
        help: $help:literal,
        $(secrecy: $secrecy:ident,)?
        read: $read:expr,
        $(check: $check:expr,)?
        $(show: $show:expr,)?
        $(warn: $warn:path,)?
    })+) => {
        $(pub(super) const $name: $crate::config::Setting = $crate::config::Setting {
            name: stringify!($name),
            default: $default,
            help: $help,
            secrecy: $crate::config::setting::first!(
                $($crate::config::Secrecy::$secrecy,)? $crate::config::Secrecy::Open
            ),
            show: |settings| $crate::config::setting::shown(
                &settings.$field,
                $crate::config::setting::first!($($show,)? ToString::to_string),
            ),
            warn: $crate::config::setting::first!($($warn,)? |_| Vec::new()),
        };)+

        /// Every setting.
        pub const SETTINGS: &[$crate::config::Setting] = &[$($name),+];

        /// The value of each setting.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $(#[doc = concat!("`", stringify!($name), "`.")] $vis $field: $type,)+
        }

        /// The value of each setting that could be read.
        pub(super) struct Draft {
            $(pub(super) $field: Option<$type>,)+
        }

        impl Draft {
            /// Reads every setting, so that one bad value does not hide the next.
            pub(super) fn read(reader: &mut $crate::config::reader::Reader<'_>) -> Self {
                $(
                    let $field = reader.read(&$name, $read);
                    $(reader.check(&$name, $field.as_ref(), $check);)?
                )+
                Self { $($field),+ }
            }

            pub(super) fn complete(self) -> Option<Settings> {
                Some(Settings { $($field: self.$field?),+ })
            }
        }
    };
}

macro_rules! first {
    ($first:expr $(, $more:expr)*) => {
        $first
    };
}

pub(super) use {first, settings};

pub(super) fn shown<'a, T>(value: &'a T, show: impl FnOnce(&'a T) -> String) -> String {
    show(value)
}
