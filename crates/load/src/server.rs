//! A Worker in a process of its own: `workerd serve` with a `wrangler.jsonc`, its state in a folder that goes with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::case::Contender;
use crate::http::{Ask, Connection};

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(60);
/// How often a process is asked whether it answers yet.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// How many lines of its log are shown where it fails.
const LOG_LINES: usize = 20;
/// A product that the catalog has.
const SKU: &str = "1095275";
/// Where workerd keeps state, below the folder of the settings.
const STATE: &str = ".wrangler/state/workerd";

/// How many files an object has open while it is awake: its database, the log of that, and the log's index.
const FILES_AN_OBJECT: usize = 3;
/// How many files are left for all else, connections say.
const OTHER_FILES: usize = 1_000;

/// How many objects may be awake in a process. One that runs out of files ends; whoever may have more asks for more by
/// `ulimit -n`.
pub fn objects_max() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    objects_within(&limits).unwrap_or(usize::MAX)
}

/// By what the kernel says of a process; `None` where nothing is said, or there is no limit.
fn objects_within(limits: &str) -> Option<usize> {
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let files: usize = files.split_ascii_whitespace().next()?.parse().ok()?;
    Some(files.saturating_sub(OTHER_FILES) / FILES_AN_OBJECT)
}

/// A running Worker.
pub struct Server {
    pub contender: Contender,
    pub port: u16,
    child: Child,
    folder: TempDir,
}

/// What is served, and where state goes.
pub struct Place {
    pub workerd: PathBuf,
    pub served: PathBuf,
    /// Where the folders of state are made: on tmpfs, or on disk.
    pub state: PathBuf,
    /// The address of V8's inspector, if there is to be one.
    pub inspector: Option<u16>,
}

impl Server {
    /// Starts it with an empty state, but for the catalog, and waits until it answers.
    pub async fn start(place: &Place, contender: Contender, port: u16, vars: &Value) -> Result<Self, String> {
        let folder = prepare(place, contender, vars)?;
        let mut server = Self::launch(place, contender, port, folder)?;
        server.answers(&Ask::get("/healthz")).await?;
        if contender == Contender::Shop {
            server.fill_catalog(place).await?;
        }
        Ok(server)
    }

    /// From nothing to the first answer. It ends right after that.
    pub async fn first_answer(place: &Place, contender: Contender, port: u16) -> Result<Duration, String> {
        let folder = prepare(place, contender, &json!({}))?;
        let began = Instant::now();
        let mut server = Self::launch(place, contender, port, folder)?;
        server.answers(&Ask::get("/healthz")).await?;
        Ok(began.elapsed())
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    fn launch(place: &Place, contender: Contender, port: u16, folder: TempDir) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", contender.folder());
        let log = File::create(folder.path().join("log")).map_err(failed)?;
        let mut command = Command::new(&place.workerd);
        command.args(["serve", "--experimental", "-s"]).arg(format!("http=127.0.0.1:{port}"));
        if let Some(port) = place.inspector {
            command.arg(format!("--inspector-addr=127.0.0.1:{port}"));
        }
        command
            .arg("wrangler.jsonc")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log);
        let child = command.spawn().map_err(|error| format!("{}: {error}", place.workerd.display()))?;
        Ok(Self { contender, port, child, folder })
    }

    /// Waits until a request is answered as it must be.
    async fn answers(&mut self, ask: &Ask) -> Result<(), String> {
        let began = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.port).await
                && connection.ask(ask).await.is_ok()
            {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended with {status}:\n{}", self.contender.folder(), self.log()));
            }
            if began.elapsed() > START_MAX {
                return Err(format!("{} does not answer:\n{}", self.contender.folder(), self.log()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The database is made by the first query; at rest, the file of the imported catalog takes its place.
    async fn fill_catalog(&mut self, place: &Place) -> Result<(), String> {
        let product = Ask::get(format!("/v1/products/{SKU}"));
        if let Ok(mut connection) = Connection::open(self.port).await {
            let _ = connection.ask(&product).await;
        }
        self.end();
        let catalog = largest(&place.served.join("catalog"))?;
        let database = largest(&self.folder.path().join(STATE).join("d1"))?;
        for log in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{log}", database.display()));
        }
        fs::copy(&catalog, &database).map_err(|error| format!("{}: {error}", database.display()))?;
        let folder = std::mem::replace(&mut self.folder, TempDir::new().map_err(|error| error.to_string())?);
        let mut again = Self::launch(place, self.contender, self.port, folder)?;
        again.answers(&product).await?;
        *self = again;
        Ok(())
    }

    /// What it has printed last.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A folder with what is served and its settings.
fn prepare(place: &Place, contender: Contender, vars: &Value) -> Result<TempDir, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", place.state.display());
    fs::create_dir_all(&place.state).map_err(failed)?;
    let folder = TempDir::with_prefix_in("evercart-load-", &place.state).map_err(failed)?;
    let from = place.served.join(contender.folder());
    let files = fs::read_dir(&from).map_err(|error| format!("{}: {error}", from.display()))?;
    for file in files {
        let file = file.map_err(failed)?;
        fs::copy(file.path(), folder.path().join(file.file_name())).map_err(failed)?;
    }
    let settings = settings(contender, vars).to_string();
    fs::write(folder.path().join("wrangler.jsonc"), settings).map_err(failed)?;
    Ok(folder)
}

/// What of `wrangler.toml` the runtime takes and the service needs without stores.
fn settings(contender: Contender, vars: &Value) -> Value {
    let mut settings = json!({
        "name": contender.folder(),
        "main": "main.js",
        "no_bundle": true,
        "compatibility_date": "2026-11-01",
        "compatibility_flags": ["enable_request_signal"],
    });
    let (binding, class) = match contender {
        Contender::Shop => ("CARTS", "CartObject"),
        Contender::BareJs | Contender::BareRust => ("BARE", "Bare"),
        Contender::TrivialJs | Contender::TrivialRust => return settings,
    };
    settings["durable_objects"] = json!({ "bindings": [{ "name": binding, "class_name": class }] });
    settings["migrations"] = json!([{ "tag": "v1", "new_sqlite_classes": [class] }]);
    if contender == Contender::Shop {
        let mut all = shop_vars();
        if let (Some(all), Some(more)) = (all.as_object_mut(), vars.as_object()) {
            all.extend(more.clone());
        }
        settings["vars"] = all;
        let id = "00000000-0000-4000-8000-000000000001";
        settings["d1_databases"] =
            json!([{ "binding": "CATALOG", "database_name": "evercart-catalog", "database_id": id }]);
    }
    settings
}

/// Production, in one of three regions, none with a store.
fn shop_vars() -> Value {
    let place = |region: &str, latitude: f64, longitude: f64| json!({ "region": region, "latitude": latitude, "longitude": longitude });
    let regions = json!([place("enam", 39.0, -77.5), place("weur", 50.1, 8.7), place("apac", 35.7, 139.7)]);
    json!({
        "ENVIRONMENT": "production",
        "REGION": "weur",
        "REGIONS": regions.to_string(),
        "TOKEN_SECRET": "of a load test, which nobody else knows",
    })
}

/// The largest database below a folder, but for what the runtime notes of them: that is the catalog.
fn largest(folder: &Path) -> Result<PathBuf, String> {
    let (mut folders, mut largest) = (vec![folder.to_owned()], None);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|name| name == "sqlite")
                && !path.ends_with("metadata.sqlite")
            {
                let bytes = fs::metadata(&path).map_or(0, |data| data.len());
                largest = largest.max(Some((bytes, path)));
            }
        }
    }
    largest.map(|(_, path)| path).ok_or_else(|| format!("no database in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_objects_are_awake_as_there_are_files_for() {
        let limits = |files: &str| {
            format!(
                "Limit  Soft Limit  Hard Limit  Units\nMax processes  5  5\nMax open files  {files}  99  files\n"
            )
        };
        assert_eq!(objects_within(&limits("20000")), Some(6_333));
        assert_eq!(objects_within(&limits("256")), Some(0));
        assert_eq!(objects_within(&limits("unlimited")), None);
        assert!(objects_max() > 0);
    }
}
