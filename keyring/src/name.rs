//! The one place that knows how a handle is written as a key's description.

const PREFIX: &str = "signbox:";
/// What a key of a service begins with; the name of the service comes next.
const SERVICE: &str = "signbox@";

/// Writes `exchange` and `label` as the description of their key: `signbox:kraken:main`.
#[must_use]
pub fn description(exchange: &str, label: &str) -> String {
    format!("{PREFIX}{exchange}:{label}")
}

/// Writes the description of a key that is for a service alone: `signbox@momentum:kraken:main`.
#[must_use]
pub fn service_description(service: &str, exchange: &str, label: &str) -> String {
    format!("{SERVICE}{service}:{exchange}:{label}")
}

/// The service that a description names, if it is one of a service's key.
#[must_use]
pub fn service_of(description: &str) -> Option<&str> {
    let (service, _) = description.strip_prefix(SERVICE)?.split_once(':')?;
    handle_of(description).map(|_| service)
}

/// Takes a description apart into exchange and label; `None` if signbox did not write it.
#[must_use]
pub fn handle_of(description: &str) -> Option<(&str, &str)> {
    let rest = match description.strip_prefix(SERVICE) {
        Some(rest) => rest.split_once(':').filter(|(service, _)| !service.is_empty())?.1,
        None => description.strip_prefix(PREFIX)?,
    };
    let (exchange, label) = rest.split_once(':')?;
    let ours = !exchange.is_empty() && !label.is_empty() && !label.contains(':');
    ours.then_some((exchange, label))
}

#[cfg(test)]
mod tests {
    use super::{description, handle_of, service_description, service_of};

    #[test]
    fn a_description_and_its_handle_are_one_another() {
        assert_eq!(description("kraken", "main"), "signbox:kraken:main");
        assert_eq!(handle_of("signbox:kraken:main"), Some(("kraken", "main")));
        assert_eq!(service_of("signbox:kraken:main"), None);
        let own = service_description("momentum", "kraken", "main");
        assert_eq!(own, "signbox@momentum:kraken:main");
        assert_eq!((handle_of(&own), service_of(&own)), (Some(("kraken", "main")), Some("momentum")));
    }

    #[test]
    fn a_description_of_another_program_is_no_handle() {
        for foreign in ["", "signbox", "signbox:kraken", "signbox::main", "signbox:kraken:", "signbox:a:b:c"]
        {
            assert_eq!(handle_of(foreign), None, "{foreign}");
        }
        for foreign in
            ["signbox@", "signbox@bot", "signbox@bot:kraken", "signbox@:kraken:main", "signbox@bot:a:b:c"]
        {
            assert_eq!((handle_of(foreign), service_of(foreign)), (None, None), "{foreign}");
        }
    }
}
