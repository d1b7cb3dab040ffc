//! The command line: what can be typed, its help, and one `match` to the module that does it. No logic.

use crate::error::Error;
use crate::{
    add, adopt, audit, check, demo, doctor, exchanges, keygen, list, panic, placeholder, remove, revoke, run,
    scan, service, setup, show, sign, timeout, watch,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use signbox::ledger;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Reads the command line; ends the program with 2 and a message if it is wrong.
pub(crate) fn parse() -> Cli {
    Cli::parse()
}

/// Lets a trading bot use an exchange API secret without ever holding it.
///
/// The secret lives in the Linux kernel keyring. A sandboxed signer reads it for the microseconds of one
/// signature, and signs only what the key was granted.
#[derive(Debug, Parser)]
#[command(
    name = "signbox",
    version,
    after_help = "\
Examples:
  signbox demo                                     see it work, with published example keys
  signbox add binance/main --key vmPUZE6mv9SD5V    put a secret into the kernel; asks for it
  signbox run binance/main -- python3 bot.py       start a bot that can sign but not see the secret
  signbox check binance/main GET /api/v3/account   would this be signed?
  signbox doctor                                   what this machine gives, and what to do about the rest

The protocol for bots is in signbox-protocol(7), the signer in signbox-signer(1)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(Add),
    Keygen(Keygen),
    Setup(Setup),
    Adopt(Adopt),
    Scan(Scan),
    Placeholder(Placeholder),
    List(List),
    Show(Show),
    Revoke(Revoke),
    Remove(Remove),
    Timeout(Timeout),
    Sign(Sign),
    Check(Check),
    Run(Run),
    Audit(Audit),
    Watch(Watch),
    Panic(Panic),
    Doctor(Doctor),
    Exchanges(Exchanges),
    Demo(Demo),
}

impl Cli {
    /// Does what was asked for.
    pub(crate) fn run(&self) -> Result<ExitCode, Error> {
        match &self.command {
            Command::Add(args) => add::run(args),
            Command::Keygen(args) => keygen::run(args),
            Command::Setup(args) => setup::run(args),
            Command::Adopt(args) => adopt::run(args),
            Command::Scan(args) => scan::run(args),
            Command::Placeholder(args) => placeholder::run(args),
            Command::List(args) => list::run(args),
            Command::Show(args) => show::run(args),
            Command::Revoke(args) => revoke::run(args),
            Command::Remove(args) => remove::run(args),
            Command::Timeout(args) => timeout::run(args),
            Command::Sign(args) => sign::run(args),
            Command::Check(args) => check::run(args),
            Command::Run(args) => run::run(args),
            Command::Audit(args) => audit::run(args),
            Command::Watch(args) => watch::run(args),
            Command::Panic(args) => panic::run(args),
            Command::Doctor(args) => doctor::run(args),
            Command::Exchanges(args) => exchanges::run(args),
            Command::Demo(args) => demo::run(args),
        }
    }
}

/// Put a secret into the kernel keyring
///
/// Asks for the secret on the terminal without echo, or reads it from a descriptor; it never stands in an
/// argument, in the environment or in a file of signbox. What the key may be used for is fixed here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox add binance/main --key vmPUZE6mv9SD5V              read, trade and cancel
  signbox add kraken/tax --key 8XYZ --allow read             a key that can only read
  signbox add okx/main --key a1b2-c3 --timeout 8h            asks for secret and passphrase; gone after 8 hours
  signbox add kraken/main --secret-fd 3 3< secret.txt        no terminal; the file's first line is the secret
  signbox add binance/ed --key vmPU --secret-fd 3 3< key.pem a private key: Ed25519, RSA or P-256, as the exchange takes
  signbox add binance/mm --key vmPU --limit 'symbols=BTCUSDT' --limit 'notional=1000' --limit 'rate=10/s'
                                                             orders within limits alone
  sudo signbox add binance/main --key vmPU --users alice     a group key: alice's bots sign, none can read it
  sudo signbox add --service momentum binance/main --key vmPU --credential
                                                             for a service, also after the next start of the machine

Next to keyctl: 'keyctl padd user signbox:binance:main @s < secret.txt' stores a bare secret, which may read,
trade and cancel; the request must then carry the API key.")]
pub(crate) struct Add {
    /// The key's name, EXCHANGE/LABEL
    pub(crate) handle: String,
    /// Ask for a passphrase as well (always asked for where the exchange has one)
    #[arg(long)]
    pub(crate) passphrase: bool,
    /// Read the secret from this descriptor instead of the terminal, and the passphrase from its second line
    #[arg(long, value_name = "FD")]
    pub(crate) secret_fd: Option<i32>,
    /// For a service: keep it encrypted on disk as well, for the next start of the machine (systemd-creds(1))
    #[arg(long, requires = "service", conflicts_with = "timeout")]
    pub(crate) credential: bool,
    #[command(flatten)]
    pub(crate) keep: Keep,
}

/// Draw a new private key and put it into the kernel keyring
///
/// Prints the public half, to be pasted where the exchange asks for one. The private half is drawn in locked memory, goes
/// from there to the kernel, and stands nowhere else: there is no copy, so when the key is gone a new one is made.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox keygen revolutx/main                            prints the public key (PEM)
  signbox keygen backpack/tax --allow read                a key that can only read
  sudo signbox keygen backpack/main --users alice         a group key: alice's bots sign, none can read it")]
pub(crate) struct Keygen {
    /// The key's name, EXCHANGE/LABEL
    pub(crate) handle: String,
    /// The kind of key [default: the one that the exchange takes, ed25519 first]
    #[arg(long = "type", value_enum, value_name = "KIND")]
    pub(crate) kind: Option<KeyType>,
    #[command(flatten)]
    pub(crate) keep: Keep,
}

/// The kinds of private keys that are drawn here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyType {
    /// Ed25519
    Ed25519,
    /// ECDSA on P-256, also called ES256
    P256,
}

/// Give a bot a signer under a user of its own
///
/// Makes the service signbox@BOT and its socket: a system user of its own, whose keys no other user's process can read, and
/// which answers USER alone. Running it twice does no harm.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo signbox setup momentum --user trader                  make it, and start it
  sudo signbox add --service momentum binance/main --key vmPU
  signbox check --service momentum binance/main GET /api/v3/account       as trader
  sudo signbox setup momentum --remove                       take it all away again, the keys first")]
pub(crate) struct Setup {
    /// The service's name: small letters, digits and '-', twenty at most
    #[arg(value_name = "BOT")]
    pub(crate) name: String,
    /// The user that the bot runs as
    #[arg(long, value_name = "USER", required_unless_present = "remove")]
    pub(crate) user: Option<String>,
    /// Stop the service and remove its keys, credentials, settings and user; what it wrote down stays
    #[arg(long, conflicts_with = "user")]
    pub(crate) remove: bool,
}

/// Move the secrets in a bot's file into the kernel keyring
///
/// Reads a freqtrade configuration, a connector of hummingbot (asks for its password), a .env file, or the keys of ccxt in JSON. Each secret goes into
/// the keyring as 'signbox add' would put it there; in the file a placeholder takes its place, and the key's handle stands
/// beside it. A copy of the file as it was, without secrets, is kept next to it. Asks before it does anything.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox adopt --dry-run user_data/config.json     what would be done
  signbox adopt user_data/config.json               a freqtrade configuration
  signbox adopt conf/connectors/binance.yml         of hummingbot; asks for its password
  signbox adopt .env --exchange kraken              API_KEY and API_SECRET, of which nothing says whose they are
  signbox adopt keys.local.json --label tax --allow read --limit 'hours=08:00-20:00'

The secret lay on the disk, and a key in the keyring is gone at logout or reboot. So make a new API key at the exchange
afterwards, and delete this one there.")]
pub(crate) struct Adopt {
    /// The file
    pub(crate) file: PathBuf,
    /// The exchange, where nothing in the file says it
    #[arg(long, value_name = "ID")]
    pub(crate) exchange: Option<String>,
    /// The label of the keys' handles, EXCHANGE/LABEL [default: main]
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
    /// Put the secret in the place of another one that a key of this name holds
    #[arg(long)]
    pub(crate) replace: bool,
    /// Read hummingbot's password from this descriptor instead of the terminal
    #[arg(long, value_name = "FD")]
    pub(crate) password_fd: Option<i32>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) terms: Terms,
}

/// Find what looks like an exchange's secret in files
///
/// Prints a line for each, FILE:LINE and what it is, and never the secret. Goes by the names of variables and members, and by
/// the shape of values, in files of any kind. Exits with 0 if something was found, with 1 if not, and with 2 if something
/// could not be read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox scan .                                    this project
  signbox scan ~/bots && echo 'there are secrets'
  signbox scan --json . | jq -r '.[].file' | uniq")]
pub(crate) struct Scan {
    /// Files and folders [default: here]
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// One JSON list instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print what can stand where a library wants the secret
///
/// Bots and libraries look at the shape of a secret before they sign: base64, PEM, a length. This prints a text of the right
/// shape that is no secret. Give it to the library; the signer signs anew what the library has signed with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox placeholder binance/main                  for a secret that is a text
  signbox placeholder binance/main --type ed25519   for a private key
  signbox placeholder kraken/main | jq -R .         as a JSON string")]
pub(crate) struct Placeholder {
    /// The key's name, EXCHANGE/LABEL
    pub(crate) handle: String,
    /// The kind of secret [default: hmac, or what the exchange takes]
    #[arg(long = "type", value_enum, value_name = "KIND")]
    pub(crate) kind: Option<SecretKind>,
}

/// The kinds of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecretKind {
    /// A text that both sides know
    Hmac,
    /// Ed25519
    Ed25519,
    /// RSA
    Rsa,
    /// ECDSA on P-256, also called ES256
    P256,
    /// The private key of a wallet
    Secp256k1,
}

/// What is fixed when a key is added: what goes with it, and its terms.
#[derive(Debug, Args)]
pub(crate) struct Keep {
    /// The API key, the public half that the exchange shows
    #[arg(long, value_name = "API_KEY")]
    pub(crate) key: Option<String>,
    /// The account number, client id or memo, where the exchange has one
    #[arg(long, value_name = "UID")]
    pub(crate) uid: Option<String>,
    #[command(flatten)]
    pub(crate) terms: Terms,
}

/// What a key may be used for, how long, and where it is kept.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// What the key may be used for: read, trade, cancel, transfer, withdraw, admin, unknown, raw, login
    #[arg(long, value_name = "GRANT", num_args = 1.., value_delimiter = ',', default_values = ["read", "trade", "cancel"])]
    pub(crate) allow: Vec<String>,
    /// A limit on what is signed, see signbox-policy(5): 'symbols=BTCUSDT', 'notional=1000'; may be given more than once
    #[arg(long, value_name = "NAME=TEXT")]
    pub(crate) limit: Vec<String>,
    /// Limits that may be there though the exchange does not sign what they are on, so that they hold what is asked for alone
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) accept_unenforced: Vec<String>,
    /// Forget the key after this long: 90s, 30m, 8h, 7d
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub(crate) timeout: Option<u32>,
    /// Where to keep it [default: session]
    #[arg(long, value_enum, value_name = "KEYRING")]
    pub(crate) keyring: Option<Ring>,
    /// As root: make a group key that these users' bots can use and none of them can read
    #[arg(long, value_name = "USER", num_args = 1.., value_delimiter = ',', conflicts_with = "keyring")]
    pub(crate) users: Vec<String>,
    /// As root: keep it for the service of this name, which answers the user that it was set up for
    #[arg(long, value_name = "BOT", conflicts_with_all = ["keyring", "users"])]
    pub(crate) service: Option<String>,
    /// The group of the installed signer, for --users
    #[arg(long, value_name = "GROUP", default_value = "signbox", requires = "users")]
    pub(crate) group: String,
    /// How far the time of a request may be from the clock, in seconds, or 'off'
    #[arg(long, value_name = "SECONDS|off")]
    pub(crate) skew: Option<String>,
}

/// Where a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ring {
    /// Gone at logout; other sessions of the user cannot read it
    Session,
    /// Gone at reboot; open to every process of the user
    User,
    /// As user, and gone after three days without use
    Persistent,
}

/// Whose keys are meant.
#[derive(Debug, Default, Args)]
pub(crate) struct Of {
    /// Keys of the service of this name, see 'signbox setup'
    #[arg(long, value_name = "BOT")]
    pub(crate) service: Option<String>,
}

impl Of {
    /// The name of the service, if it can be one.
    pub(crate) fn name(&self) -> Result<Option<&str>, Error> {
        self.service.as_deref().map(service::name).transpose()
    }
}

/// Show the keys that this user can see
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox list
  signbox list --json | jq -r '.[].key'")]
pub(crate) struct List {
    /// One JSON list instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) of: Of,
}

/// Show what is known about a key, but never its secret
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  signbox show binance/main")]
pub(crate) struct Show {
    /// The key's name, EXCHANGE/LABEL
    pub(crate) handle: String,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) of: Of,
}

/// Make keys useless at once, also for signers that are running
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  signbox revoke binance/main\n\nDelete the key at the exchange as well: a revoked key \
is only gone from here."
)]
pub(crate) struct Revoke {
    /// The keys' names, EXCHANGE/LABEL
    #[arg(required = true)]
    pub(crate) handles: Vec<String>,
    #[command(flatten)]
    pub(crate) of: Of,
}

/// Take keys out of the keyring they are kept in
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  signbox remove binance/old\n\nA signer that is running keeps a key that is removed; \
'signbox revoke' stops it too."
)]
pub(crate) struct Remove {
    /// The keys' names, EXCHANGE/LABEL
    #[arg(required = true)]
    pub(crate) handles: Vec<String>,
    #[command(flatten)]
    pub(crate) of: Of,
}

/// Set or take off the time after which a key is gone
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  signbox timeout binance/main 8h\n  signbox timeout binance/main off")]
pub(crate) struct Timeout {
    /// The key's name, EXCHANGE/LABEL
    pub(crate) handle: String,
    /// 90s, 30m, 8h, 7d, or 'off'
    #[arg(value_name = "TIME|off", value_parser = parse_timeout)]
    pub(crate) seconds: u32,
    #[command(flatten)]
    pub(crate) of: Of,
}

/// Sign one request
///
/// The request comes from the arguments, or as a JSON object {method, url, headers, body} on standard input
/// when no method is given. Prints the signed request as JSON.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox sign kraken/main POST /0/private/Balance
  signbox sign binance/main POST /api/v3/order --body 'symbol=LTCBTC&side=BUY&type=MARKET&quantity=1'
  signbox sign --curl kraken/main POST /0/private/Balance | curl --config -
  echo '{\"method\":\"GET\",\"url\":\"/api/v5/account/balance\"}' | signbox sign okx/main")]
pub(crate) struct Sign {
    #[command(flatten)]
    pub(crate) request: Request,
    /// Print a curl configuration that sends the request: pipe it into 'curl --config -'
    #[arg(long)]
    pub(crate) curl: bool,
}

/// Say whether a request would be signed, and by which rule
///
/// Exits with 0 if it would, with 1 if not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox check kraken/main POST /0/private/Withdraw
  signbox check binance/main GET '/api/v3/account?coin=BTC&address=x&amount=1'")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) request: Request,
    /// Print the signer's answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A key and a request.
#[derive(Debug, Args)]
pub(crate) struct Request {
    /// The key's name, EXCHANGE/LABEL
    pub(crate) handle: String,
    /// GET, POST, PUT, DELETE or PATCH; without it the request is read from standard input
    #[arg(requires = "url")]
    pub(crate) method: Option<String>,
    /// The URL, or the part of it that begins with the path
    pub(crate) url: Option<String>,
    /// A header, 'Name: value'; may be given more than once
    #[arg(long, short = 'H', value_name = "HEADER", requires = "method")]
    pub(crate) header: Vec<String>,
    /// The body, as it is sent
    #[arg(long, short = 'd', value_name = "TEXT", requires = "method")]
    pub(crate) body: Option<String>,
    /// The market's price, for limits that need one: a number, or 'BTCUSDT:64000 ETHUSDT:3400'
    #[arg(long, value_name = "PRICE")]
    pub(crate) reference: Option<String>,
    #[command(flatten)]
    pub(crate) of: Of,
    #[command(flatten)]
    pub(crate) signer: SignerOptions,
}

/// Options that are handed to the signer.
#[derive(Debug, Default, PartialEq, Args)]
pub(crate) struct SignerOptions {
    /// How far the time of a request may be from the clock, in seconds, or 'off'
    #[arg(long, value_name = "SECONDS|off")]
    pub(crate) max_skew: Option<String>,
    /// What the signer's memory is made of
    #[arg(long, value_name = "KIND", value_parser = ["auto", "secretmem", "mlock"])]
    pub(crate) memory: Option<String>,
    /// Where counts and the audit log are kept [default: in memory, and no log; those of group keys are in /var/lib/signbox]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// Start a program that can have requests signed but cannot reach the keys
///
/// Starts a signer for the keys, then becomes the command in a fresh session keyring without them. The command
/// finds the signer's descriptors in SIGNBOX_FDS: two numbers, 'READ,WRITE'.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox run binance/main -- python3 bot.py
  signbox run --claim binance/main kraken/main -- freqtrade trade -c config.json

A key in the user keyring stays open to every process of the user, the command too: add it with
'--keyring session' (the default), or use --claim.")]
pub(crate) struct Run {
    /// The keys the command may use, EXCHANGE/LABEL
    #[arg(required = true)]
    pub(crate) handles: Vec<String>,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    /// Claim the keys: from then on no other process can read them, and they end with the signer
    #[arg(long)]
    pub(crate) claim: bool,
    /// One socket instead of two pipes: slower, but no other process of the user can open its ends
    #[arg(long)]
    pub(crate) socketpair: bool,
    #[command(flatten)]
    pub(crate) signer: SignerOptions,
}

/// Show, check and retell what signers have written down
///
/// With a state directory, a signer writes a line for each decision. Each line is tied to all before it by a hash, and a key
/// that lives as long as the signer signs the last hash now and then.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

/// What is done with audit logs.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    Show(AuditShow),
    Verify(AuditVerify),
    Report(AuditReport),
    Rotate(AuditRotate),
}

/// Which logs are meant.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The keys, EXCHANGE/LABEL [default: all that have a log]
    #[arg(value_name = "HANDLE")]
    pub(crate) handles: Vec<String>,
    #[command(flatten)]
    pub(crate) state: StateFolder,
}

/// Where signers keep ledgers and audit logs.
#[derive(Debug, Args)]
pub(crate) struct StateFolder {
    /// Where the signers keep their logs
    #[arg(long, value_name = "DIR", default_value = ledger::MACHINE)]
    pub(crate) state: PathBuf,
}

/// Show the decisions, a line each
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox audit show binance/main --since today
  signbox audit show --refused --since 8h
  signbox audit show binance/main --json | jq -r 'select(.event == \"sign\") | .endpoint'")]
pub(crate) struct AuditShow {
    #[command(flatten)]
    pub(crate) logs: Logs,
    /// Only from then on: 'today', 2026-11-22, 2026-11-22T09:30 (all UTC), or 30m, 8h, 7d ago
    #[arg(long, value_name = "TIME", value_parser = audit::since)]
    pub(crate) since: Option<String>,
    /// Only what was refused
    #[arg(long)]
    pub(crate) refused: bool,
    /// The lines as they stand in the log
    #[arg(long)]
    pub(crate) json: bool,
}

/// Find out whether a log is whole: no line changed, taken away, added or moved
///
/// Exits with 0 if all of it is, with 1 if not. Names the last line's hash and the keys of the signatures: note them
/// elsewhere, and name them here later. Whoever can write to the directory can replace all that is in it; that
/// alone is not found without them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox audit verify
  signbox audit verify binance/main --head 3f2a...c9    nothing up to this line, noted before, has changed since")]
pub(crate) struct AuditVerify {
    #[command(flatten)]
    pub(crate) logs: Logs,
    /// An audit key that was noted before: it must have signed here; may be given more than once
    #[arg(long, value_name = "BASE64", value_parser = audit::public_key)]
    pub(crate) public: Vec<[u8; 32]>,
    /// The hash of a last line that was noted before: that line must still be there
    #[arg(long, value_name = "HASH", value_parser = audit::hash)]
    pub(crate) head: Option<[u8; 32]>,
}

/// Say in plain words what bots did on a day
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signbox audit report\n  signbox audit report binance/main --day 2026-11-22"
)]
pub(crate) struct AuditReport {
    #[command(flatten)]
    pub(crate) logs: Logs,
    /// The day, in UTC [default: today]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = audit::day)]
    pub(crate) day: Option<String>,
}

/// Put the lines of a log aside into a file of their own
///
/// Signers that are running go on. The new log names the file and goes on from its last line: keep both, or the
/// log is not whole.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  signbox audit rotate binance/main")]
pub(crate) struct AuditRotate {
    /// The key, EXCHANGE/LABEL
    pub(crate) handle: String,
    #[command(flatten)]
    pub(crate) state: StateFolder,
}

/// Hand a signer's standard error on, and run the hooks for the alerts in it
///
/// 'signbox run' starts this by itself. For a bot that starts its own signer: reads standard input, writes it to standard
/// error as it is, and gives the audit line of each alert to the hooks in /etc/signbox/hooks.d and ~/.config/signbox/hooks.d.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  signbox-signer binance/main 2> >(signbox watch)")]
pub(crate) struct Watch {}

/// Stop everything: revoke all keys, kill all signers, gather evidence, and say what to do at the exchanges
///
/// Revokes every key of signbox within reach of this user, kills the user's signers, writes what was found into a new
/// folder, runs the hooks, and prints where to delete each key. Asks once on a terminal. What fails does not stop the rest.
/// Exits with 1 if anything is left to do here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  signbox panic                                    one key to confirm, then everything
  sudo signbox panic --yes --all-users             every user's keys and signers, and the group keys
  signbox panic --drill                            try it on made-up keys, and see how fast it is")]
pub(crate) struct Panic {
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Try it on made-up keys with signers of their own; nothing else is touched
    #[arg(long, conflicts_with_all = ["yes", "evidence", "all_users", "state"])]
    pub(crate) drill: bool,
    /// Where to make the folder with the evidence [default: here]
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// Where the audit logs and ledgers are [default: /var/lib/signbox]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// As root: the keys and signers of all users
    #[arg(long)]
    pub(crate) all_users: bool,
}

/// Show what this kernel and this start give, and what to do about each point
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signbox doctor\n  signbox doctor binance/main    also look at this key and its signer"
)]
pub(crate) struct Doctor {
    /// Keys to look at, EXCHANGE/LABEL
    pub(crate) handles: Vec<String>,
    /// One JSON list instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show the exchanges, and what a signature of each covers
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  signbox exchanges\n  signbox exchanges binance    everything about one, and its endpoints by class"
)]
pub(crate) struct Exchanges {
    /// Only this exchange, in full
    pub(crate) id: Option<String>,
    /// JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// See it work, with keys that exchanges publish as examples
///
/// Touches nothing of yours: everything happens in a session keyring of its own. Exits with 1 if anything is not as
/// it says.
#[derive(Debug, Args)]
pub(crate) struct Demo {}

pub(crate) fn parse_seconds(text: &str) -> Result<u32, String> {
    let wrong = || format!("'{text}' is not a time like 90s, 30m, 8h or 7d");
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    count.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

fn parse_timeout(text: &str) -> Result<u32, String> {
    if text == "off" { Ok(0) } else { parse_seconds(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_seconds("8h"), Ok(28_800));
        for text in ["8", "", "h", "-1s", "0s", "1w", "99999999d"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
