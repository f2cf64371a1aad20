//! Groups made-up words by their letters, in two threads, and profiles itself: anagrams.svg, or the file that is named.
//! The samples of each thread carry its seed as a label.
mod pprofc;

use std::collections::HashMap;
use std::thread;

/// A word of one to six letters out of five.
fn make_word(seed: &mut u64) -> String {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    let n_letters = 1 + seed.wrapping_shr(40) % 6;
    (0..n_letters).map(|i| (b'a' + ((*seed >> (i * 5)) % 5) as u8) as char).collect()
}

fn sorted_letters(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

fn group_words(mut seed: u64, n_words: usize) -> usize {
    let _label = pprofc::Label::new("seed", &seed.to_string());
    let mut groups: HashMap<String, Vec<String>> = HashMap::new();
    for _ in 0..n_words {
        let word = make_word(&mut seed);
        groups.entry(sorted_letters(&word)).or_default().push(word);
    }
    groups.len()
}

fn main() {
    let session = pprofc::Session::start(1000.0);
    let threads: Vec<_> =
        (1..=2).map(|seed| thread::Builder::new().name(format!("words-{seed}")).spawn(move || group_words(seed, 300_000)).unwrap()).collect();
    let n_groups: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    println!("{n_groups} groups of anagrams");
    let path = std::env::args().nth(1).unwrap_or("anagrams.svg".to_string());
    match session.and_then(|session| session.write(&path)) {
        Ok(()) => println!("see {path}"),
        Err(message) => eprintln!("not profiled: {message}"),
    }
}
