//! Many deltas that mean harm, mutated and invented: none does any, and no cart grows past its bounds.

use super::*;

/// More than that no request takes that is refused as it should be, on however busy a machine.
const SLOW_MAX: Duration = Duration::from_secs(60);

/// A generator of small random numbers (SplitMix64); the seed is printed where it matters.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Sends a delta of which it is not known whether it is good: it is refused and changes nothing, or taken.
/// Returns whether it was taken.
async fn taken_or_refused(attacker: &mut Attacker, bytes: Vec<u8>, place: &str) -> bool {
    let began = Instant::now();
    let answer = attacker.victim.send(&sync(bytes, CODES)).await;
    let took = began.elapsed();
    assert!(took < SLOW_MAX, "{place}: took {took:?}");
    if answer.status == 200 {
        attacker.victim.view = attacker.victim.get().await;
        let view = attacker.victim.view.json();
        let lines =
            view["lines"].as_array().expect("lines").iter().chain(view["saved"].as_array().expect("lines"));
        assert!(
            lines.into_iter().all(|line| line["quantity"].as_u64().is_some_and(|shown| shown > 0)),
            "{place}: {view}"
        );
        return true;
    }
    assert!(answer.status.is_client_error(), "{place}: {} {}", answer.status, answer.text());
    let (_, code) = answer.problem();
    assert!(CODES.contains(&&*code), "{place}: {code}");
    assert!(attacker.victim.is_unchanged().await, "{place}: refused with {code}, but the cart has changed");
    false
}

/// Clients at once, each with a cart of its own, each doing `each` so often with its own dice.
async fn attack(name: &'static str, rounds: usize, each: fn(&mut Attacker, &mut Dice) -> Vec<u8>) {
    let shop = Runtime::shared().await.shop();
    let bystander = Bystander::start(&shop);
    let began = Instant::now();
    let taken = Arc::new(AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (shop, taken) = (shop.clone(), Arc::clone(&taken));
        clients.spawn(async move {
            let mut attacker = Attacker::new(&shop).await;
            for round in 0..rounds / CLIENTS {
                let seed = (client * rounds + round) as u64;
                let bytes = each(&mut attacker, &mut Dice(seed));
                if taken_or_refused(&mut attacker, bytes, &format!("{name}, seed {seed}")).await {
                    taken.fetch_add(1, Ordering::Relaxed);
                    let (session, cart_id) =
                        (attacker.victim.session.clone(), attacker.victim.session.cart_id.clone());
                    // Seen by the next: a device that knows what it has done before.
                    attacker.device = Device::new(shop.lease(&session, &cart_id).await, attacker.scope);
                    shop.exchange(&session, &cart_id, &mut attacker.device).await;
                    attacker.victim.view = attacker.victim.get().await;
                }
                // Leases are counted, and so is what was added: a fresh cart from time to time.
                if round % 40 == 39 {
                    attacker.is_still_in_use().await;
                    assert!(attacker.state_bytes().await <= 2 * STATE_BYTES_MAX);
                    attacker = Attacker::new(&shop).await;
                }
            }
        });
    }
    finish(clients).await;
    println!("{name}: {} of {rounds} were good after all and taken", taken.load(Ordering::Relaxed));
    report(name, rounds, began, bystander).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_mutated_deltas_do_no_harm() {
    fn mutated(attacker: &mut Attacker, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = honest(attacker, dice);
        let other = honest(attacker, dice);
        for _ in 0..1 + dice.below(3) {
            let at = dice.below(bytes.len());
            match dice.below(8) {
                0 | 1 => bytes[at] ^= 1 << dice.below(8),
                2 => bytes[at] = dice.next() as u8,
                3 => bytes[at] = dice.of(&[0, 1, 127, 128, 255]),
                4 => bytes.insert(at, dice.next() as u8),
                5 => drop(bytes.remove(at)),
                6 => bytes.truncate(at.max(9)),
                _ => {
                    let from = dice.below(other.len());
                    bytes.splice(at.., other[from..].iter().copied());
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        // Mostly under the right lease: what is behind it is to be reached.
        if dice.below(4) > 0 && bytes.len() >= 8 {
            bytes[..8].copy_from_slice(&attacker.device.actor().0.to_be_bytes());
        }
        bytes
    }
    attack("mutated deltas", 2_000, mutated).await;
}

/// A request that an honest device might send.
fn honest(attacker: &Attacker, dice: &mut Dice) -> Vec<u8> {
    let mut device = attacker.device.clone();
    for _ in 0..1 + dice.below(3) {
        let key = dice.of(&[key(BAGELS), key(BANANAS), key("a-text")]);
        let at = dice.of(&[Location::Cart, Location::Cart, Location::Saved]);
        let quantity = 1 + dice.below(9) as u32;
        let change = match dice.below(9) {
            0 | 1 => Change::Add { key, details: None, quantity, at },
            2 => Change::Set { key, quantity, at },
            3 => Change::Decrement { key, quantity, at },
            4 => Change::Remove { key, at },
            5 => Change::Move { key, to: at },
            6 => Change::Coupon(Code::try_from(dice.of(&["A", "SAVE10"])).expect("a code")),
            7 => Change::Uncoupon(Code::try_from("SAVE10").expect("a code")),
            _ => Change::Write(dice.of(&[Field::NOTE, Field(77)]), Some(Arc::from("text"))),
        };
        device.edit(change, now());
    }
    device.request().to_bytes()
}

/// Deltas of the right form with anything in them: actors, counters, times, scopes, quantities, sections.
#[tokio::test(flavor = "multi_thread")]
async fn invented_deltas_do_no_harm() {
    fn invented(attacker: &mut Attacker, dice: &mut Dice) -> Vec<u8> {
        let own = attacker.device.actor();
        let others: Vec<Actor> = attacker.device.cart().context().clock().dots.keys().copied().collect();
        let mut delta = Cart::default();
        for _ in 0..1 + dice.below(6) {
            let actor = match dice.below(8) {
                0 => dice.of(&others),
                1 => dice.of(&[
                    Actor(0),
                    Actor(u64::MAX),
                    today(7),
                    Actor::mint(Day(65_535), 3),
                    Actor::mint(Day(1), 3),
                ]),
                _ => own,
            };
            let counter = dice.of(&[1, 1, 1, 2, 3, 500, 1_024, 1_025, u64::MAX / 2, u64::MAX - 1, u64::MAX]);
            let time = match dice.below(6) {
                0 => HybridTime(dice.next()),
                1 => dice.of(&[HybridTime(0), HybridTime(u64::MAX), HybridTime::at(now().plus(120_000))]),
                _ => HybridTime::at(now()),
            };
            let scope = dice.of(&[
                attacker.scope,
                attacker.scope,
                Scope(attacker.scope.0.wrapping_add(63)),
                Scope(0),
            ]);
            let stamp = Stamp { dot: Dot::new(actor, counter), time, scope };
            let key = dice.of(&[
                key(BAGELS),
                key(BANANAS),
                key("\u{1f6d2}"),
                LineKey::new(BAGELS, Some("v"), Some([7; 16])).expect("a key"),
            ]);
            let at = dice.of(&[Location::Cart, Location::Saved]);
            let quantity = dice.of(&[0, 1, 1, 2, 9_999, 10_000, u32::MAX]);
            let details = dice.of(&[None, None, None, Some(Arc::from("{\"a\":1}")), Some(Arc::from("x"))]);
            let change = match dice.below(12) {
                0 | 1 => Change::Add { key, details, quantity, at },
                2 | 3 => Change::Set { key, quantity, at },
                4 => Change::Decrement { key, quantity, at },
                5 => Change::Remove { key, at },
                6 => Change::Move { key, to: at },
                7 => Change::Coupon(Code::try_from("B").expect("a code")),
                8 => Change::Uncoupon(Code::try_from("SAVE10").expect("a code")),
                9 => Change::Clear,
                10 => Change::Checkout { fence: dice.next(), order: OrderId(1) },
                _ => Change::Write(Field(dice.next() as u8), dice.of(&[None, Some(Arc::from("text"))])),
            };
            let maker = dice.of(&[attacker.device.cart().clone(), Cart::default(), delta.clone()]);
            delta.join(&maker.change(&change, stamp));
        }
        let sent = dice.of(&[0, 0, 0, 1, 5_000, u64::MAX]);
        SyncRequest { sent, ..attacker.request(delta) }.to_bytes()
    }
    attack("invented deltas", 800, invented).await;
}

/// What a device can make of a cart, whatever it sends, has a bound; past it the cart still serves.
async fn is_bounded(what: &str, part: impl Fn(&Attacker, u64) -> Delta) {
    let shop = Runtime::shared().await.shop();
    let attacker = Attacker::new(&shop).await;
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    for round in 0..24 {
        let request = SyncRequest { sent: u64::MAX, ..attacker.request(part(&attacker, round)) };
        let began = Instant::now();
        let answer = attacker.victim.send(&sync(request.to_bytes(), CODES)).await;
        slowest = slowest.max(began.elapsed());
        assert!(!answer.status.is_server_error(), "{what}, round {round}: {}", answer.text());
        refused += usize::from(answer.status != 200);
    }
    let bytes = attacker.state_bytes().await;
    println!(
        "{what}: 24 requests, {refused} refused, the slowest took {} ms, {bytes} bytes at the end",
        slowest.as_millis()
    );
    assert!(bytes <= 2 * STATE_BYTES_MAX, "{what}: {bytes} bytes");
    let line = format!("{}/lines/{}", attacker.victim.cart(), line_id(BAGELS));
    Answer::of(shop.call(&attacker.victim.session, Method::DELETE, &line)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_in_what_was_seen_are_bounded() {
    is_bounded("gaps", |attacker, round| {
        let actors = (0..40).map(|number| today(1_000 + round * 100 + number));
        let gaps = actors.flat_map(|actor| (1..=512).map(move |counter| Dot::new(actor, 2 * counter)));
        seen(gaps.chain([Dot::new(attacker.device.actor(), 1 + round)]))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_in_what_was_seen_are_bounded() {
    is_bounded("actors", |attacker, round| {
        let actors = (0..14_000).map(|number| Dot::new(today(1_000 + round * 20_000 + number), 1));
        seen(actors.chain([Dot::new(attacker.device.actor(), 1 + round)]))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_of_new_lines_are_bounded() {
    is_bounded("sets", |attacker, round| {
        let mut delta = Cart::default();
        for at in 0..500 {
            let line = key(&format!("{}", 1_000 + round * 500 + at));
            let set = Change::Set { key: line, quantity: 1, at: Location::Cart };
            delta.join(&Cart::default().change(&set, attacker.stamp(round * 500 + at + 1)));
        }
        delta
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_of_one_line_are_bounded() {
    is_bounded("sets of a line", |attacker, round| {
        let mut delta = Cart::default();
        for at in 0..1_000 {
            let set = Change::Set { key: key(BAGELS), quantity: 1, at: Location::Cart };
            delta.join(&Cart::default().change(&set, attacker.stamp(round * 1_000 + at + 1)));
        }
        delta
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_bounded() {
    is_bounded("fields", |attacker, round| {
        let mut delta = Cart::default();
        for at in 0..10 {
            let field = Field((10 + (round * 10 + at) % 240) as u8);
            let write = Change::Write(field, Some(Arc::from("x".repeat(2_000))));
            delta.join(&Cart::default().change(&write, attacker.stamp(round * 10 + at + 1)));
        }
        delta
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_of_a_coupon_are_bounded() {
    is_bounded("coupon", |attacker, round| {
        let mut delta = Cart::default();
        for at in 0..1_000 {
            let apply = Change::Coupon(Code::try_from("A").expect("a code"));
            delta.join(&Cart::default().change(&apply, attacker.stamp(round * 1_000 + at + 1)));
        }
        delta
    })
    .await;
}

/// The dearest bytes of the right form that we know: many gaps beside many lines.
#[tokio::test(flavor = "multi_thread")]
async fn a_dear_delta_is_read_in_time() {
    let shop = Runtime::shared().await.shop();
    let attacker = Attacker::new(&shop).await;
    let actors = (0..40).map(|number| today(1_000 + number));
    let mut delta = seen(actors.flat_map(|actor| (1..=900).map(move |counter| Dot::new(actor, 2 * counter))));
    for line in 0..500 {
        let change = add(&format!("{}", 1_000 + line), 1);
        delta.join(&Cart::default().change(&change, attacker.stamp(line + 1)));
    }
    let request = attacker.request(delta).to_bytes();
    let began = Instant::now();
    attacker.victim.refuses(&sync(request.clone(), &["counter_window", "cart_busy"])).await;
    let took = began.elapsed();
    println!("a dear delta of {} bytes took {} ms", request.len(), took.as_millis());
    assert!(took < SLOW_MAX, "took {took:?}");
}
