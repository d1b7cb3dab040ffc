//! The one place that knows how a handle is written as a key's description.

const PREFIX: &str = "signbox:";

/// Writes `exchange` and `label` as the description of their key: `signbox:kraken:main`.
#[must_use]
pub fn description(exchange: &str, label: &str) -> String {
    format!("{PREFIX}{exchange}:{label}")
}

/// Takes a description apart into exchange and label; `None` if signbox did not write it.
#[must_use]
pub fn handle_of(description: &str) -> Option<(&str, &str)> {
    let (exchange, label) = description.strip_prefix(PREFIX)?.split_once(':')?;
    let ours = !exchange.is_empty() && !label.is_empty() && !label.contains(':');
    ours.then_some((exchange, label))
}

#[cfg(test)]
mod tests {
    use super::{description, handle_of};

    #[test]
    fn a_description_and_its_handle_are_one_another() {
        assert_eq!(description("kraken", "main"), "signbox:kraken:main");
        assert_eq!(handle_of("signbox:kraken:main"), Some(("kraken", "main")));
    }

    #[test]
    fn a_description_of_another_program_is_no_handle() {
        for foreign in ["", "signbox", "signbox:kraken", "signbox::main", "signbox:kraken:", "signbox:a:b:c"]
        {
            assert_eq!(handle_of(foreign), None, "{foreign}");
        }
    }
}
