//! A fixed amount of work, 57 calls deep, in Rust: bench/peers/fixed_work.c says the arguments and the line printed.
use std::hint::black_box;

const DEPTH: u32 = 57;
const N_PATHS: u64 = 50;

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(clock, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[inline(never)]
fn burn(n_iterations: u64) {
    let mut shifted: u64 = 88172645463325252;
    for _ in 0..n_iterations {
        shifted ^= shifted << 13;
        shifted ^= shifted >> 7;
        shifted ^= shifted << 17;
    }
    black_box(shifted);
}

/// The path decides which of four functions is next; each mixes its own number in.
#[inline(never)]
fn deeper<const WHICH: u64>(n_more: u32, path: u64, n_iterations: u64) {
    let next = path.wrapping_mul(6364136223846793005).wrapping_add(WHICH);
    if n_more == 0 {
        burn(n_iterations);
    } else {
        match next >> 62 {
            0 => deeper::<0>(n_more - 1, next, n_iterations),
            1 => deeper::<1>(n_more - 1, next, n_iterations),
            2 => deeper::<2>(n_more - 1, next, n_iterations),
            _ => deeper::<3>(n_more - 1, next, n_iterations),
        }
    }
    black_box(next); // no tail call: the frame stays while that call runs
}

fn status_kb(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn main() {
    let main_ns = clock_ns(libc::CLOCK_MONOTONIC);
    pprof_rs_peer::start_from_environment();
    let ready_ns = clock_ns(libc::CLOCK_MONOTONIC);
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap_or(0)).collect();
    let n_pieces = arguments.first().copied().unwrap_or(10000);
    let n_iterations = arguments.get(1).copied().unwrap_or(100_000);
    let started_ns = arguments.get(2).copied().unwrap_or(main_ns);

    let start_thread_ns = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
    let start_ns = clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID);
    for i in 0..n_pieces {
        deeper::<0>(DEPTH, (i % N_PATHS + 1).wrapping_mul(0x9E3779B97F4A7C15), n_iterations);
    }
    let cpu_ns = clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID) - start_ns;
    let program_ns = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID) - start_thread_ns;
    println!(
        "{{\"program\": \"fixed_work_rust\", \"n_pieces\": {n_pieces}, \"n_iterations\": {n_iterations}, \"start_ms\": {:.3}, \
         \"cpu_ns\": {cpu_ns}, \"program_ns\": {program_ns}, \"process_cpu_ns\": {}, \"rss_kb\": {}}}",
        (ready_ns - started_ns) as f64 / 1e6,
        clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID),
        status_kb("VmRSS:")
    );
}
