//! The pool, keeping numbers in place of containers.

use super::*;

type Numbered = Pool<&'static str, u32>;

const MIB: u64 = 1024 * 1024;

fn pool(containers: usize, memory_mib: u64, wait: Duration) -> Arc<Numbered> {
    let limits =
        PoolLimits { containers, memory_bytes: memory_mib * MIB, wait, ..Default::default() };
    Pool::new(limits)
}

fn take(
    pool: &Arc<Numbered>,
    key: &'static str,
    mib: u64,
) -> Result<Taken<&'static str, u32>, NotTaken> {
    pool.take(&key, mib * MIB, &CancelToken::new())
}

fn room(pool: &Arc<Numbered>, key: &'static str, mib: u64) -> Lease<&'static str, u32> {
    match take(pool, key, mib) {
        Ok(Taken::Room(lease)) => lease,
        Ok(Taken::Ready { what, .. }) => panic!("given {what}"),
        Err(error) => panic!("{error:?}"),
    }
}

fn ready(pool: &Arc<Numbered>, key: &'static str) -> (Lease<&'static str, u32>, u32, bool) {
    match take(pool, key, 1) {
        Ok(Taken::Ready { lease, what, paused }) => (lease, what, paused),
        Ok(Taken::Room(_)) => panic!("room"),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn what_is_given_back_serves_its_own_key_alone() {
    let pool = pool(10, 100, Duration::ZERO);
    room(&pool, "a", 1).give_back(1);
    drop(room(&pool, "b", 1));
    let (lease, what, paused) = ready(&pool, "a");
    assert_eq!((what, paused), (1, false));
    // It is in use: another is started, after a moment's patience.
    let second = room(&pool, "a", 1);
    assert_eq!(pool.numbers().containers, 2);
    drop((lease, second));
    assert_eq!(pool.numbers(), Numbers::default());
}

#[test]
fn at_its_bound_the_one_unused_for_longest_goes() {
    let pool = pool(2, 100, Duration::ZERO);
    room(&pool, "a", 1).give_back(1);
    room(&pool, "b", 1).give_back(2);
    let (lease, what, _) = ready(&pool, "a");
    lease.give_back(what);
    let third = room(&pool, "c", 1);
    assert_eq!(pool.numbers().evicted, 1);
    assert_eq!(ready(&pool, "a").1, 1);
    drop(third);
}

#[test]
fn memory_is_a_bound_too_and_nothing_goes_for_what_would_not_fit() {
    let pool = pool(10, 10, Duration::ZERO);
    assert!(matches!(take(&pool, "a", 11), Err(NotTaken::TooLarge)));
    let busy = room(&pool, "a", 4);
    room(&pool, "b", 3).give_back(1);
    room(&pool, "c", 3).give_back(2);
    assert!(matches!(take(&pool, "d", 7), Err(NotTaken::Busy(_))));
    assert_eq!(pool.numbers().idle, 2);
    drop(room(&pool, "d", 6));
    assert_eq!((pool.numbers().idle, pool.numbers().evicted), (0, 2));
    drop(busy);
}

#[test]
fn who_waits_is_given_what_comes_free_or_told_why_not() {
    let full = pool(1, 100, Duration::from_secs(30));
    let lease = room(&full, "a", 1);
    let cancelled = CancelToken::new();
    cancelled.cancel();
    assert!(matches!(full.take(&"b", MIB, &cancelled), Err(NotTaken::Cancelled)));
    let waiting = full.clone();
    let thread = std::thread::spawn(move || drop(room(&waiting, "b", 1)));
    while full.numbers().waiting == 0 {
        std::thread::yield_now();
    }
    drop(lease);
    thread.join().unwrap();

    let impatient = pool(1, 100, Duration::from_millis(20));
    let _held = room(&impatient, "a", 1);
    assert!(matches!(take(&impatient, "b", 1), Err(NotTaken::Busy(_))));
}

#[test]
fn what_settles_is_waited_for() {
    let pool = pool(10, 100, Duration::from_secs(30));
    let lease = room(&pool, "a", 1);
    lease.settling();
    let waiting = pool.clone();
    let thread = std::thread::spawn(move || {
        let (lease, what, _) = ready(&waiting, "a");
        lease.give_back(what);
    });
    while pool.numbers().waiting == 0 {
        std::thread::yield_now();
    }
    lease.give_back(7);
    thread.join().unwrap();
    assert_eq!(pool.numbers().containers, 1);
}

#[test]
fn the_idle_are_paused_then_removed_and_the_sick_go() {
    let pool = pool(10, 100, Duration::ZERO);
    room(&pool, "a", 1).give_back(1);
    room(&pool, "b", 1).give_back(2);
    let now = Instant::now();
    let mut lent = pool.to_pause(now);
    assert_eq!(lent.len(), 2);
    assert!(pool.to_pause(now).is_empty());
    let (lease, what, since) = lent.pop().unwrap();
    lease.give_back_paused(what, since);
    drop(lent);
    assert_eq!(pool.numbers(), Numbers { containers: 1, idle: 1, paused: 1, ..Default::default() });
    assert!(pool.to_pause(Instant::now()).is_empty());
    assert_eq!(pool.sick(|&held| held == what), [what]);
    room(&pool, "c", 1).give_back(3);
    assert!(pool.idle_since(now).is_empty());
    assert_eq!(pool.idle_since(Instant::now()), [3]);
    room(&pool, "d", 1).give_back(4);
    assert_eq!(pool.drain(), [4]);
    assert_eq!(pool.numbers().containers, 0);
}

#[test]
fn many_threads_never_share_one_nor_pass_the_bound() {
    let pool = pool(3, 100, Duration::from_secs(30));
    let made = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let in_use: Arc<Mutex<std::collections::HashSet<u32>>> = Arc::default();
    let threads: Vec<_> = (0..8)
        .map(|thread: usize| {
            let (pool, made, in_use) = (pool.clone(), made.clone(), in_use.clone());
            std::thread::spawn(move || {
                for turn in 0..200 {
                    let key = ["a", "b", "c", "d"][(thread + turn) % 4];
                    let (lease, what) = match take(&pool, key, 1).unwrap() {
                        Taken::Ready { lease, what, .. } => (lease, what),
                        Taken::Room(lease) => {
                            (lease, made.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                        }
                    };
                    assert!(in_use.lock().insert(what));
                    assert!(pool.numbers().containers <= 3);
                    in_use.lock().remove(&what);
                    if turn % 7 == 0 {
                        drop(lease);
                    } else {
                        lease.settling();
                        lease.give_back(what);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let numbers = pool.numbers();
    assert_eq!(numbers.containers, numbers.idle);
}
