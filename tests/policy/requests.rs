//! What the folders say: `ordinary` requests are signed for a key with the usual grants, `attacks` are not.

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    ordinary: Vec<Http>,
    attacks: Vec<Http>,
}

#[test]
fn ordinary_requests_are_signed_and_attacks_are_refused() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for exchange in signable() {
        let listed: Listed = match read(exchange, "requests.json") {
            Ok(listed) => listed,
            Err(why) => {
                wrong.push(format!("{}: requests.json: {why}", exchange.id));
                continue;
            }
        };
        // Where a signature is good for everything, nothing is ordinary.
        if listed.attacks.len() < 2 || (listed.ordinary.len() < 2 && !binds_nothing(exchange)) {
            wrong.push(format!("{}: too few requests", exchange.id));
        }
        let keys = keys(exchange);
        for http in &listed.ordinary {
            count += 1;
            let outcomes: Vec<_> = keys.iter().map(|key| run(exchange, grants(USUAL), key, http)).collect();
            let refused = outcomes.iter().find(|outcome| outcome.refused());
            if let Some(outcome) =
                refused.or(outcomes.first().filter(|outcome| outcome.name() == "wrong key"))
            {
                wrong.push(format!("{}: not signed: {outcome:?}\n  {http:?}", exchange.id));
            }
        }
        for http in &listed.attacks {
            count += 1;
            assert!(http.why.is_some(), "{}: an attack without a reason: {http:?}", exchange.id);
            for key in &keys {
                let outcome = run(exchange, grants(USUAL), key, http);
                if !outcome.refused() {
                    wrong.push(format!("{}: {outcome:?}\n  {http:?}", exchange.id));
                } else if http.rule.as_deref().is_some_and(|rule| rule != outcome.name()) {
                    wrong.push(format!("{}: refused, but as {outcome:?}\n  {http:?}", exchange.id));
                }
            }
        }
    }
    report(&wrong, count);
    assert!(count > 800, "only {count} requests");
}
