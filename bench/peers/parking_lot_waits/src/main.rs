//! Threads that contend for a lock of parking_lot and measure how long they wait for it.
//! Arguments: the kind of lock, threads (4), seconds (2).  Prints {"waited_ns": .., "n_taken": ..}.
//! `condition` instead waits 300 ms for a condition, then 200 ms for its mutex, and prints the sum; `again` does so where nobody
//! notifies: it has waited long enough, and prints how long at least and at most for the mutex; `futex` waits by a word of its own.
#[cfg(feature = "next")]
use next as parking_lot;
use parking_lot::{Condvar, FairMutex, Mutex, MutexGuard, ReentrantMutex, RwLock};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicU8, Ordering};
use std::time::{Duration, Instant};

static MUTEX: Mutex<u64> = Mutex::new(0);
static FAIR: FairMutex<u64> = FairMutex::new(0);
static REENTRANT: ReentrantMutex<u64> = ReentrantMutex::new(0);
static LOCK: RwLock<u64> = RwLock::new(0);
/// One of them lies at an odd address.
static NEIGHBOURS: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];
static CONDITION: Condvar = Condvar::new();
static WAITED_NS: AtomicU64 = AtomicU64::new(0);
static N_TAKEN: AtomicU64 = AtomicU64::new(0);
/// Set by the thread that waits, just before it does.
static WAITS: AtomicBool = AtomicBool::new(false);

fn since(begin: Instant) -> u64 {
    begin.elapsed().as_nanos() as u64
}

/// Takes a lock, which is timed, and gives it back in another function.
macro_rules! turns {
    ($name:ident, $take:expr) => {
        #[inline(never)]
        fn $name() {
            #[inline(never)]
            fn hold<T>(held: T) {
                // Asleep: beside a holder that runs, the crate's waiters give their CPU away for most of the time.
                std::thread::sleep(Duration::from_millis(10));
                drop(held);
                std::hint::black_box(0);
            }
            let begin = Instant::now();
            let held = $take;
            WAITED_NS.fetch_add(since(begin), Ordering::Relaxed);
            N_TAKEN.fetch_add(1, Ordering::Relaxed);
            hold(held);
        }
    };
}
turns!(take_mutex, MUTEX.lock());
turns!(take_fair, FAIR.lock());
turns!(take_reentrant, REENTRANT.lock());
turns!(take_writer, LOCK.write());
turns!(take_first, NEIGHBOURS[0].lock());
turns!(take_second, NEIGHBOURS[1].lock());
turns!(take_reader, LOCK.read());
turns!(take_upgradable, LOCK.upgradable_read());
turns!(take_timed, loop {
    if let Some(held) = MUTEX.try_lock_for(Duration::from_millis(100)) {
        break held;
    }
});

fn run(number: usize, kind: &str, end: Instant) {
    let take = match kind {
        "mutex" => take_mutex,
        "fair" => take_fair,
        "reentrant" => take_reentrant,
        "timed" => take_timed,
        "upgradable" => take_upgradable,
        "neighbours" if number % 2 == 0 => take_first,
        "neighbours" => take_second,
        // One writes and the others read, or all write.
        "rwlock" if number > 0 => take_reader,
        "rwlock" | "writers" => take_writer,
        _ => panic!("no such lock: {kind}"),
    };
    while Instant::now() < end {
        take();
        std::thread::sleep(Duration::from_micros(300));
    }
}

fn pause_ms(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Takes the mutex, without waiting for it, of a thread that waits for the condition: who says so has the mutex until it does.
fn take_of_waiter() -> MutexGuard<'static, u64> {
    loop {
        if WAITS.load(Ordering::Acquire) {
            if let Some(held) = MUTEX.try_lock() {
                return held;
            }
        }
        pause_ms(1);
    }
}

#[inline(never)]
fn wait_for_condition() {
    let mut value = MUTEX.lock();
    WAITS.store(true, Ordering::Release);
    while *value == 0 {
        CONDITION.wait(&mut value);
    }
    std::hint::black_box(&value);
}

/// The one who notifies keeps the mutex for another 200 ms.
fn condition() {
    let other = std::thread::spawn(|| {
        let begin = Instant::now();
        wait_for_condition();
        since(begin)
    });
    drop(take_of_waiter());
    pause_ms(300);
    let mut value = MUTEX.lock();
    *value = 1;
    CONDITION.notify_one();
    pause_ms(200);
    drop(value);
    let had_ns = other.join().unwrap();
    println!("{{\"waited_ns\": {had_ns}}}");
}

#[inline(never)]
fn take_again() -> u64 {
    let mut value = MUTEX.lock();
    WAITS.store(true, Ordering::Release);
    while *value == 0 {
        CONDITION.wait_for(&mut value, Duration::from_millis(100));
    }
    std::hint::black_box(*value)
}

/// Whether a thread waits for the mutex: the second bit of its only byte.
fn is_waited_for() -> bool {
    let state = unsafe { &*(MUTEX.raw() as *const _ as *const AtomicU8) };
    state.load(Ordering::Acquire) & 2 != 0
}

/// Who waits gives up after 100 ms, and another has the mutex for 300 ms more.  When it gives up only the crate knows: between
/// the last look at which it does not wait for the mutex and the first at which it does.
fn again() {
    let other = std::thread::spawn(|| {
        take_again();
        Instant::now()
    });
    let mut held = take_of_waiter();
    *held = 1;
    let (mut before, mut after) = (Instant::now(), None);
    while after.is_none() {
        pause_ms(1);
        let look = Instant::now();
        if is_waited_for() {
            after = Some(Instant::now());
        } else {
            before = look;
        }
    }
    pause_ms(300);
    drop(held);
    let had = other.join().unwrap();
    println!(
        "{{\"least_ns\": {}, \"most_ns\": {}}}",
        (had - after.unwrap()).as_nanos(),
        (had - before).as_nanos()
    );
}

extern "C" {
    fn syscall(number: i64, ...) -> i64;
}

/// Waits as a parked thread does, for nobody's lock.
#[inline(never)]
fn wait_by_word(word: &AtomicU32) {
    const FUTEX: i64 = 202; // of x86-64
    while word.load(Ordering::Acquire) == 1 {
        // FUTEX_WAIT_PRIVATE
        unsafe { syscall(FUTEX, word.as_ptr(), 128, 1, std::ptr::null::<u8>()) };
    }
}

fn futex() {
    static WORD: AtomicU32 = AtomicU32::new(1);
    let other = std::thread::spawn(|| {
        let begin = Instant::now();
        WAITS.store(true, Ordering::Release);
        wait_by_word(&WORD);
        since(begin)
    });
    while !WAITS.load(Ordering::Acquire) {
        pause_ms(1);
    }
    pause_ms(300);
    WORD.store(0, Ordering::Release);
    unsafe { syscall(202, WORD.as_ptr(), 129, 1) };
    let waited_ns = other.join().unwrap();
    println!("{{\"waited_ns\": {waited_ns}}}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let kind = arguments.get(1).map_or("mutex", |text| text.as_str());
    let number = |i: usize, otherwise: f64| arguments.get(i).map_or(otherwise, |text| text.parse().unwrap());
    match kind {
        "condition" => return condition(),
        "again" => return again(),
        "futex" => return futex(),
        _ => {}
    }
    let end = Instant::now() + Duration::from_secs_f64(number(3, 2.0));
    let n_threads = number(2, 4.0) as usize;
    std::thread::scope(|scope| {
        for i in 0..n_threads {
            scope.spawn(move || run(i, kind, end));
        }
    });
    println!(
        "{{\"waited_ns\": {}, \"n_taken\": {}}}",
        WAITED_NS.load(Ordering::Relaxed),
        N_TAKEN.load(Ordering::Relaxed)
    );
}
