//! Several regions as several processes, each with its own port, state and settings, all of one build and
//! one secret. A region knows the others only by the proxies between them: every ordered pair has a `Link`
//! where a test cuts, loses and delays. Clients reach each region past the proxies.
//!
//! A process is told who it is and whom it knows by settings: `REGION`, and `PEERS` (`name=url` of each
//! other, with spaces between).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::{Faults, Link, Options, Runtime, Shop};

/// What may differ between worlds of regions.
#[derive(Clone, Default)]
pub struct RegionsOptions {
    /// Settings of all regions.
    pub vars: Vec<(String, String)>,
    /// Settings of one region, by its name; these win.
    pub vars_of: BTreeMap<String, Vec<(String, String)>>,
    /// Whether their disks can be filled.
    pub bounded_disks: bool,
    /// What the chance of all links comes from.
    pub seed: u64,
    /// Another tree to serve than this one, built already.
    pub tree: Option<PathBuf>,
    /// The same for one region, by its name.
    pub tree_of: BTreeMap<String, PathBuf>,
}

/// Running regions and the links between them.
pub struct Regions {
    // In this order, since dropping a process ends what it still has under way on the links.
    runtimes: BTreeMap<String, Runtime>,
    links: BTreeMap<(String, String), Arc<Link>>,
}

impl Regions {
    /// Starts them with empty states and the whole catalog, linked without faults.
    pub async fn start(names: &[&str], options: RegionsOptions) -> Self {
        let (first, others) = names.split_first().expect("a region");
        let settings = Options {
            vars: options.vars.clone(),
            tree: options.tree.clone(),
            bounded_disk: options.bounded_disks,
            ..Options::default()
        };
        assert!(!options.tree_of.contains_key(*first), "the first region serves what most do");
        let prepared = Runtime::prepare(settings.clone());
        let prepare = |name: &str| match options.tree_of.get(name) {
            Some(tree) => Runtime::prepare(Options { tree: Some(tree.clone()), ..settings.clone() }),
            None => Runtime::prepare_like(&prepared),
        };
        let mut runtimes: BTreeMap<_, _> =
            others.iter().map(|name| ((*name).to_owned(), prepare(name))).collect();
        runtimes.insert((*first).to_owned(), prepared);
        assert_eq!(runtimes.len(), names.len(), "a region is named twice: {names:?}");

        let links = link(&runtimes, options.seed).await;
        for (name, runtime) in &mut runtimes {
            let peers = links.iter().filter(|((from, _), _)| from == name);
            let peers: Vec<_> = peers.map(|((_, to), link)| format!("{to}={}", link.url())).collect();
            runtime.set("REGION", name);
            runtime.set("PEERS", &peers.join(" "));
            for (variable, value) in options.vars_of.get(name).into_iter().flatten() {
                runtime.set(variable, value);
            }
        }
        assert!(
            options.vars_of.keys().all(|name| runtimes.contains_key(name)),
            "settings of regions that are not there: {:?}",
            options.vars_of.keys()
        );
        // All at once: most of a start is waiting.
        runtimes.values_mut().for_each(Runtime::launch);
        for runtime in runtimes.values_mut() {
            runtime.wait_until_ready().await;
        }
        Self { runtimes, links }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.runtimes.keys().map(String::as_str)
    }

    /// A client in a region.
    pub fn shop(&self, region: &str) -> Shop {
        self.runtime(region).shop()
    }

    #[track_caller]
    pub fn runtime(&self, region: &str) -> &Runtime {
        self.runtimes.get(region).unwrap_or_else(|| panic!("no region {region}"))
    }

    /// For a setting that holds from the next start on.
    #[track_caller]
    pub fn runtime_mut(&mut self, region: &str) -> &mut Runtime {
        self.runtimes.get_mut(region).unwrap_or_else(|| panic!("no region {region}"))
    }

    /// The way of requests from one region to another.
    #[track_caller]
    pub fn link(&self, from: &str, to: &str) -> &Arc<Link> {
        let pair = (from.to_owned(), to.to_owned());
        self.links.get(&pair).unwrap_or_else(|| panic!("no link from {from} to {to}"))
    }

    /// All links, by sender and receiver.
    pub fn links(&self) -> impl Iterator<Item = (&str, &str, &Arc<Link>)> {
        self.links.iter().map(|((from, to), link)| (from.as_str(), to.as_str(), link))
    }

    /// The same faults on all links.
    pub fn set(&self, faults: &Faults) {
        self.links.values().for_each(|link| link.set(faults.clone()));
    }

    /// Cuts all links between two sides, both ways; other faults stay as they are.
    #[track_caller]
    pub fn partition(&self, one: &[&str], other: &[&str]) {
        for from in one {
            for to in other {
                self.link(from, to).change(|faults| faults.cut = true);
                self.link(to, from).change(|faults| faults.cut = true);
            }
        }
    }

    /// Cuts a region off from all others.
    #[track_caller]
    pub fn isolate(&self, region: &str) {
        let others: Vec<_> = self.names().filter(|name| *name != region).collect();
        assert!(others.len() < self.runtimes.len(), "no region {region}");
        self.partition(&[region], &others);
    }

    /// Ends all faults of all links, and lets go what they hold.
    pub fn heal(&self) {
        self.links.values().for_each(|link| link.heal());
    }

    /// Ends a region at once and without warning. It keeps what is on its disk.
    #[track_caller]
    pub fn kill(&mut self, region: &str) {
        self.runtime_mut(region).kill();
    }

    /// Starts a region again on what it had stored, and waits until it is ready.
    pub async fn restart(&mut self, region: &str) {
        self.runtime_mut(region).restart().await;
    }

    /// Stops a region where it stands: it takes connections and answers nothing.
    #[track_caller]
    pub fn stop(&self, region: &str) {
        self.runtime(region).stop();
    }

    /// Lets a stopped region go on.
    #[track_caller]
    pub fn resume(&self, region: &str) {
        self.runtime(region).resume();
    }

    /// Loses all that a region's objects have stored, and starts it again. The catalog stays.
    pub async fn wipe(&mut self, region: &str) {
        self.runtime_mut(region).wipe().await;
    }
}

/// A link for each ordered pair, each with luck of its own.
async fn link(runtimes: &BTreeMap<String, Runtime>, seed: u64) -> BTreeMap<(String, String), Arc<Link>> {
    let mut seeds = fastrand::Rng::with_seed(seed);
    let mut links = BTreeMap::new();
    for from in runtimes.keys() {
        for (to, runtime) in runtimes.iter().filter(|(to, _)| *to != from) {
            let link = Link::open(runtime.url(), seeds.u64(..)).await;
            links.insert((from.clone(), to.clone()), Arc::new(link));
        }
    }
    links
}
