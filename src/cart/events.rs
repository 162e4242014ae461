//! A cart as it changes: a socket for a device, events for a page.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use cart_core::replica::{Input, Reply, ReplyKind};
use cart_core::session::{TICKET_MS, TokenFault};
use cart_core::time::Millis;
use cart_core::view::Offers;
use futures_util::future::{Either, select};
use futures_util::stream::Stream;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::AbortSignal;
use worker::{Env, Response, WebSocket, WebsocketEvent};

use crate::cart::call::{Call, Opened, Opening, caller, odd_reply, open};
use crate::cart::shown::show;
use crate::door::exchange::{Exchange, Query};
use crate::door::visitor::{PROTOCOLS, Visitor, fault};
use crate::platform::answer::{self, Answer, rfc3339};
use crate::platform::body::{self, Empty};
use crate::platform::clock::{self, present};
use crate::platform::config::Config;
use crate::platform::deadline::within;
use crate::platform::problem::Problem;
use crate::platform::request::Request;

/// What a replica asks the edge of a stream, for which it sends a line: of a reader that goes while the first event is on
/// its way the platform tells nobody, but what is sent next is not taken.
pub(super) const ASKED: &str = "read?";
/// The protocol of sockets.
const PROTOCOL: &str = "evercart.v1";
/// A line that means nothing.
const NOTHING: &str = ":\n\n";
/// After what silence it is sent, in milliseconds: what is in between closes what is idle.
const SILENCE_MS: u64 = 15_000;
/// After what time a browser whose events have ended asks for them again, in milliseconds.
const RETRY_MS: u64 = 2_000;

/// How long a stream lasts at least, in milliseconds: not all that stand between tell when a reader has gone, and
/// who still reads asks again with the last event's id.
const STREAM_MS: u64 = 600_000;

impl Exchange<'_> {
    /// A socket of a device.
    pub(super) async fn live(&mut self, cart: &str) -> Result<Answer, Problem> {
        let header = |name: &str| self.header(name).unwrap_or_default();
        if !header("Upgrade").eq_ignore_ascii_case("websocket") {
            let detail = "this path opens a WebSocket: send Upgrade: websocket, or use POST ../sync";
            return Err(Problem::new(426, "upgrade_required", detail));
        }
        let spoken = header(PROTOCOLS).split(',').any(|name| name.trim() == PROTOCOL);
        let socket = self.connect(cart, false).await?;
        let response = Response::from_websocket(socket).map_err(|error| Problem::object(&error))?;
        let mut answer = Answer::made(response.into());
        if spoken {
            answer.put(PROTOCOLS, PROTOCOL);
        }
        Ok(answer)
    }

    /// What opens a socket where no header can be set.
    pub(super) async fn ticket(&mut self, cart: &str) -> Result<Answer, Problem> {
        let Empty {} = body::json(self.request).await?;
        let (_, reply, _) = self.read(cart).await?;
        // It has no sockets. That is no failure: every device that showed the cart comes here once.
        if let ReplyKind::State { merged_into: Some(_), .. } = reply.kind {
            return answer::json_of(&json!({"ticket": null, "merged": true}), 200);
        }
        let now = self.visitor.now;
        let ticket = self.config.signer.ticket(self.visitor.session()?, cart, now);
        let body = json!({"ticket": ticket, "expires_at": rfc3339(now.plus(TICKET_MS))});
        answer::json_of(&body, 201)
    }

    /// The view now, and after each change.
    pub(super) async fn events(&mut self, cart: &str) -> Result<Answer, Problem> {
        // What refuses a read refuses this, as it does.
        let (cart_id, ..) = self.read(cart).await?;
        let socket = self.connect(cart_id.as_str(), true).await?;
        let last = self.header("Last-Event-ID").map(str::to_owned);
        let lines = Rc::default();
        let feed = Feed {
            lines: Rc::clone(&lines),
            writer: Box::pin(
                Watch {
                    gone: self.request.raw.signal(),
                    request: self.request.clone(),
                    env: self.env.clone(),
                    config: Rc::clone(self.config),
                    visitor: self.visitor.clone(),
                    cart: cart_id.to_string(),
                    socket: Nudges(socket),
                    lines,
                }
                .write(last),
            ),
            ended: false,
        };
        let response = Response::from_stream(feed).map_err(|error| Problem::object(&error))?;
        let mut answer = Answer::made(response.into());
        answer.put("Content-Type", "text/event-stream");
        answer.put("Cache-Control", "no-store");
        Ok(answer)
    }

    /// Opens a socket where the session's edits go.
    async fn connect(&mut self, cart: &str, nudged: bool) -> Result<WebSocket, Problem> {
        let (cart_id, session, current) = self.owned(cart)?;
        let opening = |cart_id, caller| Opening {
            call: Call {
                region: self.visitor.region(self.config),
                fresh: self.is_fresh(&cart_id),
                cart_id,
                caller,
                input: Input::Read,
                shown_by: self.shown_by(),
                skew_ms: self.visitor.skew_ms,
            },
            until: session.expires(),
            nudged,
        };
        let there = opening(cart_id, caller(&session, current));
        let there = match self.open_near(there).await? {
            Opened::Socket(socket) => return Ok(socket),
            Opened::Said(Reply { kind: ReplyKind::Elsewhere { newest, .. }, .. }) => {
                opening(newest, caller(&session, false))
            }
            Opened::Said(_) => return Err(odd_reply()),
        };
        match self.open_near(there).await? {
            Opened::Socket(socket) => Ok(socket),
            Opened::Said(_) => Err(odd_reply()),
        }
    }

    /// At the replica of the region named, or, where it fails, in the next nearest.
    async fn open_near(&self, mut opening: Opening) -> Result<Opened, Problem> {
        let (first, fresh) = (opening.call.region, opening.call.fresh);
        let mut refusal = Problem::misconfigured("REGIONS names no region");
        for region in self.config.regions.nearest_to(first) {
            let call = &mut opening.call;
            call.region = region;
            call.fresh = fresh && region == call.cart_id.first_home();
            call.shown_by = self.shown_by().into_iter().filter(|shown| *shown != region).collect();
            match open(self.env, self.config, self.visitor.near, &opening).await {
                Ok(opened) => {
                    self.visitor.served.set(region);
                    // What a socket shows is not waited for: the token names its region beside those of before.
                    self.visitor.shown.set(true);
                    self.visitor.partial.set(true);
                    return Ok(opened);
                }
                Err(problem) if problem.elsewhere() => refusal = problem,
                Err(problem) => return Err(problem),
            }
        }
        Err(refusal)
    }
}

/// The edge's socket at a replica. It is closed when nobody reads the events any more.
struct Nudges(WebSocket);

impl Drop for Nudges {
    fn drop(&mut self) {
        let _ = self.0.close(Some(1000), Some(""));
    }
}

/// All that is needed to show the cart again and again, after the request has been answered.
struct Watch {
    /// Aborted when nobody reads any more.
    gone: AbortSignal,
    request: Request,
    env: Env,
    config: Rc<Config>,
    visitor: Visitor,
    cart: String,
    socket: Nudges,
    lines: Rc<RefCell<VecDeque<String>>>,
}

impl Watch {
    /// Says that the events are read: the stream is only ever gone on with where its reader has taken what was before.
    /// The replica's runtime answers by itself and keeps when, and nothing wakes.
    fn prove(&self, proved: &mut Millis) {
        let now = present();
        if proved.plus(SILENCE_MS) <= now {
            *proved = now;
            let _ = self.socket.0.send_with_str("ping");
        }
    }

    /// Writes events until the session or the socket ends, or the cart cannot be shown: who still wants them
    /// asks again, and is told why.
    async fn write(mut self, mut last: Option<String>) {
        let (began, mut proved) = (present(), Millis(0));
        let mut gone = JsFuture::from(js_sys::Promise::new(&mut |resolve, _| {
            self.gone.set_onabort(Some(&resolve));
        }));
        let Ok(mut nudges) = self.socket.0.events() else { return };
        if self.socket.0.accept().is_err() {
            return;
        }
        self.lines.borrow_mut().push_back(format!("retry: {RETRY_MS}\n\n"));
        loop {
            self.prove(&mut proved);
            let Ok((version, body)) =
                version_now(&mut self.visitor, &self.request, &self.env, &self.config, &self.cart).await
            else {
                return;
            };
            if last.as_ref() != Some(&version) {
                let event = format!("id: {version}\nevent: cart\ndata: {body}\n\n");
                self.lines.borrow_mut().push_back(event);
                last = Some(version);
            }
            loop {
                match within(SILENCE_MS, select(nudges.next(), &mut gone)).await {
                    Some(Either::Left((Some(Ok(WebsocketEvent::Message(said))), _))) => {
                        match said.text().as_deref() {
                            Some(ASKED) => self.lines.borrow_mut().push_back(NOTHING.to_owned()),
                            // The answer to a `ping`.
                            Some(_) => {}
                            None => break,
                        }
                    }
                    Some(_) => return,
                    None if self.is_over(began) => return,
                    None => {
                        self.prove(&mut proved);
                        self.lines.borrow_mut().push_back(NOTHING.to_owned());
                    }
                }
            }
            if self.gone.aborted() {
                return;
            }
            // Of several changes the latest view is enough.
            while let Some(Some(Ok(WebsocketEvent::Message(_)))) = nudges.next().now_or_never() {}
        }
    }
}

impl Watch {
    /// Whether the reader has gone, or is to ask again.
    fn is_over(&self, began: Millis) -> bool {
        self.gone.aborted() || began.plus(STREAM_MS) < present()
    }
}

/// The view as a read gives it, with its version, while the session lasts.
async fn version_now(
    visitor: &mut Visitor,
    request: &Request,
    env: &Env,
    config: &Rc<Config>,
    cart: &str,
) -> Result<(String, String), Problem> {
    visitor.now = clock::now(visitor.skew_ms);
    if visitor.session()?.expires() < visitor.now {
        return Err(fault(TokenFault::Expired));
    }
    let mut exchange = Exchange { request, env, config, visitor, query: Query::default(), minted: false };
    let (cart_id, reply, head) = exchange.read(cart).await?;
    let now = exchange.visitor.now;
    let shown = show(env, config, &cart_id, &reply, head.region, now, Offers::default()).await?;
    Ok((shown.version.clone(), shown.body.clone()))
}

/// The body of an answer that is written while it is read, no faster.
struct Feed {
    writer: Pin<Box<dyn Future<Output = ()>>>,
    lines: Rc<RefCell<VecDeque<String>>>,
    ended: bool,
}

impl Stream for Feed {
    type Item = worker::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.lines.borrow().is_empty() && !self.ended {
            self.ended = self.writer.as_mut().poll(cx).is_ready();
        }
        let line = self.lines.borrow_mut().pop_front();
        match line {
            Some(line) => Poll::Ready(Some(Ok(line.into_bytes()))),
            None if self.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
