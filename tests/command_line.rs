//! The operator's command line against the real runtime: what it shows is what the service says, what it does is done
//! there, and it ends as it promises. And the import: what has databases keeps them.

use std::path::Path;
use std::process::{Command, Stdio};

use cart_core::id::{CartId, Region};
use cart_core::packed::FORMAT;
use evercart::store::slots::SLOTS;
use harness::{ARRIVES_MAX, Operator, Runtime};
use serde_json::{Value, json};

/// How a run ended.
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    /// What it printed, if it ended well.
    fn well(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// Its lines of JSON, if it ended well.
    fn lines(self) -> Vec<Value> {
        lines(&self.well())
    }

    /// What went wrong, with this code, as people read it: what, and in the next line what to do.
    fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.starts_with("evercart: "), "{}", self.err);
        assert!(self.err.trim_end().contains("\n  "), "it does not say what to do: {}", self.err);
        &self.err
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The command, built already by whoever has started a runtime.
fn command() -> Command {
    let mut command = Command::new(harness::root().join("tools/evercart"));
    command.env_remove("ADMIN_TOKEN").env_remove("URL").stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Done {
    let done = command.output().expect("tools/evercart");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Done { code: done.status.code().expect("a code"), out: text(done.stdout), err: text(done.stderr) }
}

fn at(url: &str, words: &[&str]) -> Done {
    run(command().args(words).args(["--url", url]))
}

/// A letter that no store can read: its cart, and its id once it is dead.
async fn dead_letter(operator: &Operator, dice: &mut fastrand::Rng) -> (CartId, String) {
    let cart = CartId::mint(Region::Apac, std::array::from_fn(|_| dice.u8(..)));
    operator.deliver_bytes(Region::Apac, &cart, vec![FORMAT]).await;
    let letter = operator.dead_letter(&cart, ARRIVES_MAX).await;
    (cart, letter["id"].as_str().expect("an id").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_shown_sent_again_and_dropped() {
    let runtime = Runtime::start(harness::Options::default()).await;
    let (operator, url) = (Operator::of(&runtime), runtime.url());
    let mut dice = fastrand::Rng::with_seed(21);
    assert_eq!(at(&url, &["dlq", "list"]).well(), format!("0 dead letters at {url}\n"));
    assert_eq!(at(&url, &["dlq", "list", "--json"]).well(), "");
    assert_eq!(at(&url, &["dlq", "retry", "all"]).well(), format!("no dead letters at {url}\n"));

    let (cart, id) = dead_letter(&operator, &mut dice).await;
    let shown = at(&url, &["dlq", "list"]).well();
    assert!(shown.starts_with(&format!("1 dead letter at {url}\n{id}  ")), "{shown}");
    assert!(shown.contains(&format!("{cart} to apac, ")), "{shown}");
    let letters = operator.dead_letters(&cart).await;
    assert_eq!(at(&url, &["dlq", "list", "--json"]).lines(), letters, "as the service has it");
    assert_eq!(at(&url, &["dlq", "list", "--region", "apac", "--json"]).lines(), letters);
    assert_eq!(at(&url, &["dlq", "list", "--region", "weur"]).well(), format!("0 dead letters at {url}\n"));
    assert_eq!(at(&url, &["dlq", "show", &id, "--json"]).lines(), letters);
    let page = at(&url, &["dlq", "show", &id]).well();
    for part in [id.as_str(), cart.as_str(), "apac", letters[0]["reason"].as_str().expect("a reason")] {
        assert!(page.contains(part), "{part} is not in {page}");
    }

    // It dies again, under another id. One that is not there holds the others up no more than that.
    let retried = run(command().args(["dlq", "retry", "gone-1", &id, "--json", "--url", &url]));
    assert_eq!(retried.code, 4, "{}", retried.err);
    let outcomes = lines(&retried.out);
    assert_eq!(outcomes[0], json!({"id": "gone-1", "outcome": "not_there"}));
    assert_eq!(outcomes[1], json!({"id": id, "outcome": "retried"}));
    let said = lines(&retried.err).pop().expect("an error");
    assert_eq!((&said["code"], &said["exit"]), (&json!("dead_letter_not_found"), &json!(4)));
    let again = operator.dead_letter(&cart, ARRIVES_MAX).await;
    let again = again["id"].as_str().expect("an id");
    assert_ne!(again, id);
    at(&url, &["dlq", "show", &id]).failed(4);
    assert_eq!(at(&url, &["dlq", "drop", again]).well(), format!("{again}: dropped\n"));
    assert!(operator.dead_letters(&cart).await.is_empty());

    // More than a page of them.
    let mut carts = Vec::new();
    for _ in 0..60 {
        let cart = CartId::mint(Region::Apac, std::array::from_fn(|_| dice.u8(..)));
        operator.deliver_bytes(Region::Apac, &cart, vec![FORMAT]).await;
        carts.push(cart);
    }
    for cart in &carts {
        operator.dead_letter(cart, ARRIVES_MAX).await;
    }
    assert_eq!(at(&url, &["dlq", "list", "--json"]).lines().len(), 60);
    at(&url, &["dlq", "drop", "all"]).failed(2);
    assert_eq!(at(&url, &["dlq", "list", "--json"]).lines().len(), 60, "that all are meant was not said");
    let dropped = at(&url, &["dlq", "drop", "all", "--yes", "--json"]).lines();
    assert!(dropped.len() == 60 && dropped.iter().all(|line| line["outcome"] == "dropped"), "{dropped:?}");
    assert_eq!(at(&url, &["dlq", "list", "--json"]).well(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_move_and_what_is_there_stays() {
    let runtime = Runtime::shared().await;
    let (operator, url) = (Operator::of(runtime), runtime.url());
    let to = |database: &str, slots: &[&str]| {
        let line = ["slots", "move", "--region", "weur", "--to", database, "--json", "--url", &url];
        run(command().args(line).args(slots))
    };
    let last = (SLOTS - 1).to_string();
    // The last slot begins in the last database, the first ones in the first.
    let moved = to("STORE_WEUR_1", &["3-5", &last]).lines();
    let slots: Vec<_> = moved.iter().map(|line| line["slot"].as_u64().expect("a slot")).collect();
    assert_eq!(slots, [3, 4, 5, u64::from(SLOTS - 1)]);
    assert!(moved.iter().all(|line| line["database"] == "STORE_WEUR_1" && line["region"] == "weur"));
    let again = at(&url, &["slots", "move", "--region", "weur", "--to", "STORE_WEUR_1", "3"]).well();
    assert_eq!(again, "slot 3 is in STORE_WEUR_1\n");
    // Where the service says that they are: there is nothing to move.
    let answer = operator.post("/slots/4/move?region=weur&to=STORE_WEUR_1").await.expect(200).json();
    assert_eq!((&answer["copied"], &answer["done"]), (&json!(0), &json!(true)));
    to("STORE_WEUR_0", &["3-5"]).well();

    // The command and the service know of the same slots.
    let beyond = SLOTS.to_string();
    assert_eq!(to("STORE_WEUR_1", &[&beyond]).code, 2);
    operator
        .post(&format!("/slots/{beyond}/move?region=weur&to=STORE_WEUR_1"))
        .await
        .refused(422, "invalid_field");
    let foreign = to("STORE_ENAM_0", &["3"]);
    assert_eq!((foreign.code, foreign.out.as_str()), (4, ""), "{}", foreign.err);
    let said = lines(&foreign.err).pop().expect("an error");
    assert!(said["error"].as_str().is_some_and(|error| error.starts_with("slot 3: ")), "{said}");
    assert!(said["next"].as_str().is_some_and(|next| next.contains("evercart regions")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn regions_are_as_the_service_sees_them() {
    let runtime = Runtime::shared().await;
    let (operator, url) = (Operator::of(runtime), runtime.url());
    let names = |regions: &[Value]| -> Vec<(Value, Value, Value)> {
        let of = |region: &Value| {
            (region["region"].clone(), region["databases"].clone(), region["second"].clone())
        };
        regions.iter().map(of).collect()
    };
    let shown = at(&url, &["regions", "--json"]).lines();
    assert_eq!(names(&shown), names(&operator.regions().await));
    let table = at(&url, &["regions"]).well();
    assert_eq!(table.lines().count(), 1 + shown.len(), "{table}");
    let weur = table.lines().find(|line| line.starts_with("weur ")).expect("a row");
    assert!(weur.ends_with("STORE_WEUR_0 STORE_WEUR_1"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_is_said_with_what_to_do_and_a_code_of_its_own() {
    let runtime = Runtime::shared().await;
    let url = runtime.url();
    let nobody = {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", taken.local_addr().expect("an address"))
    };
    let said = at(&nobody, &["regions"]);
    assert!(said.failed(3).contains(&format!("{nobody} does not answer")), "{}", said.err);
    let wrong = run(command().args(["regions", "--url", &url]).env("ADMIN_TOKEN", "wrong"));
    assert!(wrong.failed(5).contains("answers 401"), "{}", wrong.err);
    let nowhere = tempfile::tempdir().expect("a folder");
    let none = run(command().args(["regions", "--url", &url, "--tree"]).arg(nowhere.path()));
    assert!(none.failed(5).contains("ADMIN_TOKEN"), "{}", none.err);
    assert!(!none.err.contains(&Operator::of(runtime).token), "a secret is not said");
    at(&url, &["dlq", "retry", "../regions"]).failed(4);
    at("shop.example.com", &["regions"]).failed(2);
    let files = run(command().args(["import", "--tree"]).arg(nowhere.path()));
    assert!(files.failed(1).contains("/migrations: "), "it names what is missing: {}", files.err);
    // From the environment, as `make` gives them; an empty URL is none.
    let token = Operator::of(runtime).token;
    let set = run(command().arg("regions").env("URL", format!("{url}/")).env("ADMIN_TOKEN", token));
    assert!(set.well().contains("weur"));
    let empty = run(command().args(["regions", "--url", &url]).env("URL", "").env("ADMIN_TOKEN", ""));
    assert!(empty.well().contains("weur"), "the token of .dev.vars");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_fills_the_catalog_anew_and_keeps_what_else_is_there() {
    let state = tempfile::tempdir().expect("a folder");
    let import =
        || run(command().args(["import", "--json", "--persist-to"]).arg(state.path())).lines().remove(0);
    assert_eq!(import()["outcome"], "imported");
    let files = std::fs::read_dir(state.path().join("v3/d1/miniflare-D1DatabaseObject")).expect("databases");
    let names: Vec<_> =
        files.map(|file| file.expect("a file").file_name().into_string().expect("text")).collect();
    assert!(names.len() > 4 && names.iter().all(|name| name.ends_with(".sqlite")), "a file each: {names:?}");
    assert_eq!(import()["outcome"], "up_to_date");
    let letter = "INSERT INTO dead_letters (id, died, reason, body) VALUES ('kept', 1, 'why', x'00')";
    assert_eq!(sqlite(state.path(), "dead_letters", letter), "4");
    assert_eq!(sqlite(state.path(), "products", "DELETE FROM products WHERE price_minor IS NULL"), "68223");
    assert_eq!(import()["outcome"], "up_to_date", "it looks at what went in");
    std::fs::remove_file(state.path().join(".catalog-stamp")).expect("a stamp");
    assert_eq!(import()["outcome"], "imported");
    assert_eq!(sqlite(state.path(), "products", "SELECT 1"), "92331");
    assert_eq!(sqlite(state.path(), "dead_letters", "SELECT 1"), "4", "each of four stores keeps its letter");
}

/// Runs a statement in each database that has a table: how many rows that has then in all of them.
fn sqlite(state: &Path, table: &str, statement: &str) -> String {
    let script = "import glob, sqlite3, sys
count = 0
for file in glob.glob(sys.argv[1] + '/v3/d1/*/*.sqlite'):
    db = sqlite3.connect(file)
    if db.execute('SELECT 1 FROM sqlite_master WHERE name = ?', sys.argv[2:3]).fetchone():
        db.execute(sys.argv[3])
        db.commit()
        count += db.execute('SELECT count(*) FROM ' + sys.argv[2]).fetchone()[0]
    db.close()
print(count)";
    let done = Command::new("python3").args(["-c", script]).arg(state).args([table, statement]).output();
    let done = done.expect("python3");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
