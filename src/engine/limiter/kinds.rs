//! The kinds of secrets that can be guessed, and how often: one row for each kind.

use crate::clock::Seconds;

/// The longest time until an allowance is full again. One that is used for longer was written with a wrong clock.
pub(crate) const LONGEST: Seconds = Seconds(3_600);

/// A number of failures in a row, and then one more in each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Allowance {
    burst: i64,
    interval: i64,
}

/// One kind of secret that can be guessed.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its unique name.
    pub name: &'static str,
    /// For an account from one network.
    pub account_from_network: Allowance,
    /// For a network, for all accounts together.
    pub network: Allowance,
    /// For an account from all networks that are not known to be its owner's.
    pub account: Allowance,
}

/// ASVS 6.3.1, NIST SP 800-63B-4 section 3.2.2.
pub const PASSWORD: Kind = Kind {
    name: "password",
    account_from_network: Allowance::new(10, 30),
    network: Allowance::new(300, 2),
    account: Allowance::new(100, 36),
};

/// One-time codes have a million values, and three of them are right at each time. So an account has five guesses in five
/// minutes for all unknown devices together, and as many for each network that is known to be its owner's
/// ([RFC 6238 section 5.2](https://www.rfc-editor.org/rfc/rfc6238#section-5.2), NIST SP 800-63B-4 section 3.2.2).
pub(crate) const OTP: Kind = Kind {
    name: "otp",
    account_from_network: Allowance::new(5, 300),
    network: Allowance::new(300, 2),
    account: Allowance::new(5, 300),
};

/// Recovery codes have 80 random bits. They are counted on their own, so that a guesser of one-time codes cannot take them
/// from the owner.
pub(crate) const RECOVERY_CODE: Kind = Kind { name: "recovery_code", ..PASSWORD };

/// Codes in mails have a hundred million values. They are counted as one-time codes are.
pub(crate) const MAIL_CODE: Kind = Kind { name: "mail_code", ..OTP };

/// Mails that reset passwords. Each counts, whatever comes of it. For an address three at once, and then one in
/// twenty minutes; no network makes us write to more than thirty people at once.
pub(crate) const RESET_MAIL: Kind = Kind {
    name: "mail",
    account_from_network: Allowance::new(3, 1_200),
    network: Allowance::new(30, 60),
    account: Allowance::new(3, 1_200),
};

/// Mails that confirm addresses: counted on their own, so that asking for these takes no reset from the owner.
pub(crate) const ADDRESS_MAIL: Kind = Kind { name: "address_mail", ..RESET_MAIL };

/// Mails to register an address: counted on their own, too.
pub(crate) const REGISTRATION_MAIL: Kind = Kind { name: "registration_mail", ..RESET_MAIL };

/// The codes in them.
pub(crate) const REGISTRATION_CODE: Kind = Kind { name: "registration_code", ..OTP };

/// Usernames that are refused because of another account, at a registration or when users change their own.
pub(crate) const REGISTRATION: Kind = Kind { name: "registration", ..PASSWORD };

/// Sign-ins at providers that are begun. Each counts and leaves a row, whatever comes of it: only addresses are counted.
pub(crate) const PROVIDER_SIGN_IN: Kind = Kind { name: "provider_sign_in", ..PASSWORD };

/// Those that come back and are refused.
pub(crate) const PROVIDER_CALLBACK: Kind = Kind { name: "provider_callback", ..PASSWORD };

/// Signatures cannot be guessed: only addresses are counted.
pub(crate) const PASSKEY: Kind = Kind { name: "passkey", ..PASSWORD };

impl Allowance {
    /// `burst` failures in a row, and then one more every `interval` seconds.
    ///
    /// # Panics
    /// If it takes longer than [`LONGEST`] until it is full; then a constant does not compile.
    #[must_use]
    pub const fn new(burst: i64, interval: i64) -> Self {
        assert!(burst * interval <= LONGEST.0, "takes too long until it is full again");
        Self { burst, interval }
    }

    /// The part of it that one failure uses.
    pub(super) fn cost(self) -> Seconds {
        Seconds(self.interval)
    }

    /// All of it.
    pub(super) fn whole(self) -> Seconds {
        Seconds(self.burst * self.interval)
    }

    /// How much of it may be used when the next attempt is allowed.
    pub(super) fn room(self) -> Seconds {
        Seconds((self.burst - 1) * self.interval)
    }
}
