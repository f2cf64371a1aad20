//! pprof-rs, as its own documentation uses it, behind what a preloaded library and a C program need.
//!
//! PPROF_RS_PEER_OUTPUT names the profile to write at exit (NAME.json, its timings, beside it);
//! PPROF_RS_PEER_HZ is the rate; PPROF_RS_PEER_SVG asks for a flame graph too.  Without the first
//! nothing starts.
use pprof::protos::Message;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::time::Instant;

static GUARD: Mutex<Option<(pprof::ProfilerGuard<'static>, f64)>> = Mutex::new(None);

fn milliseconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Start at this rate; 0 when it works.
#[no_mangle]
pub extern "C" fn pprof_rs_peer_start(rate_hz: i32) -> i32 {
    let start = Instant::now();
    match pprof::ProfilerGuardBuilder::default().frequency(rate_hz).build() {
        Ok(guard) => {
            *GUARD.lock().unwrap() = Some((guard, milliseconds_since(start)));
            0
        }
        Err(_) => 1,
    }
}

/// Samples taken so far, nothing symbolised.
#[no_mangle]
pub extern "C" fn pprof_rs_peer_n_samples() -> i64 {
    match &*GUARD.lock().unwrap() {
        Some((guard, _)) => match guard.report().build_unresolved() {
            Ok(report) => report.data.values().map(|count| *count as i64).sum(),
            Err(_) => -1,
        },
        None => -1,
    }
}

/// Write the profile, the flame graph when it is wanted, and how long each took.
fn write_all(output: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (guard, start_ms) = GUARD.lock().unwrap().take().ok_or("not started")?;
    let start = Instant::now();
    let report = guard.report().build()?;
    let build_ms = milliseconds_since(start);

    let start = Instant::now();
    std::fs::write(output, report.pprof()?.write_to_bytes()?)?;
    let pprof_ms = milliseconds_since(start);

    let start = Instant::now();
    let n_samples: isize = report.data.values().sum();
    if n_samples > 0 && std::env::var("PPROF_RS_PEER_SVG").is_ok() {
        report.flamegraph(std::fs::File::create(format!("{output}.svg"))?)?;
    }
    let svg_ms = milliseconds_since(start);
    std::fs::write(
        format!("{output}.json"),
        format!("{{\"start_ms\": {start_ms:.3}, \"build_ms\": {build_ms:.3}, \"pprof_ms\": {pprof_ms:.3}, \"svg_ms\": {svg_ms:.3}}}\n"),
    )?;
    Ok(())
}

extern "C" fn at_exit() {
    if let Ok(output) = std::env::var("PPROF_RS_PEER_OUTPUT") {
        if let Err(error) = write_all(&output) {
            eprintln!("pprof-rs: {error}");
        }
    }
}

/// What the environment asks for, once: preloaded it runs before main, a Rust program calls it.
pub extern "C" fn start_from_environment() {
    static WAS_ASKED: AtomicBool = AtomicBool::new(false);
    if WAS_ASKED.swap(true, Ordering::SeqCst) || std::env::var("PPROF_RS_PEER_OUTPUT").is_err() {
        return;
    }
    let rate = std::env::var("PPROF_RS_PEER_HZ").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    if pprof_rs_peer_start(rate) != 0 {
        eprintln!("pprof-rs: it did not start");
        return;
    }
    unsafe { libc::atexit(at_exit) };
}

#[used]
#[link_section = ".init_array"]
static AT_LOAD: extern "C" fn() = start_from_environment;
