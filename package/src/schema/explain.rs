//! What the validator found, in words for the person who gave the value.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use model::Violation;
use serde_json::Value;

use super::escaped;
use super::words::{
    LISTED, carried, format_name, label, listed, plural, shown, shown_with_type, sized,
    text_that_is_a_number, type_names,
};
use crate::problem::nearest;

/// Most errors of one alternative that are looked at.
const LOOKED_AT: usize = 50;

/// A violation whose advice is still apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    pub pointer: String,
    pub rule: String,
    pub message: String,
    pub help: Option<String>,
    pub value: Value,
}

impl From<Explained> for Violation {
    fn from(said: Explained) -> Self {
        let message = match said.help {
            Some(help) => format!("{}; {help}", said.message),
            None => said.message,
        };
        Self { pointer: said.pointer, rule: said.rule, message, value: said.value }
    }
}

/// One validator's error as one or more violations. `root` is the schema, where it is at
/// hand: units and the names that would have been right come from it.
pub fn explain(root: Option<&Value>, error: &ValidationError<'_>) -> Vec<Explained> {
    let about = About::new(root, error);
    let value = error.instance().as_ref();
    let got = || format!("got {}", shown(value));
    let must = |rest: String| format!("{} must {rest}, {}", about.label, got());
    let unit = |limit: &Value| about.with_unit(limit);
    let one = |message: String| vec![about.said(error, message, None)];
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().map(|name| about.unexpected(error, name)).collect()
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let place = if about.pointer.is_empty() {
                String::new()
            } else {
                format!(" in {}", about.label)
            };
            one(format!("`{name}` is required{place}"))
        }
        Kind::Type { kind } => {
            let wanted = type_names(kind);
            let help = text_that_is_a_number(value, &wanted);
            vec![about.said(
                error,
                format!("{} must be {wanted}, got {}", about.label, shown_with_type(value)),
                help,
            )]
        }
        Kind::Minimum { limit } => one(must(format!("be at least {}", unit(limit)))),
        Kind::Maximum { limit } => one(must(format!("be at most {}", unit(limit)))),
        Kind::ExclusiveMinimum { limit } => one(must(format!("be more than {}", unit(limit)))),
        Kind::ExclusiveMaximum { limit } => one(must(format!("be less than {}", unit(limit)))),
        Kind::MultipleOf { multiple_of } => {
            one(must(format!("be a multiple of {}", about.with_unit(multiple_of))))
        }
        Kind::MinLength { limit } => {
            one(must(format!("have at least {}", plural(*limit, "character"))))
        }
        Kind::MaxLength { limit } => {
            one(must(format!("have at most {}", plural(*limit, "character"))))
        }
        Kind::MinItems { limit } => {
            one(sized(&about.label, value, &format!("at least {}", plural(*limit, "item"))))
        }
        Kind::MaxItems { limit } => {
            one(sized(&about.label, value, &format!("at most {}", plural(*limit, "item"))))
        }
        Kind::AdditionalItems { limit } => {
            one(sized(&about.label, value, &format!("at most {}", plural(*limit as u64, "item"))))
        }
        Kind::MinProperties { limit } => {
            one(sized(&about.label, value, &format!("at least {}", plural(*limit, "property"))))
        }
        Kind::MaxProperties { limit } => {
            one(sized(&about.label, value, &format!("at most {}", plural(*limit, "property"))))
        }
        Kind::UnevaluatedItems { .. } => {
            one(format!("{} has items that are not expected", about.label))
        }
        Kind::Pattern { pattern } => one(must(format!("match the pattern `{pattern}`"))),
        Kind::Format { format } => one(must(format!("be {}", format_name(format)))),
        Kind::Constant { expected_value } => one(must(format!("be {}", shown(expected_value)))),
        Kind::Enum { options } => {
            let empty = Vec::new();
            let options = options.as_array().unwrap_or(&empty);
            let texts = options.iter().filter_map(Value::as_str);
            let help = value
                .as_str()
                .and_then(|text| nearest(text, texts))
                .map(|near| format!("did you mean `{near}`?"));
            let message = match options.as_slice() {
                [only] => must(format!("be {}", shown(only))),
                _ => must(format!("be one of {}", listed(options))),
            };
            vec![about.said(error, message, help)]
        }
        Kind::UniqueItems => one(format!("{} must not hold the same item twice", about.label)),
        Kind::Contains => one(format!("{} must hold an item that fits, and has none", about.label)),
        Kind::FalseSchema => one(format!("{} is not allowed here", about.label)),
        Kind::Not { .. } => one(format!("{} is a value that is excluded, {}", about.label, got())),
        Kind::PropertyNames { error: inner } => {
            let name = inner.instance().as_str().unwrap_or_default().to_owned();
            one(format!("the name `{name}` in {} is not allowed: {inner}", about.label))
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            alternatives(root, error, &about, context)
        }
        Kind::OneOfMultipleValid { .. } => {
            one(format!("{} fits several forms that exclude each other, {}", about.label, got()))
        }
        _ => one(format!("{}: {}", about.label, error.masked_with("the value"))),
    }
}

/// Where an error is, and what the schema says of the place.
struct About<'a> {
    pointer: String,
    /// The place in words: `bolts[2].diameter`.
    label: String,
    /// The schema whose keyword was broken.
    schema: Option<&'a Value>,
    unit: Option<&'a str>,
}

impl<'a> About<'a> {
    fn new(root: Option<&'a Value>, error: &ValidationError<'_>) -> Self {
        let pointer = error.instance_path().as_str().to_owned();
        let schema_path = error.schema_path().as_str();
        let parent = schema_path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        let schema = root.and_then(|root| root.pointer(&parent));
        let unit = root.and_then(|root| unit_at(root, &parent, &pointer));
        Self { label: label(&pointer), pointer, schema, unit }
    }

    fn with_unit(&self, limit: &Value) -> String {
        match self.unit.filter(|unit| !matches!(*unit, "-" | "–" | "—")) {
            Some(unit) => format!("{limit} {unit}"),
            None => limit.to_string(),
        }
    }

    fn said(
        &self,
        error: &ValidationError<'_>,
        message: String,
        help: Option<String>,
    ) -> Explained {
        Explained {
            pointer: self.pointer.clone(),
            rule: error.kind().keyword().to_owned(),
            message,
            help,
            value: carried(error.instance()),
        }
    }

    fn unexpected(&self, error: &ValidationError<'_>, name: &str) -> Explained {
        let properties =
            self.schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        let known: Vec<&str> =
            properties.into_iter().flat_map(|map| map.keys()).map(String::as_str).collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if !known.is_empty() && known.len() <= LISTED => Some(format!(
                "known here: {}",
                known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )),
            None => None,
        };
        let place =
            if self.pointer.is_empty() { String::new() } else { format!(" in {}", self.label) };
        Explained {
            pointer: format!("{}/{}", self.pointer, escaped(name)),
            rule: error.kind().keyword().to_owned(),
            message: format!("`{name}` is not expected{place}"),
            help,
            value: error.instance().get(name).map_or(Value::Null, carried),
        }
    }
}

/// The unit that the schema names for a place: beside the broken keyword, or where the
/// property is declared.
fn unit_at<'a>(root: &'a Value, parent: &str, instance: &str) -> Option<&'a str> {
    let mut path = parent;
    loop {
        let schema = root.pointer(path)?;
        if let Some(unit) = schema.get("x-unit").and_then(Value::as_str) {
            return Some(unit);
        }
        // Up through `anyOf/0` and the like, which speak of the same value.
        let above =
            path.rsplit_once('/').map(|(above, last)| (above, last.parse::<usize>().is_ok()));
        match above {
            Some((above, true)) if above.ends_with("Of") => {
                path = above.rsplit_once('/').map_or("", |(path, _)| path)
            }
            _ => break,
        }
    }
    // By the instance's own path: the unit may stand beside a `$ref`.
    let mut schema = root;
    for token in instance.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let below = |schema: &'a Value| {
            schema.get("properties").and_then(|map| map.get(&token)).or_else(|| schema.get("items"))
        };
        let referred = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| super::resolve(root, reference));
        schema = below(schema).or_else(|| referred.and_then(below))?;
    }
    schema.get("x-unit").and_then(Value::as_str)
}

/// Of several forms, the one that was meant, if that can be told; else all of them.
fn alternatives(
    root: Option<&Value>,
    error: &ValidationError<'_>,
    about: &About<'_>,
    context: &[Vec<ValidationError<'static>>],
) -> Vec<Explained> {
    let here = error.instance_path().as_str();
    // A form is not meant if the value's type or its tag is another.
    let is_meant = |errors: &&Vec<ValidationError<'static>>| {
        !errors.iter().take(LOOKED_AT).any(|inner| match inner.kind() {
            Kind::Type { .. } => inner.instance_path().as_str() == here,
            Kind::Constant { .. } | Kind::Enum { .. } => {
                inner.instance().is_string() && inner.instance_path().as_str() != here
            }
            _ => false,
        })
    };
    let mut meant = context.iter().filter(|errors| !errors.is_empty()).filter(is_meant);
    if let (Some(only), None) = (meant.next(), meant.next()) {
        return only.iter().take(LOOKED_AT).flat_map(|inner| explain(root, inner)).collect();
    }
    let mut wanted: Vec<String> = Vec::new();
    let mut all_types = true;
    for errors in context {
        let Some(first) = errors.first() else {
            continue;
        };
        let words = match first.kind() {
            Kind::Type { kind } if first.instance_path().as_str() == here => type_names(kind),
            _ => {
                all_types = false;
                explain(root, first).into_iter().next().map(|said| said.message).unwrap_or_default()
            }
        };
        if !wanted.contains(&words) {
            wanted.push(words);
        }
    }
    let message = if all_types && !wanted.is_empty() {
        format!(
            "{} must be {}, got {}",
            about.label,
            wanted.join(" or "),
            shown_with_type(error.instance())
        )
    } else {
        wanted.truncate(3);
        format!(
            "{} fits none of the {} forms allowed ({})",
            about.label,
            context.len(),
            wanted.join("; ")
        )
    };
    vec![about.said(error, message, None)]
}
