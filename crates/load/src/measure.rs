//! Goes through the rows, round after round: each contender in turn in each round, so that what disturbs the machine
//! disturbs all of them.

mod growth;
mod sessions;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::basket::Basket;
use crate::case::{Case, Contender, Figure, Results, Row, Sizes};
use crate::drive::{self, figure, used};
use crate::http::{Ask, Connection};
use crate::options::Options;
use crate::progress::Progress;
use crate::sample::{percentile, sorted};
use crate::schedule::Schedule;
use crate::server::{Place, Server, objects_max};
use crate::socket::{self, Way};
use crate::visit::{Healthz, Rereading, Shopping, Visit};

/// How many connections ask at a time.
pub const CONNECTIONS: usize = 64;
/// How often a process is started for one figure.
const STARTS: usize = 5;
/// How many lines the largest cart of the report has. No basket of the data has as many: the largest is filled up with
/// products of the next one.
pub const LARGEST_LINES: usize = 161;

/// Baskets, over and over.
pub type Baskets = std::iter::Cycle<std::vec::IntoIter<Basket>>;

/// All that measuring needs.
pub struct Bench {
    pub options: Options,
    pub place: Place,
    pub baskets: Baskets,
    pub all: Vec<Basket>,
    /// Those that run, with their port.
    servers: Vec<Server>,
    pub results: Results,
}

impl Bench {
    /// Starts nothing yet.
    pub fn new(mut options: Options, all: Vec<Basket>) -> Self {
        let most = objects_max();
        if options.sessions > most {
            println!(
                "load: {most} open sessions, for want of files (ulimit -n), and not {}",
                options.sessions
            );
            options.sessions = most;
        }
        let state = if options.disk { options.work.join("state") } else { PathBuf::from("/dev/shm") };
        let (workerd, served) = (options.workerd.clone(), options.served.clone());
        let place = Place { workerd, served, state, inspector: None };
        let baskets = all.clone().into_iter().cycle();
        Self { options, place, baskets, all, servers: Vec::new(), results: Results::default() }
    }

    /// Measures all rows that are wanted, so many rounds.
    pub async fn run(&mut self, progress: &Progress) -> Result<(), String> {
        let rows: Vec<Row> = Row::ALL.into_iter().filter(|row| self.options.wants(*row)).collect();
        progress.begin(rows.len() * self.options.rounds);
        for round in 0..self.options.rounds {
            for row in &rows {
                progress.say(format!("round {} of {}, {}", round + 1, self.options.rounds, row.name()));
                self.row(*row, round).await.map_err(|error| format!("{}: {error}", row.name()))?;
                progress.step();
            }
        }
        Ok(())
    }

    async fn row(&mut self, row: Row, round: usize) -> Result<(), String> {
        match row {
            Row::Add => {
                for contender in [Contender::Shop, Contender::BareJs, Contender::BareRust] {
                    let figure = self.adds(contender).await?;
                    self.results.note(Case::Add, contender, figure);
                }
            }
            Row::Read => {
                for contender in [Contender::Shop, Contender::BareJs, Contender::BareRust] {
                    let figure = self.reads(contender).await?;
                    self.results.note(Case::Read, contender, figure);
                }
            }
            Row::Healthz => {
                for contender in [Contender::Shop, Contender::TrivialRust, Contender::TrivialJs] {
                    let figure = self.healthz(contender).await?;
                    self.results.note(Case::Healthz, contender, figure);
                }
            }
            Row::Sockets => {
                for (contender, way, case) in [
                    (Contender::Shop, Way::OneAFrame, Case::OneAFrame),
                    (Contender::BareJs, Way::OneAFrame, Case::OneAFrame),
                    (Contender::Shop, Way::Coalesced, Case::Coalesced),
                ] {
                    let edits = self.options.requests;
                    let at = self.at(contender).await?;
                    let figure = socket::figure(&self.servers[at], &mut self.baskets, edits, way).await?;
                    self.results.note(case, contender, figure);
                }
            }
            Row::Lines | Row::Actors | Row::Edits => growth::measure(self, row, round).await?,
            Row::First => self.first_answers().await?,
            Row::Processes => self.processes().await?,
            Row::Sessions => {
                for contender in [Contender::Shop, Contender::BareJs] {
                    let figure = sessions::highest_rate(self, contender).await?;
                    self.results.note(Case::OpenSessions, contender, figure);
                }
            }
            // They do not differ from round to round.
            Row::Sizes if round == 0 => self.results.sizes = Some(self.sizes().await?),
            Row::Sizes => {}
        }
        Ok(())
    }

    /// The place of a contender's process among those that run; it is started when it is first needed, and warmed up.
    async fn at(&mut self, contender: Contender) -> Result<usize, String> {
        if let Some(at) = self.servers.iter().position(|server| server.contender == contender) {
            return Ok(at);
        }
        let port = self.options.port + self.servers.len() as u16;
        self.servers.push(Server::start(&self.place, contender, port, &json!({})).await?);
        let at = self.servers.len() - 1;
        // Engines compile what is called often anew: that is over before anything is measured.
        let requests = self.options.requests.min(2_000);
        match contender {
            Contender::Shop | Contender::BareJs | Contender::BareRust => {
                let scripts =
                    Shopping::prepare(&self.servers[at], &mut self.baskets, requests, CONNECTIONS).await?;
                drive::play(port, scripts, requests, Schedule::Full).await?.whole()?;
            }
            Contender::TrivialJs | Contender::TrivialRust => {
                let scripts = (0..CONNECTIONS).map(|_| Healthz).collect();
                drive::play(port, scripts, requests, Schedule::Full).await?.whole()?;
            }
        }
        Ok(at)
    }

    /// The process of a contender.
    pub async fn server(&mut self, contender: Contender) -> Result<&Server, String> {
        let at = self.at(contender).await?;
        Ok(&self.servers[at])
    }

    async fn adds(&mut self, contender: Contender) -> Result<Figure, String> {
        let at = self.at(contender).await?;
        let (server, baskets, requests) = (&self.servers[at], &mut self.baskets, self.options.requests);
        let scripts = async || Shopping::prepare(server, baskets, requests, CONNECTIONS).await;
        figure((server.port, &[server.process()]), scripts, requests).await
    }

    async fn reads(&mut self, contender: Contender) -> Result<Figure, String> {
        let at = self.at(contender).await?;
        let (server, baskets, requests) = (&self.servers[at], &mut self.baskets, self.options.requests);
        let scripts = async || Rereading::prepare(server, baskets, CONNECTIONS).await;
        figure((server.port, &[server.process()]), scripts, requests * 2).await
    }

    async fn healthz(&mut self, contender: Contender) -> Result<Figure, String> {
        let at = self.at(contender).await?;
        // They take so little that the kernel's clock of CPU time needs more of them.
        let (server, requests) = (&self.servers[at], self.options.requests * 4);
        let scripts = async || Ok((0..CONNECTIONS).map(|_| Healthz).collect());
        figure((server.port, &[server.process()]), scripts, requests).await
    }

    async fn first_answers(&mut self) -> Result<(), String> {
        let port = self.options.port + 50;
        for contender in [Contender::Shop, Contender::TrivialRust, Contender::TrivialJs] {
            let mut times = Vec::new();
            for _ in 0..STARTS {
                let first = Server::first_answer(&self.place, contender, port).await?;
                times.push(first.as_secs_f64() * 1_000.0);
            }
            let times = sorted(times);
            let figure = Figure {
                p50_ms: percentile(&times, 50.0),
                p99_ms: percentile(&times, 99.0),
                ..Figure::default()
            };
            self.results.note(Case::FirstAnswer, contender, figure);
        }
        Ok(())
    }

    /// Two regions of one service, in one process and in two: adds at the same rate, half of what one can.
    async fn processes(&mut self) -> Result<(), String> {
        let requests = self.options.requests;
        let ports = [self.options.port + 60, self.options.port + 61];
        let peers = format!("enam=http://127.0.0.1:{} weur=http://127.0.0.1:{}", ports[0], ports[1]);
        let one =
            Server::start(&self.place, Contender::Shop, self.options.port + 62, &two_regions("weur", ""))
                .await?;
        let rate = {
            let scripts = Shopping::prepare(&one, &mut self.baskets, requests, CONNECTIONS).await?;
            drive::play(one.port, scripts, requests, Schedule::Full).await?.whole()?.rate() / 2.0
        };
        let figure = self.at_rate(&[&one], requests, rate).await?;
        self.results.note(Case::OneProcess, Contender::Shop, figure);
        drop(one);

        let peers_of = |port: u16| -> String {
            peers.split(' ').filter(|peer| !peer.ends_with(&port.to_string())).collect()
        };
        let mut two = Vec::new();
        for (region, port) in ["enam", "weur"].into_iter().zip(ports) {
            let vars = two_regions(region, &peers_of(port));
            let server = Server::start(&self.place, Contender::Shop, port, &vars).await?;
            // As warm as the one was.
            let scripts = Shopping::prepare(&server, &mut self.baskets, requests, CONNECTIONS).await?;
            drive::play(port, scripts, requests, Schedule::Full).await?.whole()?;
            two.push(server);
        }
        let figure = self.at_rate(&[&two[0], &two[1]], requests, rate).await?;
        self.results.note(Case::TwoProcesses, Contender::Shop, figure);
        Ok(())
    }

    /// Adds at a rate, the same number at each of the processes.
    async fn at_rate(&mut self, servers: &[&Server], requests: usize, rate: f64) -> Result<Figure, String> {
        let (each, share) = (requests / servers.len(), rate / servers.len() as f64);
        let mut prepared = Vec::new();
        for server in servers {
            prepared
                .push((server.port, Shopping::prepare(server, &mut self.baskets, each, CONNECTIONS).await?));
        }
        let processes: Vec<u32> = servers.iter().map(|server| server.process()).collect();
        let before = used(&processes)?;
        let played = prepared
            .into_iter()
            .map(|(port, scripts)| drive::play(port, scripts, each, Schedule::Rate(share)));
        let mut times = Vec::new();
        let mut seconds: f64 = 0.0;
        for tally in futures_util::future::join_all(played).await {
            let tally = tally?.whole()?;
            seconds = seconds.max(tally.seconds);
            times.extend(tally.times_ms);
        }
        let times = sorted(times);
        Ok(Figure {
            rate: times.len() as f64 / seconds,
            p50_ms: percentile(&times, 50.0),
            p99_ms: percentile(&times, 99.0),
            cpu_ms: (used(&processes)? - before) / times.len() as f64,
        })
    }

    /// What does not take time.
    async fn sizes(&mut self) -> Result<Sizes, String> {
        let wasm_gzipped = edge_gzipped(&self.options.served.join("edge.wasm"))?;
        let mut largest: Vec<Basket> = self.all.clone();
        largest.sort_by_key(|basket| std::cmp::Reverse(basket.line_count()));
        let mut basket = largest.first().cloned().unwrap_or_default();
        let real_lines = basket.line_count();
        for line in largest.iter().skip(1).flat_map(|basket| &basket.rows) {
            if basket.line_count() < LARGEST_LINES && basket.rows.iter().all(|there| there.sku != line.sku) {
                basket.rows.push(line.clone());
            }
        }
        let at = self.at(Contender::Shop).await?;
        let mut connection = Connection::open(self.servers[at].port).await?;
        let opened = connection.ask(&Ask::post("/v1/sessions", "{}").expecting(201)).await?;
        let cookie = opened.header("set-cookie").to_owned();
        let visit = Visit::Session { token: opened.text("token")?, cart: opened.text("cart_id")? };
        for line in &basket.rows {
            connection.ask(&visit.add(line)).await?;
        }
        let Visit::Session { token, .. } = &visit else { return Err("a session".to_owned()) };
        let state = socket::state_bytes(&mut connection, &visit).await?;
        let (basket_lines, token, cookie) = (basket.line_count(), token.len(), cookie.len());
        Ok(Sizes { wasm_gzipped, real_lines, basket_lines, token, cookie, state })
    }
}

/// Two regions, of which this process serves one, or, without a peer, both.
fn two_regions(region: &str, peers: &str) -> Value {
    let regions = json!([
        { "region": "enam", "latitude": 39.0, "longitude": -77.5 },
        { "region": "weur", "latitude": 50.1, "longitude": 8.7 },
    ]);
    json!({ "REGION": region, "REGIONS": regions.to_string(), "PEERS": peers })
}

/// The bytes of a file, gzipped as a network would.
fn edge_gzipped(wasm: &Path) -> Result<usize, String> {
    let bytes = std::fs::read(wasm).map_err(|error| format!("{}: {error}", wasm.display()))?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, &bytes).map_err(|error| error.to_string())?;
    gzip.finish().map(|gzipped| gzipped.len()).map_err(|error| error.to_string())
}
