//! What the real signer costs, as multiples of what nothing can be cheaper than.
//!
//! `cargo bench --bench signer [-- --quick]`. Every ratio is taken inside one round, in which both sides took turns:
//! the machine may change its speed from one second to the next. Printed are the median of the rounds and their
//! range, beside what a release must reach (goal) and what would be good (aim). Nothing is judged here.
//!
//! The yardsticks are C programs, built by `cc` when the bench starts. There is no signer without walls; what walls cost is
//! taken from this program, which becomes a helper that reads a key and answers a line, with the signer's walls or without.
//! What the size of the catalogue costs at the start is taken from a second signer, with one exchange compiled in:
//! `SIGNBOX_CATALOGUE=binance cargo build --release --bin signbox-signer --target-dir OTHER`, and its path in
//! `SIGNBOX_ONE_EXCHANGE`.

#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr, clippy::expect_used)]

use hmac::{Hmac, Mac};
use nix::cmsg_space;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{Pid, read, write};
use sha2::Sha256;
use signbox_keyring::{Key, Keyring, Secret, add, description, join_fresh_session};
use signbox_sandbox as sandbox;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::IoSliceMut;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SECRET: &[u8] = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const ORDER: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01000000&price=64123.10000000\
&newClientOrderId=x-R4BD3S82a1b2c3d4e5f60718&newOrderRespType=FULL&selfTradePreventionMode=NONE&recvWindow=50";
/// As in the bench of the stages, but for rates that no bench uses up.
const LIMITS: &str = r#","limits":{"symbols":"ETHUSDT BTCUSDT LTC*","notional":"BTCUSDT:5000 1000","notional-day":"1000000000","rate":"1000000/s"}"#;
const MANY: usize = 1000;
const IN_FLIGHT: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, serial, walls] = &arguments[..] {
        if first == "--echo" {
            return echo(Key::from_serial(serial.parse().expect("a serial")), walls == "walls");
        }
    }
    // `cargo test` starts benches too, without `--bench`.
    let quick =
        arguments.iter().any(|argument| argument == "--quick") || arguments.iter().all(|it| it != "--bench");
    match Stage::build() {
        Ok(stage) => stage.run(if quick { 3 } else { 15 }, if quick { 4 } else { 1 }),
        Err(why) => println!("not measured: {why}"),
    }
}

/// The helper: the signer's system calls for each line that comes, and nothing else.
fn echo(key: Key, walls: bool) {
    let mut input = vec![0; 1 << 16];
    let mut page = [0; 4096];
    let mut answer = [b'x'; 200];
    answer[199] = b'\n';
    // Behind the walls nothing allocates.
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    if walls {
        sandbox::prepare().expect("the walls can be prepared");
        sandbox::enter(&[key.serial()], &(0..0), sandbox::Doors::Ends).expect("the walls can be raised");
    }
    while read(&stdin, &mut input).is_ok_and(|count| count > 0) {
        let mut secret = Secret::empty(&mut page);
        let sent = secret.read(key).is_ok() && write(&stdout, &answer).is_ok();
        if !sent {
            sandbox::exit(1);
        }
    }
    sandbox::exit(0)
}

/// The programs, and the keys that the signers find.
struct Stage {
    signer: PathBuf,
    /// A signer with one exchange compiled in, if it was built.
    small: Option<PathBuf>,
    bare: PathBuf,
    empty: [(&'static str, PathBuf); 2],
    /// The arguments of a signer for one key, and for many where the kernel has room for them.
    one: Vec<String>,
    many: Option<Vec<String>>,
    key: Key,
    cpus: CpuSet,
}

impl Stage {
    fn build() -> Result<Stage, String> {
        let bare = compile("echo.c", "yardstick-echo", &[])?;
        let empty = [
            ("empty program without libc", compile("empty.c", "yardstick-nolibc", &["-DBARE", "-nostdlib"])?),
            ("empty static program, glibc", compile("empty.c", "yardstick-libc", &[])?),
        ];
        join_fresh_session().map_err(|error| error.to_string())?;
        let put = |label: &str| {
            let limits = if label == "limited" { LIMITS } else { "" };
            let payload =
                format!("{{\"key\":\"key\",\"secret\":\"{}\"{limits}}}", String::from_utf8_lossy(SECRET));
            add(Keyring::Session, &description("binance", label), payload.as_bytes(), &mut [0; 32_767])
        };
        let key = put("main").map_err(|error| error.to_string())?;
        put("limited").map_err(|error| error.to_string())?;
        let labels: Vec<String> = (0..MANY).map(|at| format!("k{at}")).collect();
        let many = match labels.iter().try_for_each(|label| put(label).map(drop)) {
            Ok(()) => Some(labels.iter().map(|label| format!("binance/{label}")).collect()),
            Err(error) => {
                println!("not measured with {MANY} keys: {error}");
                None
            }
        };
        let cpus = sched_getaffinity(Pid::from_raw(0)).map_err(|error| error.to_string())?;
        let signer = Path::new(env!("CARGO_BIN_EXE_signbox")).with_file_name("signbox-signer");
        let signer = installed(&signer, "signer")?;
        let small = std::env::var_os("SIGNBOX_ONE_EXCHANGE").map(PathBuf::from).filter(|path| path.exists());
        let small = small.map(|small| installed(&small, "signer-one-exchange")).transpose()?;
        if small.is_none() {
            println!(
                "not measured against a catalogue of one exchange: SIGNBOX_ONE_EXCHANGE names no signer (see the source)"
            );
        }
        let mut stage =
            Stage { signer, small, bare, empty, one: vec!["binance/main".to_owned()], many, key, cpus };
        let answers = |handles: &[String]| stage.signer(handles).ask(&line(&handles[0], ORDER)).map(drop);
        answers(&stage.one)?;
        if let Some(Err(why)) = stage.many.as_deref().map(answers) {
            println!("not measured with {MANY} keys: {why}");
            stage.many = None;
        }
        Ok(stage)
    }

    fn run(&self, rounds: usize, share: usize) {
        let mut table = Table(Vec::new());
        let began = Instant::now();
        for _ in 0..rounds {
            self.same_core();
            self.round_trips(&mut table, 1600 / share);
            self.limited(&mut table, 1600 / share);
            self.served(&mut table, 1600 / share);
            self.large(&mut table, 600 / share);
            self.sparse(&mut table, 60 / share);
            self.among_idle(&mut table, 800 / share);
            self.crowd(&mut table, 200 / share);
            self.any_core();
            self.pipelined(&mut table, 12_800 / share);
            self.spawns(&mut table, 40 / share);
        }
        table.print();
        println!("{rounds} rounds, {:.0} s", began.elapsed().as_secs_f32());
    }

    fn signer(&self, arguments: &[String]) -> Helper {
        Helper::start(&self.signer, arguments)
    }

    fn bare(&self) -> Helper {
        Helper::start(&self.bare, &[])
    }

    fn echo(&self, walls: &str) -> Helper {
        let this = std::env::current_exe().expect("this program has a path");
        Helper::start(&this, &["--echo".to_owned(), self.key.serial().to_string(), walls.to_owned()])
    }

    /// Only one core from now on, here and for what is started.
    fn same_core(&self) {
        let mut one = CpuSet::new();
        let last = (0..CpuSet::count()).rev().find(|cpu| self.cpus.is_set(*cpu).unwrap_or(false));
        one.set(last.unwrap_or(0)).expect("it is a core");
        sched_setaffinity(Pid::from_raw(0), &one).expect("a core that was there");
    }

    fn any_core(&self) {
        sched_setaffinity(Pid::from_raw(0), &self.cpus).expect("the cores that were there");
    }

    fn round_trips(&self, table: &mut Table, count: usize) {
        let line_of_one = [line("binance/main", ORDER)];
        let (mut bare, mut signer) = (self.bare(), self.signer(&self.one));
        let (mut open, mut walled) = (self.echo("open"), self.echo("walls"));
        let mut turns = vec![
            Turn::new(&mut bare, &line_of_one),
            Turn::new(&mut signer, &line_of_one),
            Turn::new(&mut open, &line_of_one),
            Turn::new(&mut walled, &line_of_one),
        ];
        let lines: Vec<String>;
        let mut many;
        if let Some(handles) = &self.many {
            lines = handles.iter().map(|handle| line(handle, ORDER)).collect();
            many = self.signer(handles);
            turns.push(Turn::new(&mut many, &lines));
        }
        let times = interleaved(&mut turns, count, None);
        table.ratio("round trip, one at a time, same core / bare pipe", 1.75, 1.25, times[1], times[0]);
        table.ratio("helper that reads a key, with walls / without", 1.05, 1.0, times[3], times[2]);
        if let Some(many) = times.get(4) {
            table.ratio("round trip, 1000 keys in turn / 1 key", 1.2, 1.05, *many, times[1]);
        }
    }

    /// A key with limits: without a state directory, and with one that is no disk.
    fn limited(&self, table: &mut Table, count: usize) {
        let usual = [line("binance/main", ORDER)];
        let limited = [line("binance/limited", ORDER)];
        let state = std::path::PathBuf::from(format!("/dev/shm/signbox-bench-{}", std::process::id()));
        let arguments = ["--state", &state.to_string_lossy(), "binance/limited"].map(str::to_owned);
        let mut free = self.signer(&self.one);
        let (mut memory, mut kept) = (self.signer(&arguments[2..]), self.signer(&arguments));
        let mut turns =
            [Turn::new(&mut free, &usual), Turn::new(&mut memory, &limited), Turn::new(&mut kept, &limited)];
        let times = interleaved(&mut turns, count, None);
        drop(kept);
        std::fs::remove_dir_all(&state).expect("the signer has made it");
        table.ratio("round trip with limits / without", 1.1, 1.05, times[1], times[0]);
        table.ratio("round trip with ledger and log on a tmpfs / without", 1.5, 1.2, times[2], times[1]);
    }

    /// By a service, over the pipes that it hands out and over its socket.
    fn served(&self, table: &mut Table, count: usize) {
        let usual = [line("binance/main", ORDER)];
        let mut spawned = self.signer(&self.one);
        let mut piped = Helper::serve(&self.signer, &self.one, true);
        let mut plain = Helper::serve(&self.signer, &self.one, false);
        let mut turns =
            [Turn::new(&mut spawned, &usual), Turn::new(&mut piped, &usual), Turn::new(&mut plain, &usual)];
        let times = interleaved(&mut turns, count, None);
        table.ratio("round trip by a service's pipes / spawned signer", 1.3, 1.1, times[1], times[0]);
        table.ratio("round trip by a service's socket / spawned signer", 1.75, 1.3, times[2], times[0]);
    }

    fn large(&self, table: &mut Table, count: usize) {
        let note = format!("{ORDER}&note={}", "x".repeat(16_000 - ORDER.len() - 6));
        let large = [line("binance/main", &note)];
        let (mut bare, mut signer) = (self.bare(), self.signer(&self.one));
        let times =
            interleaved(&mut [Turn::new(&mut bare, &large), Turn::new(&mut signer, &large)], count, None);
        table.ratio("round trip of a 16 kB request / bare pipe", 3.5, 2.0, times[1], times[0]);
    }

    fn sparse(&self, table: &mut Table, count: usize) {
        let usual = [line("binance/main", ORDER)];
        let (mut bare, mut signer) = (self.bare(), self.signer(&self.one));
        let mut turns = [Turn::new(&mut bare, &usual), Turn::new(&mut signer, &usual)];
        let times = interleaved(&mut turns, count, Some(Duration::from_millis(2)));
        table.ratio("one request every 2 ms / bare pipe", 2.5, 1.5, times[1], times[0]);
    }

    fn among_idle(&self, table: &mut Table, count: usize) {
        let usual = [line("binance/main", ORDER)];
        let mut signer = self.signer(&self.one);
        let alone = interleaved(&mut [Turn::new(&mut signer, &usual)], count, None)[0];
        let mut idle: Vec<Helper> = (0..128).map(|_| self.signer(&self.one)).collect();
        idle.iter_mut().for_each(|idle| idle.must(&usual[0]));
        let beside = interleaved(&mut [Turn::new(&mut signer, &usual)], count, None)[0];
        let memory = resident(&idle[0].child);
        drop(idle);
        let again = interleaved(&mut [Turn::new(&mut signer, &usual)], count, None)[0];
        table.ratio("round trip beside 128 idle signers / alone", 1.05, 1.0, beside, (alone + again) / 2.0);
        table.value("resident memory of a signer, kB", 1600.0, 800.0, memory);
    }

    fn pipelined(&self, table: &mut Table, count: usize) {
        let usual = line("binance/main", ORDER);
        let (mut signer, mut hmac) = (self.signer(&self.one), 0.0);
        signer.must(&usual);
        let before = signer.spent();
        for _ in 0..4 {
            hmac += bare_hmac();
            signer.pipeline(&usual, count / 4);
            hmac += bare_hmac();
        }
        let spent = (signer.spent() - before) / count as f64;
        table.ratio("64 in flight, CPU of a signature / bare HMAC-SHA256", 4.5, 2.4, spent, hmac / 8.0);
    }

    fn spawns(&self, table: &mut Table, count: usize) {
        let usual = line("binance/main", ORDER);
        let first = |program: &Path, arguments: &[String]| {
            let start = Instant::now();
            let mut signer = Helper::start(program, arguments);
            signer.must(&usual.replace("binance/main", &arguments[0]));
            start.elapsed().as_secs_f64()
        };
        let mut times = [(); 5].map(|()| Vec::new());
        for at in 0..count {
            for (program, times) in self.empty.iter().zip(&mut times) {
                let start = Instant::now();
                Command::new(&program.1).status().expect("it was just built");
                times.push(start.elapsed().as_secs_f64());
            }
            times[2].push(first(&self.signer, &self.one));
            if let Some(small) = &self.small {
                times[4].push(first(small, &self.one));
            }
            if let Some(many) = self.many.as_ref().filter(|_| at % 4 == 0) {
                times[3].push(first(&self.signer, many));
            }
        }
        let [nolibc, libc, one, many, small] = times.map(median);
        table.ratio(&format!("start to first signature / {}", self.empty[0].0), 4.0, 1.6, one, nolibc);
        table.ratio(&format!("start to first signature / {}", self.empty[1].0), 4.0, 1.6, one, libc);
        if self.many.is_some() {
            table.ratio("start to first signature, 1000 keys / 1 key", 1.2, 1.0, many, one);
        }
        if self.small.is_some() {
            table.ratio("start to first signature, all exchanges / one", 1.05, 1.0, one, small);
        }
    }

    /// How much more CPU a request takes when 64 clients work with a signer each: on one core, since on several a
    /// single pair costs what its place costs.
    fn crowd(&self, table: &mut Table, count: usize) {
        let usual = line("binance/main", ORDER);
        let growth = |start: &dyn Fn() -> Helper| {
            let per_request = |clients: usize, count: usize| {
                let mut helpers: Vec<Helper> = (0..clients).map(|_| start()).collect();
                let before: f64 = helpers
                    .iter_mut()
                    .map(|helper| {
                        helper.must(&usual);
                        helper.spent()
                    })
                    .sum();
                std::thread::scope(|scope| {
                    for helper in &mut helpers {
                        scope.spawn(|| (0..count).for_each(|_| helper.must(&usual)));
                    }
                });
                let after: f64 = helpers.iter().map(Helper::spent).sum();
                (after - before) / (clients * count) as f64
            };
            let alone = per_request(1, 16 * count);
            let among = per_request(64, count);
            let again = per_request(1, 16 * count);
            2.0 * among / (alone + again)
        };
        let (bare, signer) = (growth(&|| self.bare()), growth(&|| self.signer(&self.one)));
        table.ratio("64 clients, growth of a request's CPU / of bare pipe's", 1.0, 0.8, signer, bare);
    }
}

/// A line that asks for a signature over a form.
fn line(handle: &str, body: &str) -> String {
    format!(
        "{{\"v\":1,\"id\":1000000,\"op\":\"sign\",\"key\":\"{handle}\",\"request\":{{\"method\":\"POST\",\
         \"url\":\"https://api.binance.com/api/v3/order\",\"headers\":{{}},\"body\":\"{body}\"}}}}\n"
    )
}

/// A copy, as an installed program is one: what a linker has just written lies in the page cache in small pieces,
/// and starts up to a tenth slower.
fn installed(program: &Path, name: &str) -> Result<PathBuf, String> {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&to);
    std::fs::copy(program, &to).map(|_| to).map_err(|error| format!("{}: {error}", program.display()))
}

/// Builds a yardstick, static and small.
fn compile(source: &str, name: &str, flags: &[&str]) -> Result<PathBuf, String> {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/yardstick").join(source);
    let built = Command::new("cc").args(["-O2", "-static", "-o"]).arg(&to).args(flags).arg(&from).status();
    match built {
        Ok(status) if status.success() => Ok(to),
        Ok(status) => Err(format!("cc, for {source}: {status}")),
        Err(error) => Err(format!("cc cannot be run: {error}")),
    }
}

/// A running helper on two pipes, or a service with one client.
struct Helper {
    child: Child,
    input: Option<OwnedFd>,
    output: OwnedFd,
    room: Vec<u8>,
    serves: bool,
}

impl Helper {
    fn start(program: &Path, arguments: &[String]) -> Helper {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the helper starts");
        let input = child.stdin.take().map(OwnedFd::from);
        let output = child.stdout.take().expect("it is piped").into();
        Helper { child, input, output, room: vec![0; 1 << 16], serves: false }
    }

    /// A service for keys of this user, and a connection to it that is spoken over, or changed for pipes.
    fn serve(program: &Path, handles: &[String], pipes: bool) -> Helper {
        let name = format!("signbox-bench-{}-{pipes}", std::process::id());
        let name = SocketAddr::from_abstract_name(name).expect("a short name");
        let listener = UnixListener::bind_addr(&name).expect("nobody else has it");
        let mut command = Command::new(program);
        command.args(["--service", "bench"]).args(handles).stdin(OwnedFd::from(listener));
        let child = command.spawn().expect("the service starts");
        let socket = UnixStream::connect_addr(&name).expect("the service listens");
        if !pipes {
            let output = socket.try_clone().expect("a descriptor is free").into();
            return Helper {
                child,
                input: Some(socket.into()),
                output,
                room: vec![0; 1 << 16],
                serves: true,
            };
        }
        write(&socket, b"{\"v\":1,\"id\":1,\"op\":\"pipes\"}\n").expect("it reads");
        let (mut room, mut control) = ([0; 4096], cmsg_space!([i32; 2]));
        let mut parts = [IoSliceMut::new(&mut room)];
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty());
        let rights = message.expect("an answer").cmsgs().expect("it fits").next();
        let Some(ControlMessageOwned::ScmRights(fds)) = rights else { panic!("no pipes came") };
        // Opened anew they block, as those of a client that does nothing else meanwhile.
        let anew =
            |fd: i32, how: &mut OpenOptions| how.open(format!("/proc/self/fd/{fd}")).expect("it is open");
        let output = anew(fds[0], OpenOptions::new().read(true)).into();
        let input = anew(fds[1], OpenOptions::new().write(true)).into();
        // Its end would be the end of the pipes: it stays open for as long as this program.
        std::mem::forget(socket);
        Helper { child, input: Some(input), output, room: vec![0; 1 << 16], serves: true }
    }

    /// The answer to one line.
    fn ask(&mut self, line: &str) -> Result<&[u8], String> {
        let input = self.input.as_ref().ok_or("its input was closed")?;
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            rest = &rest[write(input, rest).map_err(|error| error.to_string())?..];
        }
        let mut filled = 0;
        while filled == 0 || self.room[filled - 1] != b'\n' {
            match read(&self.output, &mut self.room[filled..]).map_err(|error| error.to_string())? {
                0 => return Err(format!("the helper ended: {:?}", self.child.wait())),
                count => filled += count,
            }
        }
        let answer = &self.room[..filled];
        match answer.get(..30).is_some_and(|begin| begin.windows(7).any(|word| word == b"\"error\"")) {
            true => Err(String::from_utf8_lossy(answer).into_owned()),
            false => Ok(answer),
        }
    }

    fn must(&mut self, line: &str) {
        self.ask(line).expect("a signature");
    }

    /// Keeps some lines in flight until `count` were answered.
    fn pipeline(&mut self, line: &str, count: usize) {
        let lines = line.repeat(IN_FLIGHT);
        let input = self.input.as_ref().expect("it is open");
        // As many bytes as are in flight fit the pipes, so that a write waits for nobody.
        let send = |count: usize| {
            assert_eq!(write(input, &lines.as_bytes()[..count * line.len()]), Ok(count * line.len()))
        };
        send(IN_FLIGHT);
        let (mut sent, mut answered) = (IN_FLIGHT, 0);
        while answered < sent {
            let _ = poll(&mut [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE);
            let got = read(&self.output, &mut self.room).expect("an answer");
            let lines = self.room[..got].iter().filter(|byte| **byte == b'\n').count();
            answered += lines;
            let more = lines.min(count.saturating_sub(sent));
            send(more);
            sent += more;
        }
    }

    /// The seconds of CPU it has taken so far.
    fn spent(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).expect("it runs");
        text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") / 1e9
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.input = None;
        if self.serves {
            // It does not end with its client.
            let pid = i32::try_from(self.child.id()).expect("a process");
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}

fn resident(child: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}

/// The seconds of one HMAC over 200 bytes, its key taken in each time.
fn bare_hmac() -> f64 {
    let message = [b'x'; 200];
    let laps = (0..20).map(|_| {
        let start = Instant::now();
        for _ in 0..50 {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(black_box(SECRET)).expect("HMAC takes keys of any length");
            mac.update(black_box(&message));
            black_box(mac.finalize().into_bytes());
        }
        start.elapsed().as_secs_f64() / 50.0
    });
    median(laps.collect())
}

/// A helper that takes turns with others, and what it is asked.
struct Turn<'a> {
    helper: &'a mut Helper,
    lines: &'a [String],
    times: Vec<f64>,
}

impl<'a> Turn<'a> {
    fn new(helper: &'a mut Helper, lines: &'a [String]) -> Turn<'a> {
        lines.iter().for_each(|line| helper.must(line));
        Turn { helper, lines, times: Vec::new() }
    }
}

/// The median seconds of a round trip of each: they take turns in blocks, of which the first requests do not count;
/// with a pause before each request, one by one.
fn interleaved(turns: &mut [Turn<'_>], count: usize, pause: Option<Duration>) -> Vec<f64> {
    let (block, warm) = if pause.is_some() { (1, 0) } else { (220, 20) };
    while turns[0].times.len() < count {
        for turn in &mut *turns {
            for at in 0..block {
                if let Some(pause) = pause {
                    std::thread::sleep(pause);
                }
                let line = &turn.lines[(turn.times.len() + at) % turn.lines.len()];
                let start = Instant::now();
                turn.helper.must(line);
                if at >= warm {
                    turn.times.push(start.elapsed().as_secs_f64());
                }
            }
        }
    }
    turns.iter_mut().map(|turn| median(std::mem::take(&mut turn.times))).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A row: its name, goal, aim, and the value of each round.
struct Row(String, f64, f64, Vec<f64>);

struct Table(Vec<Row>);

impl Table {
    fn ratio(&mut self, name: &str, goal: f64, aim: f64, of: f64, to: f64) {
        self.value(name, goal, aim, of / to);
    }

    fn value(&mut self, name: &str, goal: f64, aim: f64, value: f64) {
        match self.0.iter_mut().find(|row| row.0 == name) {
            Some(row) => row.3.push(value),
            None => self.0.push(Row(name.to_owned(), goal, aim, vec![value])),
        }
    }

    fn print(&self) {
        for Row(name, goal, aim, values) in &self.0 {
            let digits = if *goal > 100.0 { 0 } else { 2 };
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
            let middle = median(sorted);
            let range = format!("[{low:.digits$}-{high:.digits$}]");
            println!("{name:<58} {middle:>6.digits$} {range:<13}  goal {goal:<4} aim {aim}");
        }
    }
}
