//! Things as the API shows them.

use model::task::TaskState;
use model::{ErrorKind, Failure, Usage, Warning};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock::Time;
use crate::deploy::Steps;
use crate::identity::Caller;
use crate::store::{Attempt, Class, Deployment, DeploymentState, Function, Task, Visibility};
use crate::tasks::Ended;

/// Results up to this size are shown with their task; larger ones are at `result_url`.
pub const SHOWN_RESULT_BYTES: u64 = 64 * 1024;

/// One broken rule of a schema.
#[derive(Debug, Serialize, ToSchema)]
pub struct ViolationView {
    /// JSON Pointer into the document, empty for the whole of it.
    pub pointer: String,
    /// The rule that was broken, such as `minimum`.
    pub rule: String,
    pub message: String,
    /// The value seen; cut when it is large.
    pub value: Value,
}

impl From<&model::Violation> for ViolationView {
    fn from(violation: &model::Violation) -> Self {
        Self {
            pointer: violation.pointer.clone(),
            rule: violation.rule.clone(),
            message: violation.message.clone(),
            value: violation.value.clone(),
        }
    }
}

/// Why a task failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureView {
    /// `exception`, `timeout`, `memory_exceeded`, `fuel_exhausted`, `output_too_large`,
    /// `invalid_outputs`, `cancelled`, `engine_unavailable`, `internal`, ...
    pub kind: String,
    pub message: String,
    /// The author's frames, innermost last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationView>,
}

impl FailureView {
    /// Why a task failed, if it did. A traceback has lines of the source: it is not shown
    /// to who may call another tenant's function.
    pub fn of(task: &Task) -> Option<Self> {
        let failure: &Failure = task.error.as_ref()?;
        let is_own = task.function.as_ref().is_none_or(|name| name.tenant == task.tenant);
        Some(Self {
            kind: failure.kind.as_str().to_owned(),
            message: failure.message.clone(),
            traceback: failure.traceback.clone().filter(|_| is_own),
            violations: failure.violations.iter().map(ViolationView::from).collect(),
        })
    }
}

/// Something that a caller should know, though the call did not fail.
#[derive(Debug, Serialize, ToSchema)]
pub struct WarningView {
    pub code: String,
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationView>,
}

impl From<&Warning> for WarningView {
    fn from(warning: &Warning) -> Self {
        Self {
            code: warning.code.clone(),
            message: warning.message.clone(),
            violations: warning.violations.iter().map(ViolationView::from).collect(),
        }
    }
}

/// What a call used.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageView {
    /// Instructions, of metered calls.
    pub fuel: Option<u64>,
    pub wall_ms: f64,
    pub cpu_ms: f64,
    pub peak_memory_bytes: u64,
    /// Whether the handler was imported for this call.
    pub cold: bool,
}

impl From<&Usage> for UsageView {
    fn from(usage: &Usage) -> Self {
        Self {
            fuel: usage.fuel,
            wall_ms: usage.wall_ms,
            cpu_ms: usage.cpu_ms,
            peak_memory_bytes: usage.peak_memory_bytes,
            cold: usage.cold,
        }
    }
}

/// An attempt that did not end the task.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    pub number: u32,
    pub started_at: Time,
    pub ended_at: Time,
    /// Nothing if the worker was lost.
    pub kind: Option<String>,
    pub message: String,
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            kind: attempt.kind.map(ErrorKind::as_str).map(str::to_owned),
            message: attempt.message.clone(),
        }
    }
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Created,
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl From<TaskState> for State {
    fn from(state: TaskState) -> Self {
        match state {
            TaskState::Created => Self::Created,
            TaskState::Queued => Self::Queued,
            TaskState::Running => Self::Running,
            TaskState::Completed => Self::Completed,
            TaskState::Failed => Self::Failed,
            TaskState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<State> for TaskState {
    fn from(state: State) -> Self {
        match state {
            State::Created => Self::Created,
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Completed => Self::Completed,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// One call of one function version, or of inline code.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    pub id: Uuid,
    pub state: State,
    /// Nothing for inline code. Another tenant's function has its tenant before it.
    pub function_id: Option<String>,
    /// Inline code's name.
    pub name: Option<String>,
    /// The full version that runs, whatever was asked for.
    pub version: String,
    /// `sandbox` or `docker`.
    pub engine: String,
    pub priority: Class,
    /// The account whose task it is.
    pub owner: Uuid,
    pub attempt: u32,
    /// Whether somebody asked for it to be stopped.
    pub cancel_requested: bool,
    /// Whether it failed because its attempts were used up.
    pub dead_letter: bool,
    /// Whether the result came from the cache.
    pub cached: bool,
    pub deterministic: bool,
    pub timeout_ms: u64,
    pub created_at: Time,
    pub queued_at: Option<Time>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// The function's result, if it completed and is not larger than 64 KiB, or was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    pub result_bytes: Option<u64>,
    pub error: Option<FailureView>,
    pub warnings: Vec<WarningView>,
    pub usage: Option<UsageView>,
    /// Attempts before the last.
    pub history: Vec<AttemptView>,
    /// The batch that it belongs to.
    pub parent: Option<Uuid>,
    /// The task that it repeats.
    pub retry_of: Option<Uuid>,
    /// Addresses of what belongs to it.
    pub links: TaskLinks,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TaskLinks {
    pub status: String,
    pub results: String,
    pub logs: String,
    pub files: String,
    pub events: String,
}

impl TaskView {
    pub fn new(task: &Task, result: Option<Value>) -> Self {
        let link = |what: &str| format!("/api/tasks/{}/{what}", task.id);
        let function_id = task.function.as_ref().map(|name| {
            if name.tenant == task.tenant { name.id.clone() } else { name.to_string() }
        });
        Self {
            id: task.id,
            state: task.life.state.into(),
            function_id,
            name: task.name.clone(),
            version: task.version.clone(),
            engine: task.engine.to_string(),
            priority: task.class,
            owner: task.owner,
            attempt: task.life.attempt,
            cancel_requested: task.life.cancel_requested,
            dead_letter: task.life.is_dead_letter,
            cached: task.cached,
            deterministic: task.deterministic,
            timeout_ms: task.timeout_ms,
            created_at: task.created_at,
            queued_at: task.queued_at,
            started_at: task.started_at,
            finished_at: task.finished_at,
            result,
            result_bytes: task.result_bytes,
            error: FailureView::of(task),
            warnings: task.warnings.iter().map(WarningView::from).collect(),
            usage: task.usage.as_ref().map(UsageView::from),
            history: task.history.iter().map(AttemptView::from).collect(),
            parent: task.parent,
            retry_of: task.retry_of,
            links: TaskLinks {
                status: link("status"),
                results: link("results"),
                logs: link("logs"),
                files: link("files"),
                events: link("events"),
            },
        }
    }

    pub fn ended(ended: Ended) -> Self {
        Self::new(&ended.task, ended.result)
    }
}

/// A function, with one of its releases.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunctionView {
    /// Another tenant's has its tenant before it: `tenant/function-id`.
    pub id: String,
    pub version: String,
    pub package: String,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub category: Option<String>,
    pub visibility: Visibility,
    /// `sandbox` or `docker`, and why.
    pub engine: String,
    pub engine_reason: String,
    /// JSON Schema of the inputs.
    pub inputs_schema: Value,
    /// JSON Schema of the result, if there is one.
    pub outputs_schema: Option<Value>,
    pub timeout_ms: u64,
    pub memory_bytes: u64,
    pub deterministic: bool,
    /// Whether results of the same inputs are answered again.
    pub cache: bool,
    /// Whether calls begin in a snapshot, or why not.
    pub snapshot: bool,
    pub no_snapshot: Option<String>,
    pub warnings: Vec<String>,
    /// Who deployed it first; not told to other tenants.
    pub owner: Option<Uuid>,
    pub created_at: Time,
    pub deployed_at: Time,
}

impl FunctionView {
    pub fn new(caller: &Caller, found: &Function) -> Self {
        let (release, function) = (&found.release, &found.function);
        let is_own = found.name.tenant == caller.tenant();
        let id = if is_own { found.name.id.clone() } else { found.name.to_string() };
        let warnings = release.warnings.iter().chain(&function.warnings).cloned().collect();
        Self {
            id,
            version: release.version.to_string(),
            package: release.package.clone(),
            description: function.description.clone().or_else(|| release.description.clone()),
            tags: release.tags.clone(),
            category: release.category.clone(),
            visibility: found.visibility,
            engine: function.engine.to_string(),
            engine_reason: function.engine_reason.clone(),
            inputs_schema: function.inputs_schema.clone(),
            outputs_schema: function.outputs_schema.clone(),
            timeout_ms: function.timeout_ms,
            memory_bytes: function.memory_bytes,
            deterministic: function.deterministic,
            cache: function.cache || function.deterministic,
            snapshot: function.snapshot.is_some(),
            no_snapshot: function.no_snapshot.clone(),
            warnings,
            owner: is_own.then_some(found.owner),
            created_at: found.created_at,
            deployed_at: found.deployed_at,
        }
    }
}

/// A release of a function, with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    #[serde(flatten)]
    pub function: FunctionView,
    /// SHA-256 of the package's content.
    pub checksum: String,
    pub released_at: Time,
    /// Not told to other tenants, as are lock, image, report, origin and source.
    pub released_by: Option<Uuid>,
    pub changelog: Option<String>,
    /// Author names and addresses.
    pub authors: Value,
    /// Exact versions and hashes of the dependencies, for the sandbox.
    pub lock: Value,
    /// What Docker's image of it is made of, if it has one: base, Python, and the lock for that.
    pub image: Option<Value>,
    /// How its tests went.
    pub report: Value,
    /// Repository, reference and commit, if it came from one.
    pub origin: Option<Value>,
    pub source_url: Option<String>,
}

impl VersionView {
    pub fn new(caller: &Caller, found: &Function) -> Self {
        let function = FunctionView::new(caller, found);
        let release = &found.release;
        let is_own = found.name.tenant == caller.tenant();
        let source_url =
            format!("/api/functions/{}/versions/{}/source", function.id, release.version);
        let own = |value: &Value| if is_own { value.clone() } else { Value::Null };
        Self {
            source_url: is_own.then_some(source_url),
            checksum: release.checksum.clone(),
            released_at: release.created_at,
            released_by: is_own.then_some(release.created_by),
            changelog: release.changelog.clone(),
            authors: serde_json::to_value(&release.authors).unwrap_or_default(),
            lock: own(&release.lock),
            image: found.function.image.as_ref().filter(|_| is_own).map(|image| {
                json!({
                    "base": image.platform.base,
                    "python": image.platform.python.to_string(),
                    "platform": image.platform.target,
                    "lock": image.lock,
                    "dockerfile": image.is_program,
                })
            }),
            report: own(&release.report),
            origin: release.origin.clone().filter(|_| is_own),
            function,
        }
    }
}

/// A deploy.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentView {
    pub id: Uuid,
    pub state: DeploymentState,
    pub account: Uuid,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// Where the package comes from.
    pub source: Value,
    #[schema(value_type = Vec<Object>)]
    pub steps: Steps,
    pub package: Option<String>,
    pub version: Option<String>,
    /// Ids of the functions, when it has succeeded.
    pub functions: Option<Vec<String>>,
    pub warnings: Vec<String>,
    /// How the tests went.
    pub report: Option<Value>,
    /// Why it failed: `slug`, `detail`, `problems`, `retriable`.
    pub error: Option<Value>,
    pub events_url: String,
}

impl From<Deployment> for DeploymentView {
    fn from(deployment: Deployment) -> Self {
        let document = &deployment.document;
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        let texts = |name: &str| serde_json::from_value(document[name].clone()).ok();
        let some = |name: &str| Some(document[name].clone()).filter(|value| !value.is_null());
        Self {
            id: deployment.id,
            state: deployment.state,
            account: deployment.account,
            created_at: deployment.created_at,
            started_at: deployment.started_at,
            finished_at: deployment.finished_at,
            source: document["source"].clone(),
            steps: serde_json::from_value(document["steps"].clone()).unwrap_or_default(),
            package: text("package"),
            version: text("version"),
            functions: texts("functions"),
            warnings: texts("warnings").unwrap_or_default(),
            report: some("report"),
            error: some("error"),
            events_url: format!("/api/deployments/{}/events", deployment.id),
        }
    }
}
