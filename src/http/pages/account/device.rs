//! What a device is called: the name that its user gave it, or browser and system of its `User-Agent`.

use super::texts::Texts;
use crate::model::session::Device;

/// Most browsers name others, too: the first that is found counts.
const BROWSERS: [(&str, &str); 6] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Android names Linux, and iPhones name macOS.
const SYSTEMS: [(&str, &str); 6] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// The longest `User-Agent` that is shown as it is.
const MAX_CHARS: usize = 80;

pub(super) fn device_name(texts: &Texts, device: &Device) -> String {
    if let Some(label) = &device.label {
        return label.clone();
    }
    let Some(agent) = device.user_agent.as_deref().filter(|agent| !agent.trim().is_empty()) else {
        return texts.unknown_device.to_owned();
    };
    let named =
        |table: &[(&str, &'static str)]| table.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => texts.device.replace("{browser}", browser).replace("{system}", system),
        _ => agent.chars().take(MAX_CHARS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::pages::account::texts::of;

    #[test]
    fn a_device_is_called_as_its_user_or_its_browser_calls_it() {
        let windows =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";
        for (label, agent, expected) in [
            (Some("my laptop"), Some(windows), "my laptop"),
            (None, Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox on Linux"),
            (None, Some(windows), "Chrome on Windows"),
            (None, Some(&*format!("{windows} Safari/537.36 Edg/140.0.0.0")), "Edge on Windows"),
            (
                None,
                Some("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"),
                "Safari on iOS",
            ),
            (None, Some("curl/8.5.0"), "curl/8.5.0"),
            (None, Some(" "), "Unknown device"),
            (None, None, "Unknown device"),
        ] {
            let device = Device {
                label: label.map(ToOwned::to_owned),
                user_agent: agent.map(ToOwned::to_owned),
                ..Device::default()
            };
            assert_eq!(device_name(of("en"), &device), expected);
        }
        let long = Device { user_agent: Some("x".repeat(500)), ..Device::default() };
        assert_eq!(device_name(of("en"), &long).len(), MAX_CHARS);
    }
}
