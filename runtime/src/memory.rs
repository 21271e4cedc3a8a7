//! How instances' memories are made and recycled: the one place that decides it.
//!
//! Wasmtime's pooling allocator: a fixed number of reserved address ranges, the image of
//! the initialised interpreter mapped copy-on-write over each, and put back after a call
//! by copying the pages that it wrote, as the kernel reports them.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Bytes of written memory that are copied back in place; what lies beyond is given back
/// to the kernel.
const KEEP_RESIDENT_BYTES: usize = 64 * 1024 * 1024;

/// Core instances that one component is made of, with room for other flavours.
const CORE_INSTANCES: u32 = 200;

/// Tables and memories of one component.
const TABLES: u32 = 20;
const MEMORIES: u32 = 4;

/// Entries of the largest table: the functions of the interpreter and its extensions.
const TABLE_ELEMENTS: usize = 60_000;

pub fn configure(config: &mut Config, instances: u32) {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_memories(instances)
        .max_memories_per_component(MEMORIES)
        .total_tables(instances * 2)
        .max_tables_per_component(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(16 * 1024 * 1024)
        .max_core_instance_size(4 * 1024 * 1024)
        .max_memory_size(model::limits::MAX_MEMORY_BYTES as usize)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_ELEMENTS * size_of::<usize>())
        .max_unused_warm_slots(instances)
        .pagemap_scan(Enabled::Auto);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config.memory_init_cow(true);
}
