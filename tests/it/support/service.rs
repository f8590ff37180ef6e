//! The program as a process, as a person or a Pod runs it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::fs::{self, File};
use std::io::{self, PipeReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// Everything that is waited for comes within this, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What it says when it has begun.
pub(crate) const READY: &str = "Everything is ready";

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    folder: PathBuf,
}

/// A folder of one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    static N: AtomicUsize = AtomicUsize::new(0);
    let n = N.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("service-{}-{n}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// An address that nothing listens on. It is another each time, and none that the system gives to who
/// asks for any: two that were asked for in turn could be the same.
pub(crate) async fn free_address() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let n = NEXT.fetch_add(1, Ordering::Relaxed) + 97 * std::process::id() as usize;
        let address = format!("127.0.0.1:{}", 12_000 + n % 18_000);
        if TcpListener::bind(&address).await.is_ok() {
            return address;
        }
    }
}

/// The program, to which SIGHUP means what it means: where the tests run under `nohup` it would be
/// ignored. Where a file may have so many bytes alone, a write of more fails, and does not kill it.
fn program(room: Option<u64>) -> Command {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let mut command = Command::new("env");
    if ignored.is_some_and(|mask| mask & 1 == 1) {
        command.arg("--default-signal=HUP");
    }
    if let Some(room) = room {
        command.args(["--ignore-signal=XFSZ", "prlimit"]).arg(format!("--fsize={room}:"));
    }
    command.arg(env!("CARGO_BIN_EXE_lifespan"));
    command
}

/// What a program is given that shall have another machine; whoever builds this has a C compiler.
fn machine() -> &'static PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/machine.c");
        let built = folder("machine").join("machine.so");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut compile = Command::new(compiler);
        compile.args(["-shared", "-fPIC", "-o"]).arg(&built).args([source, "-ldl"]);
        assert!(compile.status().unwrap().success());
        built
    });
    &BUILT
}

impl Service {
    /// Starts the program in `folder`, with a kubeconfig that names `server`.
    pub(crate) fn start(folder: PathBuf, server: &str, arguments: &[&str]) -> Self {
        Self::run(program(None), folder, server, arguments)
    }

    /// The same by a wall clock that is so many seconds ahead, as if so much time had passed.
    pub(crate) fn start_ahead(
        folder: PathBuf,
        server: &str,
        arguments: &[&str],
        ahead: u64,
    ) -> Self {
        let said = ahead.to_string();
        let machine = [("CLOCK_AHEAD", Path::new(&said))];
        Self::start_on(folder, server, arguments, machine.get(..usize::from(ahead > 0)).unwrap())
    }

    /// The same on a machine that is other than this one in what is said of it, see `machine.c`.
    pub(crate) fn start_on(
        folder: PathBuf,
        server: &str,
        arguments: &[&str],
        said: &[(&str, &Path)],
    ) -> Self {
        let mut program = program(None);
        if !said.is_empty() {
            program.env("LD_PRELOAD", machine()).envs(said.iter().copied());
        }
        Self::run(program, folder, server, arguments)
    }

    /// The same on a disk that is full until it [`has_room`](Self::has_room): of no file more than the
    /// first `room` bytes can be written.
    pub(crate) fn start_full(folder: PathBuf, server: &str, arguments: &[&str], room: u64) -> Self {
        Self::run(program(Some(room)), folder, server, arguments)
    }

    /// The same where nobody reads what it says, nor what it puts out if that `is_shown_to_nobody`: the
    /// pipes are full. They are read no sooner than they are dropped.
    pub(crate) fn start_unread(
        folder: PathBuf,
        server: &str,
        arguments: &[&str],
        is_shown_to_nobody: bool,
    ) -> (Self, [PipeReader; 2]) {
        let full = || {
            let (reader, mut writer) = io::pipe().unwrap();
            // So much a pipe holds.
            writer.write_all(&[b'\n'; 64 << 10]).unwrap();
            (reader, writer)
        };
        let ((errors, to_errors), (shown, to_shown)) = (full(), full());
        let mut program = program(None);
        Self::prepare(&mut program, &folder, server, arguments).stderr(to_errors);
        if is_shown_to_nobody {
            program.stdout(to_shown);
        }
        (Self { child: program.spawn().unwrap(), folder }, [errors, shown])
    }

    fn run(mut program: Command, folder: PathBuf, server: &str, arguments: &[&str]) -> Self {
        let child = Self::prepare(&mut program, &folder, server, arguments).spawn().unwrap();
        Self { child, folder }
    }

    fn prepare<'a>(
        program: &'a mut Command,
        folder: &Path,
        server: &str,
        arguments: &[&str],
    ) -> &'a mut Command {
        let kubeconfig = folder.join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {{}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
        );
        fs::write(&kubeconfig, text).unwrap();
        let file = |name: &str| File::create(folder.join(name)).unwrap();
        program
            .args(arguments)
            .env("KUBECONFIG", &kubeconfig)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.join("stderr")).unwrap()
    }

    /// What it has put out so far.
    pub(crate) fn shown(&self) -> String {
        fs::read_to_string(self.folder.join("stdout")).unwrap()
    }

    /// Bytes of memory that are its own.
    pub(crate) fn memory(&self) -> u64 {
        let of = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = of.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Waits until `is_so`.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{what}: it has ended\n{}", self.said());
            assert!(began.elapsed() < PATIENCE, "{what}\n{}\n{}", self.said(), self.shown());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has said `what`, `n` times.
    pub(crate) async fn says(&mut self, what: &str, n: usize) {
        self.until(what, |it| it.said().matches(what).count() >= n).await;
    }

    /// Sends it a signal: `TERM`, `INT`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Its disk has room again.
    pub(crate) fn has_room(&self) {
        let pid = self.child.id().to_string();
        let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status();
        assert!(raised.unwrap().success());
    }

    /// Waits for its end; its exit status.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end\n{}", self.said());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Status and body of a GET; `None` where nobody answers.
pub(crate) async fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// A configuration that sends to `collector` and keeps all in `store`; `receiver` is more of that,
/// `key: value, `.
pub(crate) fn with_storage(collector: &str, store: &Path, receiver: &str) -> String {
    let store = store.display();
    format!(
        "receivers: {{k8s_lifecycle: {{{receiver}auth_type: kubeConfig, storage: file_storage}}}}\n\
         exporters: {{otlp_grpc: {{endpoint: '{collector}', timeout: 1s, tls: {{insecure: true}}, sending_queue: {{storage: file_storage}}, retry_on_failure: {{initial_interval: 100ms, max_interval: 200ms, max_elapsed_time: 0s}}}}}}\n\
         extensions: {{file_storage: {{directory: '{store}', create_directory: true, timeout: 10s}}}}\n\
         service:\n  extensions: [file_storage]\n  telemetry: {{metrics: {{level: none}}}}\n  \
         pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}}}\n"
    )
}

/// Waits until a GET is answered so; the body.
pub(crate) async fn until_answered(
    address: &str,
    path: &str,
    is_so: impl Fn(u16, &str) -> bool,
) -> String {
    let began = Instant::now();
    loop {
        let answer = get(address, path).await;
        if let Some((status, body)) = &answer
            && is_so(*status, body)
        {
            return body.clone();
        }
        assert!(began.elapsed() < PATIENCE, "{path}: {answer:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A way to a server that can be closed and opened: what is connected is cut off, and who connects
/// is turned away.
#[derive(Debug)]
pub(crate) struct Gate {
    /// `http://127.0.0.1:port`
    pub(crate) url: String,
    /// Whether it is open.
    pub(crate) is_open: tokio::sync::watch::Sender<bool>,
    _proxy: tokio::task::JoinSet<()>,
}

impl Gate {
    pub(crate) async fn start(to: &str, is_open: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let to = to.trim_start_matches("http://").to_owned();
        let is_open = tokio::sync::watch::Sender::new(is_open);
        let seen = is_open.subscribe();
        let mut proxy = tokio::task::JoinSet::new();
        proxy.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((mut client, _)) = listener.accept().await else { panic!("no socket") };
                let (mut seen, to) = (seen.clone(), to.clone());
                if !*seen.borrow_and_update() {
                    continue;
                }
                connections.spawn(async move {
                    let mut server = TcpStream::connect(&to).await.unwrap();
                    tokio::select! {
                        done = tokio::io::copy_bidirectional(&mut client, &mut server) => drop(done),
                        changed = seen.changed() => drop(changed),
                    }
                });
            }
        });
        Self { url, is_open, _proxy: proxy }
    }
}
