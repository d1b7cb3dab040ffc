//! The keys and requests that exchanges publish in their documentation, with the signatures they print beside them.

use serde_json::{Value, json};

/// A published key and request.
pub(super) struct Example {
    pub(super) exchange: &'static str,
    pub(super) name: &'static str,
    key: &'static str,
    pub(super) secret: &'static str,
    passphrase: Option<&'static str>,
    method: &'static str,
    url: &'static str,
    /// A header that the published request has.
    header: Option<(&'static str, &'static str)>,
    body: Option<&'static str>,
    /// The header, or the parameter of the body, that the signature is written to.
    pub(super) signature: &'static str,
    /// The headers that the exchange asks for.
    headers: &'static [&'static str],
    pub(super) expected: &'static str,
    /// Who says so.
    pub(super) source: &'static str,
}

impl Example {
    pub(super) fn handle(&self) -> String {
        format!("{}/demo", self.exchange)
    }

    /// What is kept in the kernel.
    pub(super) fn payload(&self) -> String {
        let mut record = json!({"key": self.key, "secret": self.secret});
        if let Some(passphrase) = self.passphrase {
            record["passphrase"] = json!(passphrase);
        }
        record.to_string()
    }

    pub(super) fn request(&self) -> Value {
        let mut headers = json!({});
        if let Some((name, value)) = self.header {
            headers[name] = json!(value);
        }
        json!({"method": self.method, "url": self.url, "headers": headers, "body": self.body})
    }

    pub(super) fn title(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// The signature in a signed request.
    pub(super) fn signature<'a>(&self, request: &'a Value) -> &'a str {
        let body = request["body"].as_str().unwrap_or("");
        let parameter =
            body.split('&').find_map(|field| field.strip_prefix(self.signature)?.strip_prefix('='));
        parameter.or(request["headers"][self.signature].as_str()).unwrap_or("none")
    }

    /// Whether a signed request has every header that the exchange asks for.
    pub(super) fn has_headers(&self, request: &Value) -> bool {
        self.headers.iter().all(|name| request["headers"][name].is_string())
    }
}

/// Binance Open Platform, "Request Security".
pub(super) const BINANCE: Example = Example {
    exchange: "binance",
    name: "Binance",
    key: "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    secret: "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    passphrase: None,
    method: "POST",
    url: "https://api.binance.com/api/v3/order",
    header: None,
    body: Some(
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
    ),
    signature: "signature",
    headers: &["X-MBX-APIKEY"],
    expected: "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    source: "which is what Binance's documentation prints for it",
};

/// Kraken, "Spot REST authentication". The page names no key.
const KRAKEN: Example = Example {
    exchange: "kraken",
    name: "Kraken",
    key: "example",
    secret: "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
    passphrase: None,
    method: "POST",
    url: "https://api.kraken.com/0/private/AddOrder",
    header: None,
    body: Some("nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"),
    signature: "API-Sign",
    headers: &["API-Key", "API-Sign"],
    expected: "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
    source: "which is what Kraken's documentation prints for it",
};

/// OKX, "REST authentication": secret, time and request; the page prints no signature. This one was made with
/// Python's `hmac`, over time, method and path as the page says.
const OKX: Example = Example {
    exchange: "okx",
    name: "OKX",
    key: "example",
    secret: "22582BD0CFF14C41EDBF1AB98506286D",
    passphrase: Some("example"),
    method: "GET",
    url: "https://www.okx.com/api/v5/account/balance?ccy=BTC",
    header: Some(("OK-ACCESS-TIMESTAMP", "2020-12-08T09:08:57.715Z")),
    body: None,
    signature: "OK-ACCESS-SIGN",
    headers: &["OK-ACCESS-KEY", "OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP", "OK-ACCESS-PASSPHRASE"],
    expected: "HiZhvSfMtWJA3uUIVXV3a/bSXNPCWvYFXoGCVS8V4zY=",
    source: "which is what Python's hmac makes of OKX's example (OKX prints none), with OKX's four headers",
};

pub(super) const EXAMPLES: [Example; 3] = [BINANCE, KRAKEN, OKX];

/// What a thief would ask for.
pub(super) const WITHDRAWAL: (&str, &str) = (
    "a withdrawal: POST /sapi/v1/capital/withdraw/apply",
    r#"{"method":"POST","url":"https://api.binance.com/sapi/v1/capital/withdraw/apply","body":"coin=BTC&address=bc1q&amount=1"}"#,
);

/// What a clever thief would ask for: Binance signs no path, so the signature would be good for the withdrawal too.
pub(super) const DISGUISED: (&str, &str) = (
    "a withdrawal in disguise: GET /api/v3/account?coin=BTC&address=bc1q&amount=1",
    r#"{"method":"GET","url":"https://api.binance.com/api/v3/account?coin=BTC&address=bc1q&amount=1"}"#,
);
