//! What each stage of one request costs, as multiples of the bare HMAC of the same 200 bytes.
//!
//! `cargo bench --bench stages`. Pure: no kernel, no walls. The stages take turns in one run, so that a
//! machine that changes its speed changes it for all of them.

#![allow(missing_docs, clippy::print_stdout, clippy::expect_used)]

use hmac::{Hmac, Mac};
use sha2::Sha256;
use signbox::policy::{Bound, Facts, Grants, Work, decide};
use signbox::protocol::{self, MOST_HEADERS, Question};
use signbox_exchanges::{Clock, Credentials, Keyed, Parts, Scratch, Signed, Skew, exchange};
use std::hint::black_box;
use std::time::{Duration, Instant};

const SECRET: &[u8] = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const LINE: &str = r#"{"v":1,"id":1000000,"op":"sign","key":"binance/main","request":{"method":"POST","url":"https://api.binance.com/api/v3/order","headers":{},"body":"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01000000&price=64123.10000000&newClientOrderId=x-R4BD3S82a1b2c3d4e5f60718&newOrderRespType=FULL&selfTradePreventionMode=NONE&recvWindow=50"}}"#;
const ROUNDS: usize = 40;
const CALLS: u32 = 2_000;

fn main() {
    let exchange = exchange("binance").expect("it is in the catalogue");
    let (mut questions, mut scratch, mut signed) =
        (protocol::Scratch::default(), Scratch::default(), Signed::with_capacity(1 << 16));
    let mut out = Vec::with_capacity(1 << 16);
    let message = [b'x'; 200];
    let (bounds, mut work) = ([bound()], Work::new());
    let names = ["hmac", "parse", "take apart", "decide", "sign", "write", "all", "with limits"];
    let mut times = [(); 8].map(|()| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        let mut spent = [Duration::ZERO; 8];
        for _ in 0..CALLS {
            let mut lap = Lap::start();
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("HMAC takes keys of any length");
            mac.update(black_box(&message));
            black_box(mac.finalize().into_bytes());
            spent[0] += lap.next();

            let mut line = LINE.as_bytes().to_vec();
            lap.next();
            let question = Question::parse(black_box(&mut line), &mut questions).expect("a good line");
            let mut room = [("", ""); MOST_HEADERS];
            let request = question.request(protocol::text(&line), &questions, &mut room);
            spent[1] += lap.next();
            let parts = Parts::of(exchange, black_box(&request), &mut scratch).expect("a good request");
            spent[2] += lap.next();
            let decision =
                decide(exchange, black_box(&parts), Grants::DEFAULT, &[], &Facts::default(), &mut work)
                    .expect("a clear request");
            assert!(decision.rule.permits());
            spent[3] += lap.next();
            // What the third stage is for a key with limits.
            let facts = Facts { now_ns: 1_700_000_000_123_000_000, reference: None };
            let decision = decide(exchange, black_box(&parts), Grants::DEFAULT, &bounds, &facts, &mut work);
            assert!(decision.expect("a clear request").rule.permits());
            spent[7] += lap.next();
            let credentials = Credentials { key: Some("key"), secret: SECRET, passphrase: None, uid: None };
            let clock =
                Clock { now_ns: 1_700_000_000_123_000_000, last: 0, skew: Skew::DEFAULT, unique: [0; 18] };
            let mut keyed = Keyed::default();
            exchange
                .sign(&parts, black_box(&credentials), &mut keyed, &clock, &mut signed)
                .expect("it can be signed");
            spent[4] += lap.next();
            out.clear();
            protocol::write_signed(&mut out, b"1", &parts, true, &signed, &credentials);
            black_box(&out);
            spent[5] += lap.next();
        }
        spent[6] = spent[1..6].iter().sum();
        for (series, spent) in times.iter_mut().zip(spent) {
            series.push(spent.as_nanos() as f64 / f64::from(CALLS));
        }
    }
    for (name, series) in names.iter().zip(&times) {
        let mut ratios: Vec<f64> = series.iter().zip(&times[0]).map(|(time, hmac)| time / hmac).collect();
        ratios.sort_by(f64::total_cmp);
        let mut ns = series.clone();
        ns.sort_by(f64::total_cmp);
        println!("{name:<12} {:>6.2} x bare HMAC   ({:.0} ns)", ratios[ROUNDS / 2], ns[ROUNDS / 2]);
    }
}

/// What a careful owner of a spot trader would set.
fn bound() -> Bound {
    let mut bound = Bound::default();
    for (name, text) in
        [("symbols", "ETHUSDT BTCUSDT LTC*"), ("notional", "BTCUSDT:5000 1000"), ("rate", "10/s 300/min")]
    {
        bound.limits.set(name, text).expect("a good limit");
    }
    bound
}

/// Times one stage after the other.
struct Lap(Instant);

impl Lap {
    fn start() -> Lap {
        Lap(Instant::now())
    }

    fn next(&mut self) -> Duration {
        let now = Instant::now();
        let spent = now - self.0;
        self.0 = now;
        spent
    }
}
