//! Lists of tasks: by whichever index leaves the fewest rows to look at.

use model::task::TaskState;
use rusqlite::{Connection, named_params};
use uuid::Uuid;

use super::row::{columns, stored_of};
use crate::store::sqlite::rows::{after_time_and_id, all, bytes_of, micros, row_limit, time_key};
use crate::store::{Class, Page, PageRequest, Result, Task, TaskFilter};

macro_rules! list {
    ($index:literal, $seek:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM tasks INDEXED BY ",
            $index,
            " WHERE ",
            $seek,
            " AND tenant = :tenant
            AND (created_at, id) < (:at, :id)
            AND created_at >= :since
            AND (:viewer IS NULL OR private = 0 OR owner = :viewer)
            AND (:state IS NULL OR state = :state)
            AND (:function IS NULL OR function = :function)
            AND (:function_tenant IS NULL OR function_tenant = :function_tenant)
            AND (:version IS NULL OR version = :version)
            AND (:owner IS NULL OR owner = :owner)
            AND (:parent IS NULL OR parent = :parent)
            AND (:class IS NULL OR class = :class)
            AND (:dead_letter IS NULL OR dead_letter = :dead_letter)
            ORDER BY created_at DESC, id DESC LIMIT :limit"
        )
    };
}

const NEWEST: &str = list!("tasks_newest", "TRUE");
const OF_OWNER: &str = list!("tasks_of_owner", "owner = :owner");
const DEAD: &str = list!("tasks_dead", "dead_letter = 1");
const OF_CLASS: &str = list!("tasks_by_class", "class <> 'high_priority' AND class = :class");
const OF_PARENT: &str = list!("tasks_of_parent", "parent IS NOT NULL AND parent = :parent");
const OF_STATE: &str = list!("tasks_by_state", "state <> 'completed' AND state = :state");
const OF_FUNCTION: &str = list!(
    "tasks_of_function",
    "function IS NOT NULL AND function_tenant = :function_tenant AND function = :function"
);

pub(super) fn tasks(
    conn: &Connection,
    tenant: &str,
    viewer: Option<Uuid>,
    filter: &TaskFilter,
    page: &PageRequest,
) -> Result<Page<Task>> {
    // What is older than a moment comes after it; no id comes before the nil one.
    let until = (micros(filter.until).unwrap_or(i64::MAX), Uuid::nil());
    let (at, id) = after_time_and_id(page)?.min(until);
    let sql = match filter {
        TaskFilter { parent: Some(_), .. } => OF_PARENT,
        TaskFilter { dead_letter: Some(true), .. } => DEAD,
        TaskFilter { state: Some(state), .. } if *state != TaskState::Completed => OF_STATE,
        TaskFilter { owner: Some(_), .. } => OF_OWNER,
        TaskFilter { function: Some(_), .. } => OF_FUNCTION,
        TaskFilter { class: Some(class), .. } if *class != Class::HighPriority => OF_CLASS,
        _ => NEWEST,
    };
    let params = named_params! {
        ":tenant": tenant,
        ":at": at,
        ":id": id.as_bytes(),
        ":since": micros(filter.since).unwrap_or(i64::MIN),
        ":viewer": bytes_of(viewer.as_ref()),
        ":state": filter.state.map(TaskState::as_str),
        ":function": filter.function.as_ref().map(|function| &function.id),
        ":function_tenant": filter.function.as_ref().map(|function| &function.tenant),
        ":version": filter.version,
        ":owner": bytes_of(filter.owner.as_ref()),
        ":parent": bytes_of(filter.parent.as_ref()),
        ":class": filter.class.map(Class::as_str),
        ":dead_letter": filter.dead_letter,
        ":limit": row_limit(page.limit),
    };
    let found = all(conn, sql, params, |columns| Ok(stored_of(columns)?.task))?;
    Ok(Page::of(found, page.limit, |task| time_key(task.created_at, &task.id.to_string())))
}
