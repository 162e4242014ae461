//! Where the time of one row goes in the service: V8's own profile, by the inspector, of what JavaScript and Wasm do; and
//! where `perf` is there and may, one of the whole process, the runtime's C++ with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::basket::Basket;
use crate::case::{Contender, Row};
use crate::drive::{self, Script};
use crate::http::{Ask, Connection};
use crate::measure::CONNECTIONS;
use crate::options::Options;
use crate::schedule::Schedule;
use crate::server::{Place, Server};
use crate::socket::{self, Way};
use crate::visit::{Healthz, Rereading, Shopping};

/// How often V8 looks, in microseconds.
const SAMPLE_US: u32 = 200;
/// What takes less of the time than that, in percent, is not named.
const LEAST: f64 = 0.2;
/// The functions that V8 makes up for what is none of the Worker.
const IDLE: &str = "(idle)";

/// Profiles a row; where the text is.
pub async fn profile(options: &Options, baskets: Vec<Basket>, row: Row) -> Result<PathBuf, String> {
    let inspector = options.port + 90;
    let place = Place {
        workerd: options.workerd.clone(),
        served: options.served.clone(),
        state: PathBuf::from("/dev/shm"),
        inspector: Some(inspector),
    };
    let mut baskets = baskets.into_iter().cycle();
    let server = Server::start(&place, Contender::Shop, options.port, &json!({})).await?;
    // What is called often is compiled anew before.
    Load::prepare(&server, &mut baskets, row, options.requests).await?.play(&server).await?;
    let mut inspected = Inspector::open(inspector).await?;
    inspected.call("Profiler.enable", json!({})).await?;
    inspected.call("Profiler.setSamplingInterval", json!({ "interval": SAMPLE_US })).await?;
    let requests = options.requests * 2;
    let load = Load::prepare(&server, &mut baskets, row, requests).await?;
    inspected.call("Profiler.start", json!({})).await?;
    load.play(&server).await?;
    let profile = inspected.call("Profiler.stop", json!({})).await?["profile"].take();

    let (work, name) = (&options.work, row.name());
    write(&work.join(format!("profile-{name}.cpuprofile")), &profile.to_string())?;
    let text = work.join(format!("profile-{name}.txt"));
    let mut said =
        format!("{name}, {requests} requests: shares of the time in which the isolate was busy.\n\n");
    said.push_str(&shares(&profile)?);
    // By itself: V8's profiler would be in it.
    let load = Load::prepare(&server, &mut baskets, row, requests).await?;
    if let Some(perf) = perf(&server, work, name) {
        load.play(&server).await?;
        said.push_str(&format!("\nThe whole process, by perf (self, in percent):\n\n{}", perf.stop()));
    }
    write(&text, &said)?;
    Ok(text)
}

/// Requests of a row, as it is measured, with their sessions open and their carts filled.
enum Load {
    Http(Vec<Box<dyn Script>>, usize),
    Sockets(Vec<socket::Open>),
}

impl Load {
    async fn prepare(
        server: &Server,
        baskets: &mut impl Iterator<Item = Basket>,
        row: Row,
        requests: usize,
    ) -> Result<Self, String> {
        fn boxed<S: Script>(scripts: Vec<S>) -> Vec<Box<dyn Script>> {
            scripts.into_iter().map(|script| Box::new(script) as Box<dyn Script>).collect()
        }
        let scripts = match row {
            Row::Add => boxed(Shopping::prepare(server, baskets, requests, CONNECTIONS).await?),
            Row::Read => boxed(Rereading::prepare(server, baskets, CONNECTIONS).await?),
            Row::Healthz => boxed((0..CONNECTIONS).map(|_| Healthz).collect()),
            Row::Sockets => {
                return Ok(Self::Sockets(socket::open_all(server, baskets, requests, Way::OneAFrame).await?));
            }
            Row::Lines
            | Row::Actors
            | Row::Edits
            | Row::First
            | Row::Processes
            | Row::Sessions
            | Row::Sizes => return Err("add, read, healthz and sockets can be profiled".to_owned()),
        };
        Ok(Self::Http(scripts, requests))
    }

    async fn play(self, server: &Server) -> Result<(), String> {
        match self {
            Self::Http(scripts, requests) => {
                drive::play(server.port, scripts, requests, Schedule::Full).await?.whole().map(drop)
            }
            Self::Sockets(sockets) => socket::play_all(sockets, Way::OneAFrame).await.map(drop),
        }
    }
}

/// A session of V8's inspector.
struct Inspector {
    socket: WebSocketStream<TcpStream>,
    calls: u64,
}

impl Inspector {
    async fn open(port: u16) -> Result<Self, String> {
        let mut list = Connection::open(port).await?;
        let targets = list.ask(&Ask::get("/json")).await?.json()?;
        let service = |target: &&Value| {
            let title = target["title"].as_str().unwrap_or_default();
            title.contains(Contender::Shop.folder())
        };
        let target = targets.as_array().and_then(|all| all.iter().find(service).or(all.first()));
        let url = target.and_then(|target| target["webSocketDebuggerUrl"].as_str());
        let url = url.ok_or_else(|| format!("nothing to inspect: {targets}"))?;
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
        let config = tokio_tungstenite::tungstenite::protocol::WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let opened = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await;
        let (socket, _) = opened.map_err(|error| format!("{url}: {error}"))?;
        Ok(Self { socket, calls: 0 })
    }

    /// Calls a method, and waits for its result.
    async fn call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.calls += 1;
        let call = json!({ "id": self.calls, "method": method, "params": params }).to_string();
        self.socket.send(Message::text(call)).await.map_err(|error| error.to_string())?;
        loop {
            let message = self.socket.next().await.ok_or("the inspector has ended")?;
            let message = message.map_err(|error| error.to_string())?;
            let Ok(mut answer) = serde_json::from_slice::<Value>(&message.into_data()) else { continue };
            if answer["id"] == self.calls {
                return match answer.get("error") {
                    Some(error) => Err(format!("{method}: {error}")),
                    None => Ok(answer["result"].take()),
                };
            }
        }
    }
}

/// The functions by the share of the busy time that was spent in them, not in what they call.
fn shares(profile: &Value) -> Result<String, String> {
    let none = || "the profile is empty".to_owned();
    let mut names = BTreeMap::new();
    for node in profile["nodes"].as_array().ok_or_else(none)? {
        let frame = &node["callFrame"];
        let (function, url) = (frame["functionName"].as_str().unwrap_or_default(), frame["url"].as_str());
        let place = url.and_then(|url| url.rsplit('/').next()).filter(|place| !place.is_empty());
        let function = if function.is_empty() { "(anonymous)" } else { function };
        let name = place.map_or_else(|| function.to_owned(), |place| format!("{function}  {place}"));
        names.insert(node["id"].as_u64().ok_or_else(none)?, name);
    }
    let samples = profile["samples"].as_array().ok_or_else(none)?;
    let deltas = profile["timeDeltas"].as_array().ok_or_else(none)?;
    let mut spent: BTreeMap<&str, f64> = BTreeMap::new();
    for (sample, delta) in samples.iter().zip(deltas) {
        let name = sample.as_u64().and_then(|id| names.get(&id)).map_or("(unknown)", String::as_str);
        *spent.entry(name).or_default() += delta.as_f64().unwrap_or_default();
    }
    spent.remove(IDLE);
    let all: f64 = spent.values().sum();
    if all <= 0.0 {
        return Err(none());
    }
    let mut shares: Vec<(&str, f64)> = spent
        .into_iter()
        .map(|(name, us)| (name, 100.0 * us / all))
        .filter(|(_, share)| *share >= LEAST)
        .collect();
    shares.sort_by(|one, other| other.1.total_cmp(&one.1));
    Ok(shares.iter().map(|(name, share)| format!("{share:6.2} %  {name}\n")).collect())
}

/// A `perf record` that runs.
struct Perf {
    child: Child,
    data: PathBuf,
}

/// Begins one of the whole process; `None` where there is none, or it may not.
fn perf(server: &Server, work: &Path, name: &str) -> Option<Perf> {
    let data = work.join(format!("profile-{name}.perf"));
    let tried = Command::new("perf")
        .args(["record", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !tried.is_ok_and(|status| status.success()) {
        return None;
    }
    let child = Command::new("perf")
        .args(["record", "-q", "-F", "999", "-o"])
        .arg(&data)
        .args(["-p", &server.process().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    Some(Perf { child, data })
}

impl Perf {
    /// Ends it as Ctrl-C does, so that it writes what it has; what it says.
    fn stop(mut self) -> String {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let report = Command::new("perf")
            .args(["report", "--stdio", "--no-children", "--percent-limit", "0.3", "-i"])
            .arg(&self.data)
            .stderr(Stdio::null())
            .output();
        let report =
            report.map(|report| String::from_utf8_lossy(&report.stdout).into_owned()).unwrap_or_default();
        let lines = report.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        lines.take(80).map(|line| format!("{line}\n")).collect()
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_busy_time() {
        let frame = |id: u64, name: &str, url: &str| json!({ "id": id, "callFrame": { "functionName": name, "url": url } });
        let profile = json!({
            "nodes": [frame(1, "(idle)", ""), frame(2, "read", "a/main.js"), frame(3, "", "")],
            "samples": [1, 2, 2, 3],
            "timeDeltas": [1_000, 200, 100, 100],
        });
        assert_eq!(shares(&profile), Ok(" 75.00 %  read  main.js\n 25.00 %  (anonymous)\n".to_owned()));
        assert!(shares(&json!({})).is_err());
    }
}
