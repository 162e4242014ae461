//! 200 queries in six classes, judged by product type: nDCG@10 as Jarvelin and Kekalainen have it, with gains of
//! 2^grade - 1. `queries.py` makes the queries, and says what has which grade.

use std::collections::{BTreeMap, BTreeSet};

use catalog::demo::{Source, title};
use catalog::query::Hit;

use crate::demo::{ask, demo};

const QUERIES: &str = include_str!("queries.tsv");
/// What the whole set reaches at least.
const NDCG_MIN: f64 = 0.85;
/// Of how many queries nothing may be found as they were typed or corrected.
const IN_VAIN_MAX: f64 = 0.03;
const FIRST: usize = 10;

struct Judged {
    class: &'static str,
    query: &'static str,
    types: Vec<&'static str>,
    package: &'static str,
    categories: BTreeSet<&'static str>,
}

fn queries() -> Vec<Judged> {
    let read = |line: &'static str| {
        let [class, query, types, package] =
            line.split('\t').collect::<Vec<_>>().try_into().expect("four columns");
        let types: Vec<&str> = types.split('|').collect();
        let meant = demo().sources.values().filter(|source| types.contains(&source.product_type.as_str()));
        let categories = meant.map(|source| source.product_category.as_str()).collect();
        Judged { class, query, types, package, categories }
    };
    QUERIES.lines().map(read).collect()
}

impl Judged {
    fn grade(&self, source: &Source) -> u32 {
        let meant = self.types.contains(&source.product_type.as_str());
        let sized = self.package.is_empty() || title::package(&source.package_size) == self.package;
        match (meant, sized) {
            (true, true) => 3,
            (true, false) => 1,
            (false, _) => u32::from(self.categories.contains(source.product_category.as_str())),
        }
    }

    /// Of the hits, beside the best order of all that there is, each look once.
    fn ndcg(&self, hits: &[Hit]) -> f64 {
        let gain = |(at, grade): (usize, u32)| f64::from(2_u32.pow(grade) - 1) / ((at + 2) as f64).log2();
        let found: f64 =
            hits.iter().map(|hit| self.grade(&demo().sources[&hit.sku])).enumerate().map(gain).sum();
        let looks = |source: &Source| (title::of(source), source.price_cents);
        let mut best: BTreeMap<_, u32> = BTreeMap::new();
        for source in demo().sources.values() {
            let grade = self.grade(source);
            if grade > 0 {
                let known = best.entry(looks(source)).or_default();
                *known = grade.max(*known);
            }
        }
        let mut best: Vec<u32> = best.into_values().collect();
        best.sort_unstable_by(|one, other| other.cmp(one));
        found / best.into_iter().take(FIRST).enumerate().map(gain).sum::<f64>()
    }
}

#[test]
fn the_judged_queries_are_answered_well() {
    let queries = queries();
    assert_eq!(queries.len(), 200);
    let (mut by_class, mut in_vain, mut short) = (BTreeMap::<_, Vec<f64>>::new(), 0, Vec::new());
    for judged in &queries {
        let answer = ask(judged.query);
        let ndcg = judged.ndcg(&answer.hits);
        by_class.entry(judged.class).or_default().push(ndcg);
        in_vain += usize::from(answer.said.in_vain());
        if ndcg < 0.6 {
            let first = answer.hits.first().map_or("nothing", |hit| hit.title.as_str());
            short.push(format!(
                "  {:8} {:28} {ndcg:.2}  {first} {:?}",
                judged.class, judged.query, answer.said.did_you_mean
            ));
        }
    }
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    println!("nDCG@10 by class:");
    for (class, all) in &by_class {
        println!("  {class:8} {:3} queries  {:.3}", all.len(), mean(all));
    }
    println!("below 0.60:\n{}", short.join("\n"));
    let all = mean(&by_class.into_values().flatten().collect::<Vec<_>>());
    let vain = in_vain as f64 / queries.len() as f64;
    println!("all: nDCG@10 {all:.3}; {in_vain} of {} found only with words dropped", queries.len());
    assert!(all >= NDCG_MIN, "nDCG@10 is {all:.3}");
    assert!(vain <= IN_VAIN_MAX, "{in_vain} queries are in vain");
}
