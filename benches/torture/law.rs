//! The settings of the service under test, and what it promises with them. All times are seconds.

#[derive(Clone, Copy)]
pub struct Law {
    pub access: i64,
    pub settle: i64,
    pub retry: i64,
    /// 0 is off.
    pub strange_limit: i64,
    /// 0 is off.
    pub shared_limit: i64,
}

impl Law {
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.settle < 1 || self.settle > self.retry {
            return Err("1 <= settle window <= retry window");
        }
        // A client that keeps the contract is done with one generation before the next one is due.
        if self.access < 2 * self.retry {
            return Err("the access lifetime is twice the retry window at least");
        }
        Ok(())
    }

    /// From this age of the live token on, a retry leaves a mark.
    pub fn late_from(&self) -> i64 {
        self.settle.max((self.retry + 8) / 9)
    }

    pub fn access(&self) -> f64 {
        self.access as f64
    }

    pub fn settle(&self) -> f64 {
        self.settle as f64
    }

    pub fn retry(&self) -> f64 {
        self.retry as f64
    }

    /// For so long a client asks again. README's client stops at two thirds of the window too: seconds are counted as
    /// whole ones, and requests take time.
    pub fn give_up_after(&self) -> f64 {
        self.retry() * 2.0 / 3.0
    }

    /// The settings for the service.
    pub fn settings(&self) -> [(String, String); 5] {
        [
            ("ACCESS_TOKEN_LIFETIME", format!("{}s", self.access)),
            ("REFRESH_SETTLE_WINDOW", format!("{}s", self.settle)),
            ("REFRESH_RETRY_WINDOW", format!("{}s", self.retry)),
            ("REFRESH_STRANGE_LIMIT", self.strange_limit.to_string()),
            ("REFRESH_SHARED_LIMIT", self.shared_limit.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }
}
