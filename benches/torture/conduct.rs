//! How honest clients differ. All of them keep the contract; their networks and users behave differently.

use crate::dice::Dice;
use crate::law::Law;

/// Chances are in permille.
pub struct Conduct {
    pub name: &'static str,
    /// Tabs that share one pair and nothing else.
    pub tabs: u64,
    /// By how much later than it is due a tab refreshes, at most: when its page is used again.
    pub later: f64,
    pub lost_request: u64,
    pub lost_answer: u64,
    /// A request that is long under way. The settle window covers a part of that only, so clients whose pages refresh
    /// early have none.
    pub slow_request: u64,
    /// An answer that comes late, by up to the retry window.
    pub slow_answer: u64,
    /// Two calls at once with one token.
    pub doubled: u64,
    /// For each tab and generation: the page is loaded again, and refreshes although it is not due.
    pub reloaded: u64,
    /// For each generation: all tabs are loaded again at once, as a browser does that restores them.
    pub restored: u64,
    pub network: Network,
    /// For each request: the browser has been updated.
    pub other_agent: u64,
}

/// Which network a request comes from.
pub enum Network {
    /// Always the same, and another address in it each time.
    Home,
    /// For each request, the chance that it has changed since the last one.
    Changes(u64),
    /// Another one each time.
    EachRequest,
}

const APP: Conduct = Conduct {
    name: "one app",
    tabs: 1,
    later: 1.0,
    lost_request: 10,
    lost_answer: 10,
    slow_request: 0,
    slow_answer: 0,
    doubled: 0,
    reloaded: 0,
    restored: 0,
    network: Network::Home,
    other_agent: 0,
};

pub const CONDUCTS: [Conduct; 8] = [
    APP,
    Conduct { name: "2 tabs, double calls", tabs: 2, doubled: 300, ..APP },
    Conduct { name: "4 tabs, reloads, updates", tabs: 4, reloaded: 100, restored: 500, other_agent: 30, ..APP },
    Conduct {
        name: "on the move",
        lost_request: 50,
        lost_answer: 50,
        slow_answer: 50,
        network: Network::Changes(150),
        ..APP
    },
    Conduct { name: "bad line", lost_request: 100, lost_answer: 100, ..APP },
    Conduct { name: "another network each time", tabs: 2, network: Network::EachRequest, ..APP },
    Conduct { name: "3 tabs, late messages", tabs: 3, slow_request: 150, slow_answer: 150, doubled: 50, ..APP },
    Conduct { name: "page reloads", reloaded: 600, ..APP },
];

/// Clients whose tokens are stolen. They do just what `refresh_after` says, so that thieves know best when to come.
pub const OWNERS: [Conduct; 2] = [
    Conduct { name: "owner, an app", later: 0.0, lost_request: 5, lost_answer: 5, ..APP },
    Conduct { name: "owner, 2 tabs", tabs: 2, later: 0.0, lost_request: 5, lost_answer: 5, ..APP },
];

/// What the network does to one call.
pub struct Fate {
    pub request_lost: bool,
    pub request_takes: f64,
    pub answer_lost: bool,
    pub answer_takes: f64,
}

impl Conduct {
    /// Of a call that is sent at once with others of a restored browser, or on its own.
    pub fn fate(&self, law: &Law, restored: bool, mut dice: Dice) -> Fate {
        let takes = if restored { 0.3 * law.settle() } else { 0.02 };
        let request = if dice.chance(self.slow_request) { law.retry() / 3.0 } else { takes };
        let answer = if dice.chance(self.slow_answer) { law.retry() } else { 0.02 };
        Fate {
            request_lost: dice.chance(self.lost_request),
            request_takes: dice.between(0.0, request),
            answer_lost: dice.chance(self.lost_answer),
            answer_takes: dice.between(0.0, answer),
        }
    }
}
