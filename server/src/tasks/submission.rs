//! A call as it is asked for, checked and made ready to be stored and run.

use std::sync::Arc;
use std::time::Duration;

use model::task::RetryPolicy;
use model::{Engine, Violation};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::dispatch::Dispatcher;
use super::inline::Inline;
use super::recording::put_document;
use crate::blobs::BlobKey;
use crate::callable::Callable;
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{Class, Function, NewDelivery, NewTask, Payload, StoreError, Task, Visibility};
use crate::{canonical, hash};

/// Calls that end within this are urgent; within the next, ordinary.
const HIGH_PRIORITY_MS: f64 = 5_000.0;
const DEFAULT_MS: f64 = 300_000.0;
/// At a file whose content is not there.
const LOOKS: usize = 3;
/// Runs from which a function's own history is believed.
const ENOUGH_RUNS: u32 = 5;

/// What is called.
#[derive(Clone)]
pub enum Target {
    Function(Arc<Function>, Arc<Callable>),
    Inline(Arc<Inline>),
}

/// Where to tell of the end.
#[derive(Clone)]
pub struct Webhook {
    pub url: String,
    pub sealed_secret: Option<Vec<u8>>,
}

/// What the caller may decide of a call.
#[derive(Clone, Default)]
pub struct Options {
    pub class: Option<Class>,
    pub cache: Option<bool>,
    pub deterministic: Option<bool>,
    pub timeout: Option<Duration>,
    pub webhook: Option<Webhook>,
    pub parent: Option<Uuid>,
    pub retry_of: Option<Uuid>,
}

/// A call that can be stored or run.
pub struct Submission {
    pub new: NewTask,
    pub callable: Arc<Callable>,
    pub inputs: Map<String, Value>,
}

impl Target {
    pub fn callable(&self) -> &Arc<Callable> {
        match self {
            Self::Function(_, callable) => callable,
            Self::Inline(inline) => &inline.callable,
        }
    }
}

/// Inputs that break rules, all of them named. `base`: where in the body they stand.
pub fn invalid_inputs(base: &str, mut violations: Vec<Violation>) -> Problem {
    for violation in &mut violations {
        violation.pointer.insert_str(0, base);
    }
    let detail = match violations.as_slice() {
        [only] => format!("the inputs are not valid: {}", only.message),
        several => format!("the inputs break {} rules", several.len()),
    };
    Problem::invalid("invalid-inputs", detail).violations(violations)
}

impl Dispatcher {
    /// Checks a call and makes its task, in state `created`. Nothing is stored but inputs that
    /// are too large for a row. `base` is the pointer to the inputs in the caller's body.
    pub async fn prepare(
        &self,
        caller: &Caller,
        target: &Target,
        inputs: Map<String, Value>,
        options: Options,
        id: Uuid,
        base: &str,
    ) -> Result<Submission, Problem> {
        let callable = target.callable().clone();
        self.check_engine(&callable)?;
        let inputs = callable
            .inputs_schema
            .accept(inputs)
            .map_err(|violations| invalid_inputs(base, violations))?;
        let files = self.files(caller, &callable, &inputs, base).await?;
        let timeout = timeout(&callable, options.timeout)?;
        let deterministic = options.deterministic.unwrap_or(false) || callable.deterministic;
        let (function, private, name, version) = match target {
            Target::Function(function, _) => (
                Some(function.name.clone()),
                function.visibility == Visibility::Private,
                None,
                function.release.version.to_string(),
            ),
            Target::Inline(inline) => {
                (None, false, Some(inline.name.clone()), inline.version.clone())
            }
        };
        let cache_key = match &function {
            Some(name) if callable.cache && options.cache != Some(false) => Some(cache_key(
                &name.to_string(),
                &format!("{version} {}", dependencies(target)),
                deterministic,
                &inputs,
                &files,
            )),
            _ => None,
        };
        let class = match options.class {
            Some(class) => class,
            None => self.expected_class(caller.tenant(), function.as_ref(), timeout).await,
        };
        let retry = RetryPolicy { on_exception: callable.retry, ..RetryPolicy::default() };
        let now = self.clock.now();
        let task = Task {
            id,
            tenant: caller.tenant().to_owned(),
            owner: caller.id(),
            function,
            private,
            name,
            version,
            engine: callable.engine,
            class,
            life: Task::new_life(retry),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            deterministic,
            cache_key,
            cached: false,
            created_at: now,
            queued_at: None,
            started_at: None,
            finished_at: None,
            worker: None,
            usage: None,
            error: None,
            warnings: Vec::new(),
            history: Vec::new(),
            parent: options.parent,
            retry_of: options.retry_of,
            result_bytes: None,
        };
        let text = serde_json::to_string(&inputs).unwrap_or_default();
        if text.len() > model::limits::INPUT_BYTES {
            return Err(Problem::too_large(format!(
                "the inputs are {} bytes of JSON: at most {}",
                text.len(),
                model::limits::INPUT_BYTES
            )));
        }
        let code = match target {
            Target::Function(..) => None,
            Target::Inline(inline) => Some(put_document(&self.blobs, inline.code.clone()).await?),
        };
        let payload = Payload { inputs: put_document(&self.blobs, text).await?, code, files };
        let delivery = options.webhook.map(|webhook| NewDelivery {
            id: crate::store::new_id(),
            url: webhook.url,
            sealed_secret: webhook.sealed_secret,
        });
        let new = NewTask { task, payload, delivery, events: Vec::new(), ended: None };
        Ok(Submission { new, callable, inputs })
    }

    fn check_engine(&self, callable: &Callable) -> Result<(), Problem> {
        if callable.engine == Engine::Docker && self.engines.docker.is_none() {
            return Err(Problem::new(
                axum::http::StatusCode::SERVICE_UNAVAILABLE,
                "engine-unavailable",
                "the function needs Docker, which this server does not have",
            )
            .retry_after(60));
        }
        Ok(())
    }

    /// The content of the files that the inputs name, as it is now: what is uploaded under
    /// the same key later does not change the call.
    async fn files(
        &self,
        caller: &Caller,
        callable: &Callable,
        inputs: &Map<String, Value>,
        base: &str,
    ) -> Result<Vec<(String, BlobKey)>, Problem> {
        let keys = package::schema::file_keys(inputs, callable.inputs_schema.value());
        let mut files = Vec::new();
        let mut violations = Vec::new();
        for (key, pointer) in keys {
            match self.content(caller.tenant(), &key).await {
                Ok(content) => files.push((key, content)),
                Err(StoreError::NotFound) => violations.push(Violation {
                    pointer,
                    rule: "file".to_owned(),
                    message: format!("there is no file `{}`", model::json::cut(&key, 200)),
                    value: json!(key),
                }),
                Err(error) => return Err(error.into()),
            }
        }
        if violations.is_empty() { Ok(files) } else { Err(invalid_inputs(base, violations)) }
    }

    /// The content of a file, which stays from now on until a task refers to it.
    async fn content(&self, tenant: &str, key: &str) -> Result<BlobKey, StoreError> {
        // Between the two looks a file may be replaced, and the content that it had swept.
        for _ in 0..LOOKS {
            let content = self.store.file(tenant, key).await?.content;
            match self.blobs.renew(&[content]).await {
                Ok(true) => return Ok(content),
                Ok(false) => {}
                Err(error) => return Err(StoreError::Unavailable(error.to_string())),
            }
        }
        Err(StoreError::Corrupt("the content of a file is missing".to_owned()))
    }

    async fn expected_class(
        &self,
        tenant: &str,
        function: Option<&crate::store::FunctionName>,
        timeout: Duration,
    ) -> Class {
        let by = |ms: f64| {
            if ms < HIGH_PRIORITY_MS {
                Class::HighPriority
            } else if ms < DEFAULT_MS {
                Class::Default
            } else {
                Class::LongRunning
            }
        };
        if let Some(name) = function {
            let key = (tenant.to_owned(), name.clone());
            let known = match self.history.get(&key) {
                Some(known) => Some(known),
                None => match self.store.recent_wall_ms(tenant, name).await {
                    Ok(found) => {
                        self.history.insert(key, found);
                        Some(found)
                    }
                    // It only decides the order.
                    Err(_) => None,
                },
            };
            if let Some((ms, runs)) = known
                && runs >= ENOUGH_RUNS
            {
                return by(ms);
            }
        }
        by(timeout.as_secs_f64() * 1e3)
    }
}

fn timeout(callable: &Callable, asked: Option<Duration>) -> Result<Duration, Problem> {
    let own = callable.limits.timeout;
    match asked {
        None => Ok(own),
        Some(asked) if asked > own => Err(Problem::at(
            "/timeout",
            "maximum",
            format!("the function may take at most {} s", own.as_secs_f64()),
        )),
        Some(asked) => Ok(asked),
    }
}

/// What the release's dependencies are: a version names the package's own files alone.
fn dependencies(target: &Target) -> String {
    match target {
        Target::Function(function, _) => {
            function.release.dependencies.map(|key| key.to_string()).unwrap_or_default()
        }
        Target::Inline(_) => String::new(),
    }
}

/// Names a call: what gives the same, whoever of the tenant asks.
fn cache_key(
    function: &str,
    version: &str,
    deterministic: bool,
    inputs: &Map<String, Value>,
    files: &[(String, BlobKey)],
) -> [u8; 32] {
    let mut text = String::new();
    canonical::write(&Value::Object(inputs.clone()), &mut text);
    let files: String =
        files.iter().map(|(key, content)| format!("{}:{key}{content}", key.len())).collect();
    let deterministic = [u8::from(deterministic)];
    hash::sha256(&[
        b"mecapy call",
        function.as_bytes(),
        version.as_bytes(),
        &deterministic,
        text.as_bytes(),
        files.as_bytes(),
    ])
}
