//! Carts as the stores have them, and moves of their homes and slots.

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

use crate::cart::call::{Call, send};
use crate::ops::admin::{ASK_MS, Admin, PAGE, age, answer, hex, home, object};
use crate::platform::answer::{Answer, rfc3339};
use crate::platform::clock::present;
use crate::platform::problem::Problem;
use crate::store::call::{Ask, Errand, Listed, Position, Report, minute};
use crate::store::databases::open;
use crate::store::errands;
use crate::store::region::RegionStore as _;
use crate::store::slots;

/// Where a cart is to be at home.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHome {
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

impl Admin<'_> {
    /// Carts as the stores have them: for each home from the nearest of its stores that is fresh enough. If
    /// none is, from the freshest, which the answer says; and so if the home cannot be asked, since then nobody
    /// knows what the others lack.
    pub async fn carts(&self) -> Result<Answer, Problem> {
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
            let bytes = errands::ask(self.env, self.config, errand, ASK_MS).await?;
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
        let now = present();
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
    pub async fn cart(&self, cart_id: &CartId) -> Result<Answer, Problem> {
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
    pub async fn move_home(&self, cart_id: &CartId, to: &NewHome) -> Result<Answer, Problem> {
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
        send(self.env, self.config, self.here, &call).await.map(|(reply, _)| reply)
    }

    pub async fn move_slot(&self, slot: &str) -> Result<Answer, Problem> {
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
}

fn moved(cart_id: &CartId, reply: &Reply) -> Result<Answer, Problem> {
    let cart = Cart::from_bytes(&reply.cart)?;
    answer(vec![("cart_id", cart_id.as_str().into()), ("home", home(cart_id, &cart))])
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

fn source(source: &Source) -> Value {
    object(vec![
        ("home", source.home.name().into()),
        ("store", source.store.name().into()),
        ("lag_ms", source.lag_ms.into()),
        ("within_tolerance", source.within.into()),
    ])
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
