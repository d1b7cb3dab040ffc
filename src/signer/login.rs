//! The question `login`: decided on and signed as a request is, but what comes over the connection later nobody asks for.

use super::held::Held;
use super::state::Page;
use super::{NO_LEDGER, NOT_WRITTEN, Signer, takes_private_keys};
use crate::audit::Line;
use crate::policy::{self, Broken, Facts, Limit, Rule, decide_login};
use crate::protocol::{self, Code, Question, write_login};
use signbox_exchanges::{Clock, KeyKind, Parts, Request, Skew};
use std::ops::Range;

impl Signer {
    #[inline(never)]
    pub(super) fn login(&mut self, question: &Question, place: Range<usize>, held: &mut Held<'_>) {
        let Signer { slots, bounds, spare, work, input, out, parts, signed, names, desk, .. } = self;
        let line = protocol::text(&input[place]);
        let id = line[question.id.clone()].as_bytes();
        let handle = question.key(line);
        let mut refuse =
            |code, text: std::fmt::Arguments<'_>| protocol::write_error(out, Some(id), code, text);

        let Ok(at) = slots.binary_search_by(|slot| slot.handle.as_str().cmp(handle)) else {
            let text = format_args!("this signer was not started with a key '{handle}'");
            return refuse(Code::NoSuchKey, text);
        };
        let (slot, bounds) = (&mut slots[at], &mut bounds[at]);
        let exchange = slot.exchange;
        // What a request has in its body.
        let request = Request { method: "GET", url: "/", headers: &[], body: Some(question.fields(line)) };
        let parts = match Parts::of(exchange, &request, parts) {
            Ok(parts) => parts,
            Err(wrong) => return refuse(Code::BadRequest, format_args!("{wrong}")),
        };
        if let Err(trouble) = held.record(at, slot, self.uid, names, bounds, spare) {
            return refuse(trouble.code(), format_args!("{trouble}"));
        }
        let Some((_, record)) = &held.of else { unreachable!("read above") };
        let credentials = record.credentials(held.secret.expose());
        let kind = exchange.kind(&credentials);
        let login = match exchange.login(question.login(line), kind) {
            Ok(login) => login,
            Err(wrong) => return refuse(Code::BadRequest, format_args!("{wrong} ({})", exchange.name)),
        };
        if let Some(rest) = login.rest {
            return refuse(
                Code::BadRequest,
                format_args!("{} logs in with a token: sign '{rest}', and send it", exchange.name),
            );
        }
        let now_ns = held.now_ns;
        let mut page = Page { at, handle, state: &mut slot.state, bounds, desk, now_ns };
        if let Err(error) = page.begin() {
            return refuse(Code::Unavailable, format_args!("{NOT_WRITTEN}: {error}"));
        }
        if !page.state.is_kept() && page.bounds.iter().any(|bound| bound.limits.has(Limit::Ledger)) {
            return refuse(Code::Unavailable, format_args!("'{handle}' {NO_LEDGER}"));
        }
        policy::settle(page.bounds, now_ns);
        let facts = Facts { now_ns, reference: None };
        let decision = decide_login(exchange, login, &parts, record.grants, page.bounds, &facts, work);
        let mut told = Line {
            event: "login",
            exchange,
            parts: &parts,
            decision: Some(&decision),
            outcome: "refused",
            rule: decision.rule.name(),
            sent: None,
            alert: None,
            hashes: false,
        };
        if !decision.rule.permits() {
            told.alert = matches!(decision.rule, Rule::Limited(Broken::Canary)).then_some("canary");
            page.log(&told);
            let code = if decision.rule.passes() { Code::RateLimited } else { Code::Denied };
            return refuse(code, format_args!("{}", decision.explained(handle, exchange, &parts, work)));
        }
        told.alert = page.alert(&told);
        let clock = Clock {
            now_ns,
            last: 0,
            skew: match record.skew {
                Some(fixed) => self.skew.map_or(fixed, |asked| fixed.narrower(asked)),
                None => self.skew.unwrap_or(Skew::DEFAULT),
            },
            unique: self.unique.next(),
        };
        let private = takes_private_keys(exchange) && kind != KeyKind::Hmac;
        let mut sign = || exchange.sign_login(login, &parts, &credentials, &mut held.keyed, &clock, signed);
        let wrong = match if private { held.deep.run(sign) } else { sign() } {
            Ok(()) => {
                policy::count(page.bounds, None, &facts, work);
                let sent = Some(("", signed.body.as_str(), signed.signature()));
                page.log(&Line { outcome: "signed", sent, ..told });
                return write_login(out, id, signed);
            }
            Err(wrong) => wrong,
        };
        let (code, rule) = super::refusal_of(&wrong);
        page.log(&Line { rule, ..told });
        super::refuse_to_sign(&mut refuse, code, &wrong, exchange, handle);
    }
}
