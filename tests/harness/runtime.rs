//! The real runtime, workerd with the storage, queues and triggers of `wrangler dev` (`serve.mjs`), as a process group
//! with a port and a state folder of its own. It can be killed without warning and started again on the same state.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Shop;

/// How long a start may take before it counts as failed.
const START_MAX: Duration = crate::EVENTUALLY;

/// Where wrangler keeps the storage of Durable Objects, a folder for each class, below its state folder.
/// D1 has another beside it.
const OBJECTS: &str = "v3/do";

/// Process groups to end when this process ends, however it ends.
static GROUPS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// The setting by which no region has a store: what is counted then is the cost of replicas alone.
pub fn without_stores() -> (String, String) {
    let place = |region, latitude, longitude| {
        format!(r#"{{"region": "{region}", "latitude": {latitude}, "longitude": {longitude}}}"#)
    };
    let places = [place("enam", 39.0, -77.5), place("weur", 50.1, 8.7), place("apac", 35.7, 139.7)];
    ("REGIONS".to_owned(), format!("[{}]", places.join(", ")))
}

/// What may differ between runtimes.
#[derive(Clone, Default)]
pub struct Options {
    /// Settings beside those of `wrangler.toml`.
    pub vars: Vec<(String, String)>,
    /// Another tree to serve than this one, built already: for builds that are broken on purpose.
    pub tree: Option<PathBuf>,
    /// Another tree whose objects serve, built already: of a Worker that is being deployed edges and objects are of two
    /// builds for a while.
    pub objects: Option<PathBuf>,
    /// What is made of the script before it is served: to look into it.
    pub script: Option<fn(String) -> String>,
    /// Keep the state in this folder instead of a temporary one.
    pub state: Option<PathBuf>,
    /// Whether its disk can be filled: see [`Runtime::fill_disk`].
    pub bounded_disk: bool,
    /// What the platform says of where requests come from (`request.cf`).
    pub cf: Option<serde_json::Value>,
}

/// A running Worker with its state.
pub struct Runtime {
    options: Options,
    port: u16,
    state: PathBuf,
    log: PathBuf,
    child: Option<Child>,
    scratch: TempDir,
}

impl Runtime {
    /// The runtime that the tests of one program share. Ended when the program ends.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceLock<Runtime> = OnceLock::new();
        static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _starting = STARTING.lock().await;
        if SHARED.get().is_none() {
            let runtime = Self::start(Options::default()).await;
            assert!(SHARED.set(runtime).is_ok(), "started once");
        }
        SHARED.get().expect("just set")
    }

    /// Starts with an empty state and the whole catalog.
    pub async fn start(options: Options) -> Self {
        let mut runtime = Self::prepare(options);
        runtime.restart().await;
        runtime
    }

    /// All but the process: a port, the catalog, and what is served.
    pub fn prepare(options: Options) -> Self {
        let scratch = TempDir::with_prefix("evercart-").expect("a temporary folder");
        let state = options.state.clone().unwrap_or_else(|| scratch.path().join("state"));
        let tree = options.tree.clone().unwrap_or_else(root);
        import(&tree, &state);
        deploy(&tree, scratch.path());
        if let Some(objects) = &options.objects {
            std::fs::create_dir(scratch.path().join("objects")).expect("a folder");
            deploy(objects, &scratch.path().join("objects"));
        }
        if let Some(make) = options.script {
            let script = scratch.path().join("served/script/main.js");
            let text = std::fs::read_to_string(&script).expect("a script");
            std::fs::write(&script, make(text)).expect("it is written");
        }
        let log = scratch.path().join("log");
        Self { options, port: free_port(), state, log, child: None, scratch }
    }

    /// As `prepare`, with the same build, secret and catalog as another that has not been started yet.
    pub fn prepare_like(other: &Self) -> Self {
        assert!(other.child.is_none() && other.options.state.is_none(), "only what is at rest is copied");
        let scratch = TempDir::with_prefix("evercart-").expect("a temporary folder");
        let copied = Command::new("cp").arg("-rT").arg(other.scratch.path()).arg(scratch.path()).status();
        assert!(copied.is_ok_and(|status| status.success()), "what is served could not be copied");
        let (state, log) = (scratch.path().join("state"), scratch.path().join("log"));
        Self { options: other.options.clone(), port: free_port(), state, log, child: None, scratch }
    }

    /// A client of it.
    pub fn shop(&self) -> Shop {
        Shop::at(self.url())
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its state is.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The process group, while there is one.
    pub fn group(&self) -> Option<i32> {
        self.child.as_ref().map(|child| child.id() as i32)
    }

    /// A setting beside those it was prepared with, from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.options.vars.retain(|(there, _)| there != name);
        self.options.vars.push((name.to_owned(), value.to_owned()));
    }

    /// What the platform says of where requests come from, from the next start on.
    pub fn come_from(&mut self, cf: serde_json::Value) {
        self.options.cf = Some(cf);
    }

    /// What the runtime has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it at once and without warning, as a power cut would (SIGKILL to the whole group).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let group = child.id() as i32;
            end_group(group);
            let _ = child.wait();
            wait_for_group(group);
        }
    }

    /// Stops it where it stands (SIGSTOP to the whole group): connections open, and nobody answers.
    pub fn stop(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets it go on after a stop.
    pub fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    /// From now on there is no room for anything more in the objects' state.
    pub fn fill_disk(&self) {
        assert!(self.options.bounded_disk, "a disk without bounds");
        std::fs::write(self.full(), []).expect("the objects' folder");
    }

    /// There is room again.
    pub fn free_disk(&self) {
        std::fs::remove_file(self.full()).expect("a disk that was full");
    }

    /// The file that says that the disk is full.
    fn full(&self) -> PathBuf {
        self.objects().join("full")
    }

    /// Where its objects' databases are.
    pub fn objects(&self) -> PathBuf {
        self.state.join(OBJECTS)
    }

    /// Loses what its objects have stored, and starts it again. The catalog stays.
    pub async fn wipe(&mut self) {
        self.kill();
        let objects = self.objects();
        assert!(objects.is_dir(), "no state of objects in {}", objects.display());
        std::fs::remove_dir_all(objects).expect("the objects' state can be removed");
        self.restart().await;
    }

    /// Serves another tree, built already, or this one, on the same state: ends it, and starts it again.
    pub async fn redeploy(&mut self, tree: Option<&Path>) {
        self.kill();
        let tree = tree.map_or_else(root, Path::to_owned);
        import(&tree, &self.state);
        std::fs::remove_dir_all(self.scratch.path().join("served")).expect("what was served");
        deploy(&tree, self.scratch.path());
        self.restart().await;
    }

    /// Starts it again on the same state, at the same port.
    pub async fn restart(&mut self) {
        self.launch();
        self.wait_until_ready().await;
    }

    /// Starts the process, and does not wait for it.
    pub fn launch(&mut self) {
        self.kill();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).expect("a log");
        let mut command = Command::new("bash");
        command
            .args(["-c", "source tools/env && exec node tests/harness/serve.mjs \"$@\"", "serve"])
            .arg(self.scratch.path().join("served"))
            .arg(self.port.to_string())
            .arg(&self.state)
            .args(self.options.vars.iter().map(|(name, value)| format!("{name}:{value}")))
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .process_group(0);
        if self.options.bounded_disk {
            command.env("LD_PRELOAD", full_disk(self.scratch.path())).env("EVERCART_FULL_DISK", self.full());
        }
        if self.options.objects.is_some() {
            command.env("EVERCART_OBJECTS", self.scratch.path().join("objects/served"));
        }
        if let Some(cf) = &self.options.cf {
            let file = self.scratch.path().join("cf.json");
            std::fs::write(&file, cf.to_string()).expect("a file");
            command.env("CLOUDFLARE_CF_FETCH_PATH", file).env("CLOUDFLARE_CF_FETCH_ENABLED", "true");
        }
        adopt_orphans();
        let child = command.spawn().expect("bash");
        GROUPS.lock().expect("the list of groups").push(child.id() as i32);
        end_groups_at_exit();
        self.child = Some(child);
    }

    #[allow(unsafe_code)]
    fn signal(&self, signal: i32) {
        let group = self.group().expect("a process that was started");
        // SAFETY: a plain system call.
        let sent = unsafe { libc::kill(-group, signal) };
        assert_eq!(sent, 0, "no signal to {group}: {}", io::Error::last_os_error());
    }

    pub async fn wait_until_ready(&mut self) {
        let began = Instant::now();
        let shop = self.shop();
        loop {
            if shop.is_ready().await {
                return;
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "the runtime ended ({ended:?}):\n{}", self.log());
            assert!(began.elapsed() < START_MAX, "the runtime does not answer:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Brings databases to the schema of a tree, with its catalog.
fn import(tree: &Path, state: &Path) {
    // This tree's command, also for a tree from before there was one.
    let mut import = Command::new(root().join("tools/evercart"));
    import.args(["import", "--tree"]).arg(tree).arg("--persist-to").arg(state);
    let done = import.output().expect("tools/evercart");
    assert!(done.status.success(), "no catalog: {}", String::from_utf8_lossy(&done.stderr));
}

/// Builds a tree and copies what is served into a folder of its own, so that a test goes on with what it
/// began with whatever is built meanwhile. It is bundled once for all tests of a build.
fn deploy(tree: &Path, to: &Path) {
    let script = r#"
        set -euo pipefail
        tools/build
        exec 9>build/.bundle.lock
        flock 9
        # Where only the edge was built, the pages have no stamp of their own.
        want=$(cat build/.stamp $(ls build/.pages 2>/dev/null || true) wrangler.toml .dev.vars \
            "$1/tests/harness/bundle.mjs" | sha256sum)
        if [ "$(cat build/.bundle 2>/dev/null)" != "$want" ]; then
            source "$1/tools/env"
            rm -rf build/served
            mkdir -p build/served/build
            find build -mindepth 1 -maxdepth 1 ! -name served -exec cp -r -t build/served/build {} +
            cp .dev.vars build/served/
            sed '/^\[build\]/,/^$/d' wrangler.toml >build/served/wrangler.toml
            node "$1/tests/harness/bundle.mjs" "$PWD" "$PWD/build/served"
            echo "$want" >build/.bundle
        fi
        cp -r build/served "$2/"
    "#;
    let mut deploy = Command::new("bash");
    deploy.args(["-c", script, "deploy"]).arg(root()).arg(to).current_dir(tree);
    let done = deploy.output().expect("bash");
    assert!(done.status.success(), "not built: {}", String::from_utf8_lossy(&done.stderr));
}

/// Compiles what makes a disk full into a folder, once.
fn full_disk(to: &Path) -> PathBuf {
    let library = to.join("full_disk.so");
    if !library.exists() {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let built = Command::new(rustc)
            .args(["--edition", "2024", "--crate-type", "cdylib", "-C", "panic=abort", "-o"])
            .arg(&library)
            .arg(root().join("tests/harness/full_disk.rs"))
            .output()
            .expect("rustc");
        assert!(built.status.success(), "not built: {}", String::from_utf8_lossy(&built.stderr));
    }
    library
}

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the project").to_owned()
}

/// A port that nobody listens at, below those that the system gives to connections that go out: such a
/// connection could take it while a runtime that was killed is about to start again.
fn free_port() -> u16 {
    const PORTS: std::ops::Range<u16> = 10_000..32_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Processes of tests that run at once begin in places of their own.
    let began = std::process::id() * 64;
    let port = || {
        let at = began.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % PORTS.len() as u32;
        PORTS.start + at as u16
    };
    (0..PORTS.len())
        .map(|_| port())
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

#[allow(unsafe_code)]
fn end_group(group: i32) {
    // SAFETY: a plain system call; a group that is gone is an error that does not matter.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    if let Ok(mut groups) = GROUPS.lock() {
        groups.retain(|there| *there != group);
    }
}

/// Waits for all of a killed group: until workerd is gone too, its port and its files are in use.
#[allow(unsafe_code)]
fn wait_for_group(group: i32) {
    // SAFETY: plain system calls; no status is asked for. An error means that nobody is left.
    while unsafe { libc::waitpid(-group, std::ptr::null_mut(), 0) } > 0 {}
}

/// Makes what a killed group leaves behind children of this process, so that it can wait for them.
#[allow(unsafe_code)]
fn adopt_orphans() {
    // SAFETY: a plain system call; where it is refused, a kill does not wait for the rest of its group.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

extern "C" fn end_groups() {
    let groups = GROUPS.lock().map(|groups| groups.clone()).unwrap_or_default();
    groups.into_iter().for_each(end_group);
}

#[allow(unsafe_code)]
fn end_groups_at_exit() {
    static ONCE: OnceLock<()> = OnceLock::new();
    // SAFETY: the function is of the type that atexit takes and lives as long as the program.
    ONCE.get_or_init(|| {
        let _ = unsafe { libc::atexit(end_groups) };
    });
}
