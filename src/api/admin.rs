//! What the operator asks of the stores: lists of carts, how fresh they are, dead letters, moves of slots.
//! The operator's bearer is the secret `ADMIN_TOKEN`; where there is none, none of this is there.

use cart_core::frame;
use cart_core::id::{CartId, Region};
use cart_core::reject::Reject;
use cart_core::time::Millis;
use cart_core::wire::Version;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use worker::{Env, Request, Response};

use super::ours;
use crate::body;
use crate::config::Config;
use crate::error::Problem;
use crate::region_store::{
    Ask, Freshness, Listed, Position, RegionStore as _, d1, dead, minute, open, queue, slots,
};
use crate::respond::{self, rfc3339};
use crate::route::{Endpoint, Route};

/// How many carts or dead letters a page has.
const PAGE: usize = 50;
/// The media type of frames.
const FRAME_TYPE: &str = "application/vnd.evercart.frame";

/// Serves a request below `/v1/admin`.
pub async fn serve(
    request: &mut Request,
    env: &Env,
    config: &Config,
    here: Region,
    route: Route,
    query: &str,
) -> Result<Response, Problem> {
    check_operator(request, config)?;
    let known: &[&str] = match route.endpoint {
        Endpoint::AdminCarts => &["region", "owner", "updated_since", "tolerance_ms", "cursor"],
        Endpoint::AdminCart | Endpoint::AdminFrame | Endpoint::AdminDeadLetters => &["region"],
        Endpoint::AdminMoveSlot => &["region", "to"],
        _ => &[],
    };
    let admin = Admin { env, config, here, asked: parameters(query, known)? };
    let item = route.item.unwrap_or_default();
    let cart = || CartId::try_from(route.cart.clone().unwrap_or_default());
    match route.endpoint {
        Endpoint::AdminCarts => admin.carts().await,
        Endpoint::AdminCart => admin.cart(&cart()?).await,
        Endpoint::AdminFrame => admin.frame(request, &cart()?).await,
        Endpoint::AdminStores => admin.stores().await,
        Endpoint::AdminMoveSlot => admin.move_slot(&item).await,
        Endpoint::AdminDeadLetters => admin.dead_letters().await,
        Endpoint::AdminReplay => dead::replay(env, config, &item).await.and_then(|()| done(202)),
        Endpoint::AdminDrop => dead::drop_letter(env, config, &item).await.and_then(|()| done(204)),
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

/// What a store has of a list.
struct Page {
    within: bool,
    late_ms: u64,
    store: Region,
    freshness: Option<Freshness>,
    listed: Vec<Listed>,
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

    /// The region asked for, else the one served here.
    fn region(&self) -> Result<Region, Problem> {
        let Some(name) = self.asked("region") else { return Ok(self.here) };
        let region = Region::parse(name).filter(|region| self.config.regions.place(*region).is_some());
        region.ok_or_else(|| Problem::invalid("region", "use a region of GET /v1/admin/stores"))
    }

    /// The carts at home in a region, from the nearest store that has them and is fresh enough. If none is,
    /// from the freshest, which the answer says.
    async fn carts(&self) -> Result<Response, Problem> {
        let home = self.region()?;
        let tolerance_ms = self.asked("tolerance_ms").map(str::parse::<u64>).transpose();
        let tolerance_ms = tolerance_ms
            .map_err(|_| Problem::invalid("tolerance_ms", "use a whole number of milliseconds"))?;
        let since = self.asked("updated_since").map(moment).transpose()?.unwrap_or(Millis(0));
        let owner = self.asked("owner").map(str::to_owned);
        let after = self.asked("cursor").map(position).transpose()?;
        let ask = Ask { home, owner, updated_since: since, after, count_max: PAGE + 1 };

        let holders = self.config.regions.stores_of(home);
        let mut near = self.config.regions.nearest_to(self.here);
        // Those that other processes serve are asked there.
        near.retain(|region| holders.contains(region) && self.config.peer(*region).is_none());
        let mut best: Option<Page> = None;
        for region in near {
            let store = open(self.env, self.config, region)?;
            // A store that does not answer is passed over.
            let (Ok(freshness), Ok(listed)) = (store.freshness().await, store.list(&ask).await) else {
                continue;
            };
            let late_ms = freshness.map_or(0, |freshness| freshness.late_ms);
            let within = tolerance_ms.is_none_or(|tolerance_ms| late_ms <= tolerance_ms);
            if best.as_ref().is_none_or(|best| within || late_ms < best.late_ms) {
                best = Some(Page { within, late_ms, store: region, freshness, listed });
            }
            if within {
                break;
            }
        }
        let Page { within, store, freshness, listed, .. } = best.ok_or_else(|| {
            Problem::retry(503, "store_unavailable", "no store of the region answers; try again")
        })?;
        let next = listed.get(PAGE - 1).filter(|_| listed.len() > PAGE);
        let next = next.map(|next| format!("{}.{}", minute(next.updated), next.cart_id));
        let carts: Vec<Value> = listed.iter().take(PAGE).map(shown).collect();
        answer(vec![
            ("region", home.name().into()),
            ("store", store.name().into()),
            ("within_tolerance", within.into()),
            ("freshness", freshness.map_or(Value::Null, fresh)),
            ("carts", carts.into()),
            ("next_cursor", next.into()),
        ])
    }

    /// A cart's row in the store of a region.
    async fn cart(&self, cart_id: &CartId) -> Result<Response, Problem> {
        let region = self.region()?;
        let rows = open(self.env, self.config, region)?.read(std::slice::from_ref(cart_id)).await?;
        let (_, row) = rows.into_iter().next().ok_or(Reject::CartNotFound)?;
        let stored = &row.stored;
        let digest = frame::digest(&stored.cart, &stored.ties);
        answer(vec![
            ("cart_id", cart_id.as_str().into()),
            ("store", region.name().into()),
            ("slot", slots::slot_of(cart_id).into()),
            ("rev", stored.rev.into()),
            ("digest", hex(&digest).into()),
            ("version", hex(&Version::of_bytes(&stored.cart.to_bytes()).0).into()),
            ("sequence", row.sequence.into()),
            ("updated_at", rfc3339(row.updated).into()),
            ("erased", stored.cart.is_erased().into()),
            ("resident", row.resident.into()),
        ])
    }

    /// Hands a frame to a store by its queue: for tests, and where the way from a replica is to be tried.
    async fn frame(&self, request: &mut Request, cart_id: &CartId) -> Result<Response, Problem> {
        if !self.config.development {
            return Err(nothing_here());
        }
        let media_type = request.headers().get("Content-Type").ok().flatten().unwrap_or_default();
        if media_type != FRAME_TYPE {
            let detail = format!("the body is {media_type:?}; send a frame with Content-Type: {FRAME_TYPE}");
            return Err(Problem::new(415, "unsupported_media_type", detail));
        }
        let frame = body::read(request, frame::FRAME_BYTES_MAX).await?;
        queue::enqueue(self.env, self.config, self.region()?, cart_id, &frame).await?;
        done(202)
    }

    async fn stores(&self) -> Result<Response, Problem> {
        let mut stores = Vec::new();
        for place in self.config.regions.places.iter().filter(|place| !place.stores.is_empty()) {
            let store = open(self.env, self.config, place.region)?;
            let freshness = store.freshness().await;
            let databases: Vec<Value> = place.stores.iter().map(|name| name.as_str().into()).collect();
            stores.push(object(vec![
                ("region", place.region.name().into()),
                ("databases", databases.into()),
                ("available", freshness.is_ok().into()),
                ("freshness", freshness.ok().flatten().map_or(Value::Null, fresh)),
            ]));
        }
        answer(vec![("stores", stores.into()), ("rows_written", d1::rows_written().into())])
    }

    async fn move_slot(&self, slot: &str) -> Result<Response, Problem> {
        let slot = slot.parse().ok().filter(|slot| *slot < slots::SLOTS);
        let slot = slot.ok_or_else(|| Problem::invalid("slot", "use a whole number below 1,024"))?;
        let region = self.region()?;
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

    async fn dead_letters(&self) -> Result<Response, Problem> {
        let places = self.config.regions.places.iter().filter(|place| !place.stores.is_empty());
        let only = self.asked("region").map(|_| self.region()).transpose()?;
        let mut letters = Vec::new();
        for place in places.filter(|place| only.is_none_or(|only| only == place.region)) {
            for letter in open(self.env, self.config, place.region)?.dead_letters(PAGE).await? {
                let meant = queue::Letter::from_bytes(&letter.body);
                letters.push(object(vec![
                    ("id", letter.id.into()),
                    ("kept_in", place.region.name().into()),
                    ("died_at", rfc3339(letter.died).into()),
                    ("reason", letter.reason.into()),
                    ("bytes", letter.body.len().into()),
                    ("store", meant.as_ref().map(|meant| meant.store.name()).into()),
                    ("cart_id", meant.as_ref().map(|meant| meant.cart_id.as_str()).into()),
                    ("sent_at", meant.as_ref().map(|meant| rfc3339(meant.sent)).into()),
                ]));
            }
        }
        answer(vec![("dead_letters", letters.into())])
    }
}

/// An object of JSON, with far less code than the macro makes.
fn object(fields: Vec<(&str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn answer(fields: Vec<(&str, Value)>) -> Result<Response, Problem> {
    respond::json_of(&object(fields), 200).map_err(ours)
}

fn done(status: u16) -> Result<Response, Problem> {
    Response::empty().map(|response| response.with_status(status)).map_err(ours)
}

fn shown(row: &Listed) -> Value {
    object(vec![
        ("cart_id", row.cart_id.as_str().into()),
        ("owner", row.owner.as_deref().into()),
        ("quantity", row.quantity.into()),
        ("lines", row.lines.into()),
        ("created_at", rfc3339(row.created).into()),
        ("updated_at", rfc3339(row.updated).into()),
        ("erased", row.erased.into()),
        ("digest", hex(&row.digest).into()),
        ("rev", row.rev.into()),
    ])
}

fn fresh(freshness: Freshness) -> Value {
    object(vec![
        ("taken_at", rfc3339(freshness.taken).into()),
        ("late_ms", freshness.late_ms.into()),
        ("late_versions", freshness.late_versions.into()),
    ])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn moment(text: &str) -> Result<Millis, Problem> {
    let ms = js_sys::Date::parse(text);
    if ms.is_nan() {
        return Err(Problem::invalid("updated_since", "use a time as in RFC 3339"));
    }
    Ok(Millis(ms as u64))
}

fn position(text: &str) -> Result<Position, Problem> {
    let parts = text.split_once('.').and_then(|(minute, id)| Some((minute.parse().ok()?, id)));
    let (minute, id) =
        parts.ok_or_else(|| Problem::invalid("cursor", "use the next_cursor of the page before"))?;
    Ok(Position { minute, cart_id: id.to_owned() })
}
