//! The macro for the table of settings. It makes a constant for each [`Setting`](super::Setting), the struct of their
//! values, and the code that reads them.

/// An entry is the name of the setting, the field of its value and the field's type, and then:
/// - `default`, `help` and `secrecy` as in [`Setting`](super::Setting); `secrecy` is `Open` by default;
/// - `read` parses a trimmed text, which is empty only if the default is empty;
/// - `check` refuses some values that can be read;
/// - `show` displays a value that does not implement `Display`;
/// - `warn` finds risky values.
///
/// A private field is only used to make other values of the configuration.
macro_rules! settings {
    ($($name:ident: $vis:vis $field:ident: $type:ty {
        default: $default:literal,
        help: $help:literal,
        $(secrecy: $secrecy:ident,)?
        read: $read:expr,
        $(check: $check:expr,)?
        $(show: $show:expr,)?
        $(warn: $warn:expr,)?
    })+) => {
        $(pub(super) const $name: $crate::config::Setting = $crate::config::Setting {
            name: stringify!($name),
            default: $default,
            help: $help,
            secrecy: $crate::config::table::first!(
                $($crate::config::Secrecy::$secrecy,)? $crate::config::Secrecy::Open
            ),
            show: |config| $crate::config::table::shown(
                &config.$field,
                $crate::config::table::first!($($show,)? ToString::to_string),
            ),
            warn: $crate::config::table::first!($($warn,)? |_| Vec::new()),
        };)+

        /// Every setting.
        pub(crate) const SETTINGS: &[$crate::config::Setting] = &[$($name),+];

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
