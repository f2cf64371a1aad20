// Hashing, sorting, formatting, boxed closures, deep recursion, and panics that are caught.
// Argument: rounds (300).
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

fn words(round: u64) -> Vec<String> {
    (0..400u64).map(|i| format!("{:x}-{}", i.wrapping_mul(0x9e3779b97f4a7c15) >> (round % 32), i)).collect()
}

fn count(words: &[String]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for word in words {
        *counts.entry(word.split('-').next().unwrap_or("")).or_insert(0) += 1;
    }
    counts
}

#[inline(never)]
fn depth(n: u32, tree: &BTreeMap<u32, f64>) -> f64 {
    if n == 0 {
        return tree.values().map(|value| value.sqrt()).sum();
    }
    depth(n - 1, tree) + f64::from(n)
}

#[inline(never)]
fn panics(n: u32) -> u32 {
    if n == 0 {
        panic!("on purpose");
    }
    panics(n - 1) + 1
}

fn main() {
    let rounds: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(300);
    let steps: Vec<Box<dyn Fn(u64) -> u64>> = vec![Box::new(|x| x ^ (x << 7)), Box::new(|x| x.rotate_left(9).wrapping_mul(31))];
    let tree: BTreeMap<u32, f64> = (0..500).map(|i| (i, f64::from(i))).collect();
    let mut total = 0u64;
    std::panic::set_hook(Box::new(|_| {}));
    for round in 0..rounds {
        let mut text = String::new();
        let mut list = words(round);
        list.sort_by(|a, b| b.cmp(a));
        let mut counts: Vec<_> = count(&list).into_iter().collect();
        counts.sort();
        for (word, n) in &counts {
            let _ = write!(text, "{word}={n:>4};");
        }
        total = (0..20000).fold(total + text.len() as u64, |x, i| steps[i % 2](x));
        total ^= depth(100, &tree) as u64;
        for _ in 0..8 {
            total += u64::from(std::panic::catch_unwind(|| panics(12)).unwrap_or(1));
        }
    }
    println!("{total}");
}
