//! What the operator asks: how the regions do, carts as the stores have them, where a cart is at home, moves
//! of slots, dead letters. The operator's bearer is the secret `ADMIN_TOKEN`; where there is none, none of this
//! is there. Served by the stores' module.

use cart_core::cart::Cart;
use cart_core::frame;
use cart_core::id::{CartId, Region};
use cart_core::packed::unpack;
use cart_core::reject::Reject;
use cart_core::replica::{Input, Reply, ReplyKind};
use cart_core::time::Millis;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use worker::{Env, Request, Response};

use crate::cart::call::Call;
use crate::door::headers::{self as respond, rfc3339};
use crate::door::route::{Endpoint, Route};
use crate::door::visitor::Visitor;
use crate::net::peers as transport;
use crate::platform::body;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::{Ask, Errand, Listed, Position, Report, Walked, minute};
use crate::store::letters::{Age, DeadLetter, DeadLetters as _};
use crate::store::{self as region_store, RegionStore as _, dead, home_of, open, slots};

/// How many carts or dead letters a page has.
const PAGE: usize = 50;
/// How long a store is waited for, in milliseconds.
const ASK_MS: u64 = 1_500;
/// A region that takes longer to answer counts as slow, in milliseconds.
const SLOW_MS: u64 = 500;

/// Serves what comes to the stores' module over HTTP. Refusals become problem+json.
pub async fn serve(mut request: Request, env: &Env) -> worker::Result<Response> {
    let outcome = match Config::from_env(env) {
        Ok(config) => handle(&mut request, env, &config).await,
        Err(problem) => Err(problem),
    };
    outcome.or_else(|problem| problem.response())
}

async fn handle(request: &mut Request, env: &Env, config: &Config) -> Result<Response, Problem> {
    let url = request.inner().url();
    let (path, query) = crate::serve::path_and_query(&url);
    if path == transport::STORE_PATH {
        return region_store::receive(request, env, config).await;
    }
    check_operator(request, config)?;
    let Route { endpoint, cart, item } = Route::find(&request.inner().method(), path)?;
    let known: &[&str] = match endpoint {
        Endpoint::StoredCarts => {
            &["home", "owner", "updated_since", "updated_before", "tolerance_ms", "cursor"]
        }
        Endpoint::StoredCart => &["region"],
        Endpoint::DeadLetters => &["region", "cursor"],
        Endpoint::MoveSlot => &["region", "to"],
        _ => &[],
    };
    let here = Visitor::of(request, config)?.region(config);
    let admin = Admin { env, config, here, asked: parameters(query, known)? };
    let item = item.unwrap_or_default();
    let cart = || CartId::try_from(cart.unwrap_or_default());
    match endpoint {
        Endpoint::Regions => {
            let circuits = request.headers().get(transport::CIRCUITS).ok().flatten().unwrap_or_default();
            admin.regions(&circuits).await
        }
        Endpoint::StoredCarts => admin.carts().await,
        Endpoint::StoredCart => admin.cart(&cart()?).await,
        Endpoint::MoveHome => {
            let to: NewHome = body::json(request).await?;
            admin.move_home(&cart()?, &to).await
        }
        Endpoint::MoveSlot => admin.move_slot(&item).await,
        Endpoint::DeadLetters => admin.dead_letters().await,
        Endpoint::ReplayLetter => dead::replay(env, config, &item).await.and_then(|()| done(202)),
        Endpoint::DropLetter => dead::drop_letter(env, config, &item).await.and_then(|()| done(204)),
        _ => Err(nothing_here()),
    }
}

/// Digests are compared, and whole, so that the time it takes says nothing of the token.
fn check_operator(request: &Request, config: &Config) -> Result<(), Problem> {
    if config.admin_token.is_empty() {
        return Err(nothing_here());
    }
    let header = request.headers().get("Authorization").ok().flatten().unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or((&header, ""));
    let digest = |text: &str| <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    let (given, wanted) = (digest(token.trim()), digest(&config.admin_token));
    let differing = given.iter().zip(wanted).fold(0, |differing, (one, other)| differing | (one ^ other));
    if !scheme.eq_ignore_ascii_case("bearer") || differing != 0 {
        let detail = "send the operator's token as Authorization: Bearer";
        return Err(Problem::new(401, "operator_required", detail));
    }
    Ok(())
}

fn nothing_here() -> Problem {
    Problem::new(404, "not_found", "there is nothing at this path; /openapi.json lists all there is")
}

/// The parameters after the question mark. Unknown ones are refused.
fn parameters(query: &str, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let mut asked = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !known.contains(&name.as_ref()) {
            let detail = format!("{name:?} is no parameter here; use {}", known.join(", "));
            return Err(Problem::new(422, "invalid_field", detail));
        }
        asked.push((name.into_owned(), value.into_owned()));
    }
    Ok(asked)
}

/// Where a cart is to be at home.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewHome {
    region: String,
    /// The term of the present home, if that is lost: the region then takes over without it.
    #[serde(default)]
    lost_term: Option<u32>,
}

/// Which store shows the carts of a home.
struct Source {
    home: Region,
    store: Region,
    /// `None` where nobody can say.
    lag_ms: Option<u64>,
    within: bool,
}

struct Admin<'a> {
    env: &'a Env,
    config: &'a Config,
    /// The region that this request is for.
    here: Region,
    asked: Vec<(String, String)>,
}

impl Admin<'_> {
    fn asked(&self, name: &str) -> Option<&str> {
        self.asked.iter().rev().find(|(there, _)| there == name).map(|(_, value)| value.as_str())
    }

    fn place(&self, field: &'static str, name: &str) -> Result<Region, Problem> {
        let region = Region::parse(name).filter(|region| self.config.regions.place(*region).is_some());
        region.ok_or_else(|| Problem::invalid(field, "use a region of GET /v1/admin/regions"))
    }

    /// The region asked for, else the one served here.
    fn region(&self) -> Result<Region, Problem> {
        self.asked("region").map_or(Ok(self.here), |name| self.place("region", name))
    }

    /// As [`Self::region`], if its store is served by this process.
    fn region_here(&self) -> Result<Region, Problem> {
        let region = self.region()?;
        if self.config.peer(region).is_some() {
            let detail = format!("the store of {region} is another process's; ask that one");
            return Err(Problem::new(421, "misdirected", detail));
        }
        Ok(region)
    }

    async fn report(&self, store: Region) -> Option<Report> {
        let answer = region_store::ask(self.env, self.config, Errand::Report { store }, ASK_MS).await;
        let report = answer.and_then(|bytes| Ok(unpack::<Report>(&bytes)?));
        let failed = |problem: &Problem| {
            log::failed(&format!("ask how {store} is"), &problem.detail, "it is shown as down")
        };
        report.inspect_err(failed).ok()
    }

    /// Each region: whether it answers, how the calls of the edge to it fare, how late its store is and what
    /// waits for it.
    async fn regions(&self, circuits: &str) -> Result<Response, Problem> {
        let places = &self.config.regions.places;
        let reports = join_all(places.iter().map(async |place| {
            let asked = transport::now();
            (self.report(place.region).await, transport::now().0.saturating_sub(asked.0))
        }));
        let now = transport::now();
        let mut regions = Vec::new();
        for (place, (report, took_ms)) in places.iter().zip(reports.await) {
            let region = place.region;
            let circuit = circuits.split(' ').filter_map(|entry| entry.split_once('='));
            let circuit = circuit.clone().find(|(name, _)| *name == region.name()).map(|(_, word)| word);
            let health = match &report {
                None => "down",
                Some(report) if !report.available && !place.stores.is_empty() => "store_down",
                Some(_) if took_ms > SLOW_MS => "slow",
                Some(_) => "ok",
            };
            let databases: Vec<Value> = place.stores.iter().map(|name| name.as_str().into()).collect();
            let freshness = report.as_ref().and_then(|report| report.freshness);
            // Of one that does not answer nobody knows.
            let lag_ms = report.as_ref().filter(|report| report.available).map(|report| report.lag_ms(now));
            let waiting = report.as_ref().and_then(|report| report.waiting);
            let backlog = waiting.map(|waiting| {
                object(vec![
                    ("messages", waiting.messages.into()),
                    ("bytes", waiting.bytes.into()),
                    ("oldest_at", waiting.oldest.map(rfc3339).into()),
                ])
            });
            let gone = report.as_ref().map(|report| {
                let gone = report.gone.iter().map(|(kind, count)| (kind.as_str(), Value::from(*count)));
                object(gone.collect())
            });
            let walking = report.iter().flat_map(|report| &report.walks);
            let unended = walking.filter(|walk| walk.name == "backfill" && walk.ended.is_none());
            let left_out = unended.flat_map(|walk| self.config.regions.left_out(&walk.before, region));
            let left_out: Vec<Value> = left_out.map(|region| region.name().into()).collect();
            let walks = report.as_ref().map(|report| {
                object(report.walks.iter().map(|walk| (walk.name.as_str(), stands(walk))).collect())
            });
            regions.push(object(vec![
                ("region", region.name().into()),
                ("served_here", self.config.peer(region).is_none().into()),
                ("share", place.share.into()),
                ("health", health.into()),
                ("answered_in_ms", report.as_ref().map(|_| took_ms).into()),
                ("breaker", circuit.into()),
                ("databases", databases.into()),
                ("lag_ms", lag_ms.into()),
                ("lag_versions", freshness.map(|freshness| freshness.late_versions).into()),
                ("taken_at", freshness.map(|freshness| rfc3339(freshness.taken)).into()),
                ("backlog", backlog.into()),
                ("dead_letters", report.as_ref().map(|report| report.dead_letters).into()),
                ("second", place.second.map(Region::name).into()),
                ("left_out", left_out.into()),
                ("closing", place.closing.into()),
                ("gone", gone.into()),
                ("walks", walks.into()),
                ("rows_written", report.as_ref().map(|report| report.rows_written).into()),
            ]));
        }
        answer(vec![("here", self.here.name().into()), ("regions", regions.into())])
    }

    /// Carts as the stores have them: for each home from the nearest of its stores that is fresh enough. If
    /// none is, from the freshest, which the answer says; and so if the home cannot be asked, since then nobody
    /// knows what the others lack.
    async fn carts(&self) -> Result<Response, Problem> {
        let tolerance_ms = self.asked("tolerance_ms").map(str::parse::<u64>).transpose();
        let tolerance_ms = tolerance_ms
            .map_err(|_| Problem::invalid("tolerance_ms", "use a whole number of milliseconds"))?;
        let time = |name: &'static str| self.asked(name).map(|text| moment(name, text)).transpose();
        let since = time("updated_since")?.unwrap_or(Millis(0));
        let before = time("updated_before")?.unwrap_or(Millis(1 << 52));
        let owner = self.asked("owner").map(str::to_owned);
        let after = self.asked("cursor").map(position).transpose()?;
        let homes = match self.asked("home") {
            Some(name) => vec![self.place("home", name)?],
            None => self.config.regions.places.iter().map(|place| place.region).collect(),
        };
        let sources = self.sources(homes, tolerance_ms).await?;
        let pages = join_all(sources.iter().map(async |source| {
            let ask = Ask {
                home: source.home,
                owner: owner.clone(),
                since,
                before,
                after: after.clone(),
                count_max: PAGE + 1,
            };
            let errand = Errand::List { store: source.store, ask };
            let bytes = region_store::ask(self.env, self.config, errand, ASK_MS).await?;
            Ok::<_, Problem>(unpack::<Vec<Listed>>(&bytes)?)
        }));
        let mut listed = Vec::new();
        for page in pages.await {
            listed.extend(page?);
        }
        listed.sort_unstable_by_key(Position::of);
        let next = listed.get(PAGE - 1).filter(|_| listed.len() > PAGE);
        let next = next.map(|next| format!("{}.{}", minute(next.updated), next.cart_id));
        let carts: Vec<Value> = listed.iter().take(PAGE).map(shown).collect();
        let sources: Vec<Value> = sources.iter().map(source).collect();
        answer(vec![("carts", carts.into()), ("next_cursor", next.into()), ("sources", sources.into())])
    }

    /// For each home the store to read.
    async fn sources(&self, homes: Vec<Region>, tolerance_ms: Option<u64>) -> Result<Vec<Source>, Problem> {
        let regions = &self.config.regions;
        // In the order of distance.
        let mut asked = regions.nearest_to(self.here);
        let holds = |store: &Region| homes.iter().any(|home| regions.listing(*home).contains(store));
        asked.retain(|region| homes.contains(region) || holds(region));
        let reports = join_all(asked.iter().map(|region| self.report(*region))).await;
        let reports: Vec<(Region, Report)> =
            asked.into_iter().zip(reports).filter_map(|(region, report)| Some((region, report?))).collect();
        let now = transport::now();
        let mut sources = Vec::new();
        for home in homes {
            let of_home = regions.listing(home);
            if of_home.is_empty() {
                continue;
            }
            // A store is late by what reaches it. Of a home that cannot be asked nothing may reach it.
            let answers = reports.iter().any(|(region, _)| *region == home);
            let there = reports.iter().filter(|(store, report)| of_home.contains(store) && report.available);
            let there = there.map(|(store, report)| (*store, answers.then(|| report.lag_ms(now))));
            let within = |lag_ms: Option<u64>| {
                tolerance_ms.is_none_or(|tolerance_ms| lag_ms.is_some_and(|lag_ms| lag_ms <= tolerance_ms))
            };
            let best = there.clone().find(|(_, lag_ms)| within(*lag_ms));
            let best = best.or_else(|| there.min_by_key(|(_, lag_ms)| *lag_ms));
            let (store, lag_ms) = best.ok_or_else(|| {
                let detail = format!("no store that has the carts of {home} answers; try again");
                Problem::retry(503, "store_unavailable", detail)
            })?;
            sources.push(Source { home, store, lag_ms, within: within(lag_ms) });
        }
        Ok(sources)
    }

    /// A cart's row in the store of a region.
    async fn cart(&self, cart_id: &CartId) -> Result<Response, Problem> {
        let region = self.region_here()?;
        let rows = open(self.env, self.config, region)?.read(std::slice::from_ref(cart_id)).await?;
        let (_, row) = rows.into_iter().next().ok_or(Reject::CartNotFound)?;
        let row = row?;
        let stored = &row.stored;
        let digest = frame::digest(&stored.cart, &stored.ties);
        answer(vec![
            ("cart_id", cart_id.as_str().into()),
            ("store", region.name().into()),
            ("home", home(cart_id, &stored.cart)),
            ("slot", slots::slot_of(cart_id).into()),
            ("rev", stored.rev.into()),
            ("digest", hex(&digest).into()),
            ("version", stored.cart.version().to_hex().into()),
            ("sequence", row.sequence.into()),
            ("updated_at", rfc3339(row.updated).into()),
            ("erased", stored.cart.is_erased().into()),
            ("resident", row.resident.into()),
        ])
    }

    /// Moves a cart's home: the present one hands it over, or, where that is lost, the new one takes it.
    async fn move_home(&self, cart_id: &CartId, to: &NewHome) -> Result<Response, Problem> {
        let region = self.place("region", &to.region)?;
        let input = match to.lost_term {
            Some(term) => Input::TakeOver { term },
            None => Input::HandOver { to: region },
        };
        let near = match to.lost_term {
            Some(_) => vec![region],
            None => self.config.regions.nearest_to(cart_id.first_home()),
        };
        let mut near = near.into_iter();
        let mut next = near.next();
        let detail = "the regions disagree on the home for now; try again";
        let mut refusal = Problem::retry(503, "region_unreachable", detail);
        // Each that is no longer the home names the next; in a circle only while they have not told each other.
        for _ in 0..=2 * self.config.regions.places.len() {
            let Some(at) = next else { break };
            next = near.next();
            let before = match self.call(cart_id, at, Input::Read).await {
                Err(problem) if problem.elsewhere() => {
                    refusal = problem;
                    continue;
                }
                before => before?,
            };
            if before.sequence == 0 && before.partial {
                let detail = "no region and no store that answers now knows the cart; try again";
                refusal = Problem::retry(503, "region_unreachable", detail);
                continue;
            }
            if before.sequence == 0 {
                return Err(Reject::CartNotFound.into());
            }
            match self.call(cart_id, at, input.clone()).await? {
                Reply { kind: ReplyKind::AtHome(home), .. } if home != region => next = Some(home),
                Reply { kind: ReplyKind::AtHome(_), .. } => return moved(cart_id, &before),
                reply => return moved(cart_id, &reply),
            }
        }
        Err(refusal)
    }

    async fn call(&self, cart_id: &CartId, region: Region, input: Input) -> Result<Reply, Problem> {
        let call = Call::of_service(cart_id.clone(), region, input, self.config.skew_ms);
        transport::send(self.env, self.config, self.here, &call).await.map(|(reply, _)| reply)
    }

    async fn move_slot(&self, slot: &str) -> Result<Response, Problem> {
        let slot = slot.parse().ok().filter(|slot| *slot < slots::SLOTS);
        let slot = slot.ok_or_else(|| Problem::invalid("slot", "use a whole number below 1,024"))?;
        let region = self.region_here()?;
        let to = self.asked("to").ok_or_else(|| Problem::invalid("to", "name the database to move it to"))?;
        let moved = open(self.env, self.config, region)?.move_slot(slot, to).await?;
        answer(vec![
            ("slot", slot.into()),
            ("region", region.name().into()),
            ("to", to.into()),
            ("copied", moved.copied.into()),
            ("done", moved.done.into()),
        ])
    }

    /// Dead letters, oldest first.
    async fn dead_letters(&self) -> Result<Response, Problem> {
        let only = self.asked("region").map(|_| self.region_here()).transpose()?;
        let after = self.asked("cursor").map(age).transpose()?.unwrap_or_default();
        let mut letters = Vec::new();
        for region in dead::here(self.config).filter(|region| only.is_none_or(|only| only == *region)) {
            let kept = open(self.env, self.config, region)?.dead_letters(&after, PAGE + 1).await?;
            letters.extend(kept.into_iter().map(|letter| (region, letter)));
        }
        letters.sort_unstable_by(|(_, one), (_, other)| (one.died, &one.id).cmp(&(other.died, &other.id)));
        let next = letters.get(PAGE - 1).filter(|_| letters.len() > PAGE);
        let next = next.map(|(_, letter)| format!("{}.{}", letter.died.0, letter.id));
        letters.truncate(PAGE);
        let shown = |(region, letter): (Region, DeadLetter)| {
            let meant = dead::meant(&letter);
            object(vec![
                ("id", letter.id.into()),
                ("kept_in", region.name().into()),
                ("died_at", rfc3339(letter.died).into()),
                ("reason", letter.reason.into()),
                ("bytes", letter.body.len().into()),
                ("store", meant.as_ref().map(|meant| meant.store.name()).into()),
                ("cart_id", meant.as_ref().map(|meant| meant.cart_id.as_str()).into()),
                ("sent_at", meant.as_ref().map(|meant| rfc3339(meant.sent)).into()),
            ])
        };
        let letters: Vec<Value> = letters.into_iter().map(shown).collect();
        answer(vec![("dead_letters", letters.into()), ("next_cursor", next.into())])
    }
}

/// An object of JSON, with far less code than the macro makes.
fn object(fields: Vec<(&str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn answer(fields: Vec<(&str, Value)>) -> Result<Response, Problem> {
    respond::json_of(&object(fields), 200).map_err(|error| Problem::object(&error))
}

fn done(status: u16) -> Result<Response, Problem> {
    Response::empty().map(|response| response.with_status(status)).map_err(|error| Problem::object(&error))
}

fn moved(cart_id: &CartId, reply: &Reply) -> Result<Response, Problem> {
    let cart = Cart::from_bytes(&reply.cart)?;
    answer(vec![("cart_id", cart_id.as_str().into()), ("home", home(cart_id, &cart))])
}

fn home(cart_id: &CartId, cart: &Cart) -> Value {
    let term = cart.home().map_or(0, |home| home.term);
    object(vec![("region", home_of(cart_id, cart).name().into()), ("term", term.into())])
}

fn shown(row: &Listed) -> Value {
    object(vec![
        ("cart_id", row.cart_id.as_str().into()),
        ("owner", row.owner.as_deref().into()),
        ("home", row.home.name().into()),
        ("quantity", row.quantity.into()),
        ("lines", row.lines.into()),
        ("created_at", rfc3339(row.created).into()),
        ("updated_at", rfc3339(row.updated).into()),
        ("erased", row.erased.into()),
        ("digest", hex(&row.digest).into()),
        ("rev", row.rev.into()),
    ])
}

fn stands(walk: &Walked) -> Value {
    object(vec![
        ("began_at", rfc3339(walk.began).into()),
        ("ended_at", walk.ended.map(rfc3339).into()),
        ("passed", walk.passed.into()),
        ("done", walk.done.into()),
        ("queries_max", walk.queries_max.into()),
        ("calls_max", walk.calls_max.into()),
        ("current", walk.current.into()),
    ])
}

fn source(source: &Source) -> Value {
    object(vec![
        ("home", source.home.name().into()),
        ("store", source.store.name().into()),
        ("lag_ms", source.lag_ms.into()),
        ("within_tolerance", source.within.into()),
    ])
}

fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

fn moment(field: &'static str, text: &str) -> Result<Millis, Problem> {
    let ms = js_sys::Date::parse(text);
    if ms.is_nan() || ms < 0.0 {
        return Err(Problem::invalid(field, "use a time as in RFC 3339"));
    }
    Ok(Millis(ms as u64))
}

fn position(text: &str) -> Result<Position, Problem> {
    age(text).map(|(minute, cart_id)| Position { minute, cart_id })
}

/// A place in a list: a number and an id.
fn age(text: &str) -> Result<Age, Problem> {
    let parts = text.split_once('.').and_then(|(number, id)| Some((number.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Problem::invalid("cursor", "use the next_cursor of the page before"))
}
