//! Memories under a guest's and the kernel's worst: accesses out of bounds, growth to the
//! limit, and a process that has used up its mappings or descriptors.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, WaitOptions, getrlimit, setrlimit, waitpid};
use wasmtime::{Config, Engine, Instance, Module, Store, StoreLimits, StoreLimitsBuilder, Trap};

use super::image::tests::{Sample, image};
use super::pool::{Pool, PoolConfig};
use super::slot::{Restored, Slot};
use super::{Ending, GUARD_BYTES, RESERVED_BYTES, configure, end_of_call, use_image};

const WASM_PAGE: usize = 64 * 1024;
const CAPACITY: usize = RESERVED_BYTES as usize;
const GUARD: usize = GUARD_BYTES as usize;

/// Whether reading a byte, in a process forked for it, ends that with a segmentation fault.
fn faults(address: *const u8) -> bool {
    // SAFETY: the child only reads one byte and exits; it allocates nothing.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process to try it in");
    if child == 0 {
        // SAFETY: what it does is the question; nothing of this process depends on the child.
        unsafe {
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            std::ptr::read_volatile(address);
            libc::_exit(0);
        }
    }
    let child = rustix::process::Pid::from_raw(child).expect("a process has a number");
    let (_, status) = waitpid(Some(child), WaitOptions::empty()).unwrap().unwrap();
    match (status.terminating_signal(), status.exit_status()) {
        (Some(signal), None) if signal == libc::SIGSEGV => true,
        (None, Some(0)) => false,
        other => panic!("the child ended otherwise: {other:?}"),
    }
}

#[test]
fn all_but_the_accessible_part_faults() {
    let image = image(3, 5, &[(2, 1), (10, 30)]);
    let mut slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
    for size in [5, 6, 5000] {
        if size > 5 {
            slot.grow(size * WASM_PAGE).unwrap();
        }
        let (base, end) = (slot.base(), size * WASM_PAGE);
        for inside in [0, 4095, end / 2, end - 1] {
            assert!(!faults(base.wrapping_add(inside)), "{inside} of {end}");
        }
        for outside in [end, end + 4096, CAPACITY - 1, CAPACITY, CAPACITY + GUARD - 1] {
            assert!(faults(base.wrapping_add(outside)), "{outside} of {end}");
        }
        for below in [1, 4096, GUARD] {
            assert!(faults(base.wrapping_sub(below)), "{below} below");
        }
    }
}

/// A guest that reads, writes and grows.
const GUEST: &str = r#"(module
    (memory (export "memory") 2)
    (func (export "read") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "read_far") (param i32) (result i32) (i32.load offset=0x1ffffff (local.get 0)))
    (func (export "write") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;

struct Guests {
    pool: Arc<Pool>,
    engine: Engine,
    module: Module,
}

impl Guests {
    fn new() -> Self {
        let pool = Pool::new(PoolConfig { verify: true, ..PoolConfig::default() });
        let mut config = Config::new();
        configure(&mut config, pool.clone());
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, wat::parse_str(GUEST).unwrap()).unwrap();
        Self { pool, engine, module }
    }

    fn start(&self, image: &Sample, pages: usize) -> (Store<StoreLimits>, Instance) {
        let limits = StoreLimitsBuilder::new().memory_size(pages * WASM_PAGE).build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        let (instance, _) =
            use_image(&image.image, || Instance::new(&mut store, &self.module, &[]));
        (store, instance.unwrap())
    }
}

#[test]
fn accesses_out_of_bounds_are_traps_and_leave_the_rest_alone() {
    let guests = Guests::new();
    let image = image(2, 3, &[(1, 2)]);
    let end = 3 * WASM_PAGE as u32;
    for address in [end - 3, end, end + 4096, i32::MAX as u32, 0xffff_fffc, u32::MAX] {
        let (mut store, instance) = guests.start(&image, 3);
        let write = instance.get_typed_func::<(u32, u32), ()>(&mut store, "write").unwrap();
        write.call(&mut store, (end - 4, 7)).unwrap();
        for name in ["read", "read_far"] {
            let read = instance.get_typed_func::<u32, u32>(&mut store, name).unwrap();
            let error = read.call(&mut store, address).unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds), "{name} {address}");
        }
        let error = write.call(&mut store, (address, 1)).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds), "write {address}");
        end_of_call(store, Ending::Normal);
    }
    // What was written within bounds was put back: `verify` looks at every reuse.
    let usage = guests.pool.usage();
    assert_eq!((usage.made, usage.recycled, usage.unequal), (1, 5, 0));
}

#[test]
fn a_guest_grows_to_its_limit_and_no_further() {
    let guests = Guests::new();
    let image = image(2, 3, &[]);
    let (mut store, instance) = guests.start(&image, 1000);
    let grow = instance.get_typed_func::<u32, i32>(&mut store, "grow").unwrap();
    let read = instance.get_typed_func::<u32, u32>(&mut store, "read").unwrap();
    assert_eq!(grow.call(&mut store, 998).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 997).unwrap(), 3);
    assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
    assert_eq!(grow.call(&mut store, u32::MAX).unwrap(), -1);
    // New memory is zeros to its last byte.
    for address in [3, 500, 999].map(|page| page * WASM_PAGE as u32) {
        assert_eq!(read.call(&mut store, address).unwrap(), 0);
    }
    assert_eq!(read.call(&mut store, 1000 * WASM_PAGE as u32 - 4).unwrap(), 0);
    assert!(read.call(&mut store, 1000 * WASM_PAGE as u32 - 3).is_err());
    end_of_call(store, Ending::Normal);
    assert_eq!((guests.pool.usage().given_back, guests.pool.usage().kept), (1, 0));
}

#[test]
fn instances_dropped_by_many_threads_leave_clean_memories() {
    let guests = Guests::new();
    let images = [image(2, 3, &[(1, 2)]), image(4, 4, &[])];
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (guests, images) = (&guests, &images);
            scope.spawn(move || {
                for round in 0..200 {
                    let image = &images[(thread + round) as usize % 2];
                    let (mut store, instance) = guests.start(image, 100);
                    let mut write = |address: u32| {
                        let write = instance.get_typed_func::<(u32, u32), ()>(&mut store, "write");
                        write.unwrap().call(&mut store, (address, 0xeeee_eeee)).unwrap();
                    };
                    write(round * 977 % 190_000);
                    write(thread * 4096);
                    // Some are dropped by another thread than the one that used them, some
                    // end abnormally, and some are not ended at all.
                    match round % 5 {
                        0 => drop(store),
                        1 => drop(end_of_call(store, Ending::Abnormal)),
                        2 => drop(end_of_call(store, Ending::Capture)),
                        3 => scope
                            .spawn(move || drop(end_of_call(store, Ending::Normal)))
                            .join()
                            .unwrap(),
                        _ => drop(end_of_call(store, Ending::Normal)),
                    }
                }
            });
        }
    });
    let usage = guests.pool.usage();
    assert_eq!(usage.made + usage.recycled, 800);
    assert_eq!((usage.unequal, usage.copied_back), (0, 320));
}

#[test]
fn kept_memories_make_room_when_the_mappings_are_used_up() {
    // Each takes some fifty of the 65,530 that a process may have, unless it is told otherwise.
    let runs: Vec<(u32, u32)> = (0..24).map(|at| (at * 50, 30)).collect();
    let image = image(80, 80, &runs);
    let unbounded = PoolConfig { max_mappings: usize::MAX, ..PoolConfig::default() };
    let pool = Pool::new(PoolConfig { max_bytes: usize::MAX, verify: true, ..unbounded });
    let take = || pool.take(&image, 64 * 1024 * 1024, WASM_PAGE);
    let mut slots = Vec::new();
    let error = loop {
        match take() {
            Ok((slot, _)) => slots.push(slot),
            Err(error) => break error,
        }
        assert!(slots.len() < 100_000, "the kernel has no bound on mappings");
    };
    assert_eq!(error.raw_os_error(), Some(libc::ENOMEM), "{error}");
    assert!(slots.iter().all(|slot| slot.equals(&image)));
    // One that is in use is not taken away; one that is only kept is.
    assert_eq!(pool.usage().evicted, 0);
    pool.give(&image, slots.pop().unwrap());
    let other = self::image(80, 80, &runs[..23]);
    let (slot, at_hand) = pool.take(&other, 64 * 1024 * 1024, WASM_PAGE).unwrap();
    assert!(!at_hand && slot.equals(&other));
    assert_eq!((pool.usage().evicted, pool.usage().kept), (1, 0));
    drop(slots);
    assert!(take().is_ok_and(|(slot, _)| slot.equals(&image)));
}

#[test]
fn memories_are_made_and_put_back_without_any_descriptor() {
    let image = image(20, 30, &[(3, 2), (40, 30)]);
    let mut before = Slot::new(&image, CAPACITY, GUARD).unwrap();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum: limit.maximum }).unwrap();
    assert!(std::fs::File::open("/dev/null").is_err());
    // The files of the image cannot be opened, nor can what tells which pages were written.
    let mut slot = Slot::new(&image, CAPACITY, GUARD).unwrap();
    for slot in [&mut slot, &mut before] {
        assert!(slot.equals(&image));
        for round in 0..3 {
            slot.take();
            slot.scribble(round);
            assert_eq!(slot.restore(&image).unwrap(), Restored::Mapped { kernel_tells: false });
            assert!(slot.equals(&image));
        }
    }
    setrlimit(Resource::Nofile, limit).unwrap();
}
