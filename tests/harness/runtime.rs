//! The real runtime, workerd under `wrangler dev`, as a process group with a port and a state folder of its
//! own. It can be killed without warning and started again on the same state.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Shop;

/// How long a start may take before it counts as failed.
const START_MAX: Duration = Duration::from_secs(90);

/// Process groups to end when this process ends, however it ends.
static GROUPS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// What may differ between runtimes.
#[derive(Clone, Default)]
pub struct Options {
    /// Settings beside those of `wrangler.toml`.
    pub vars: Vec<(String, String)>,
    /// Another tree to serve than this one, built already: for builds that are broken on purpose.
    pub tree: Option<PathBuf>,
    /// Keep the state in this folder instead of a temporary one.
    pub state: Option<PathBuf>,
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
        let scratch = TempDir::with_prefix("evercart-").expect("a temporary folder");
        let state = options.state.clone().unwrap_or_else(|| scratch.path().join("state"));
        let imported = Command::new(root().join("tools/import_catalog.py"))
            .arg("--persist-to")
            .arg(&state)
            .stdout(Stdio::null())
            .status();
        assert!(
            imported.is_ok_and(|status| status.success()),
            "the catalog could not be imported: run tools/setup"
        );
        deploy(&options.tree.clone().unwrap_or_else(root), scratch.path());
        let log = scratch.path().join("log");
        let mut runtime = Self { options, port: free_port(), state, log, child: None, scratch };
        runtime.restart().await;
        runtime
    }

    /// A client of it.
    pub fn shop(&self) -> Shop {
        Shop::at(format!("http://127.0.0.1:{}", self.port))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the runtime has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it at once and without warning, as a power cut would (SIGKILL to the whole group).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            end_group(child.id() as i32);
            let _ = child.wait();
        }
    }

    /// Starts it again on the same state, at the same port.
    pub async fn restart(&mut self) {
        self.kill();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).expect("a log");
        let mut command = Command::new("bash");
        command
            .args(["-c", "source tools/env && exec wrangler dev --env '' \"$@\"", "wrangler", "--config"])
            .arg(self.scratch.path().join("wrangler.toml"))
            .args(["--port", &self.port.to_string(), "--inspector-port", &free_port().to_string()])
            .args(["--ip", "127.0.0.1", "--show-interactive-dev-session=false", "--log-level", "error"])
            .arg("--persist-to")
            .arg(&self.state)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .process_group(0);
        for (name, value) in &self.options.vars {
            command.args(["--var", &format!("{name}:{value}")]);
        }
        let child = command.spawn().expect("bash");
        GROUPS.lock().expect("the list of groups").push(child.id() as i32);
        end_groups_at_exit();
        self.child = Some(child);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&mut self) {
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

/// Builds a tree and copies what is served into a folder of its own, so that a test goes on with what it
/// began with whatever is built meanwhile.
fn deploy(tree: &Path, to: &Path) {
    let script = r#"tools/build && cp -r build .dev.vars "$1" && sed '/^\[build\]/,/^$/d' wrangler.toml >"$1/wrangler.toml""#;
    let built = Command::new("bash").args(["-c", script, "deploy"]).arg(to).current_dir(tree).output();
    let built = built.expect("bash");
    assert!(built.status.success(), "not built: {}", String::from_utf8_lossy(&built.stderr));
}

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the project").to_owned()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener
        .local_addr()
        .map(|address| address.port())
        .unwrap_or_else(|error: io::Error| panic!("no port: {error}"))
}

#[allow(unsafe_code)]
fn end_group(group: i32) {
    // SAFETY: a plain system call; a group that is gone is an error that does not matter.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    if let Ok(mut groups) = GROUPS.lock() {
        groups.retain(|there| *there != group);
    }
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
