//! Plays a script on a component and on all that can be made of it.

use component_fuse::{Additions, Fused, Refused, fuse, image};
use wasmtime::component::Component;

use crate::host::{Running, engine};
use crate::image::put_back;

/// Something that has to behave as the original does.
pub struct Variant {
    pub name: &'static str,
    pub component: Vec<u8>,
    /// What its globals have to be set to before anything else is called.
    pub globals: Option<Vec<u32>>,
}

pub const WITH_GLOBALS: Additions = Additions { functions: &[], globals: true, stubs: None };

/// The component of a text.
pub fn assemble(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays a script on the component of a text and on all that is made of it.
///
/// A script is what has to come out, line by line: calls with their results or traps, each
/// with the calls of the host's functions after it. After a trap, a new instance is called.
pub fn check(wat: &str, script: &str) {
    check_component(&assemble(wat), script);
}

pub fn check_component(original: &[u8], script: &str) {
    let script: String = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| if line.starts_with('>') { format!("  {line}\n") } else { format!("{line}\n") })
        .collect();
    let calls: Vec<&str> = calls(&script);
    assert_eq!(play(original, None, &calls), script, "the original");
    for variant in variants(original) {
        assert_eq!(variant.play(&calls), script, "{}", variant.name);
    }
}

pub fn calls(script: &str) -> Vec<&str> {
    script.lines().filter(|line| !line.starts_with("  >")).collect()
}

/// Everything that can be made of a component that is fused.
pub fn variants(original: &[u8]) -> Vec<Variant> {
    let plain = fused(original, &Additions::default());
    let with_globals = fused(original, &WITH_GLOBALS);
    let globals = Some(with_globals.globals);
    let again = |component: &[u8]| fused_again(component).map(|fused| fused.component);
    let restored = |component: &[u8]| put_back(&image::take(component).expect("it has a memory"));
    let variant = |name, component, globals: &Option<Vec<u32>>| Variant {
        name,
        component,
        globals: globals.clone(),
    };
    let twice = [
        again(&plain.component).map(|component| variant("fused twice", component, &None)),
        again(&with_globals.component)
            .map(|component| variant("globals set, fused twice", component, &globals)),
    ];
    let mut variants = vec![
        variant("image put back", restored(&plain.component), &None),
        variant("fused", plain.component, &None),
        variant("globals set, image put back", restored(&with_globals.component), &globals),
        variant("globals set", with_globals.component, &globals),
    ];
    variants.extend(twice.into_iter().flatten());
    variants
}

/// Fuses what is fused already. It may have a table of late functions of its own, and
/// several tables are refused.
pub fn fused_again(component: &[u8]) -> Option<Fused> {
    match fuse(component, &Additions::default()) {
        Ok(fused) => Some(fused),
        Err(Refused(why)) if why == "several tables" => None,
        Err(refused) => panic!("refused: {refused}"),
    }
}

pub fn fused(original: &[u8], additions: &Additions) -> Fused {
    fuse(original, additions).unwrap_or_else(|refused| panic!("refused: {refused}"))
}

impl Variant {
    pub fn play(&self, calls: &[&str]) -> String {
        play(&self.component, self.globals.as_deref(), calls)
    }
}

/// What calls of a component lead to.
pub fn play(component: &[u8], globals: Option<&[u32]>, calls: &[&str]) -> String {
    let component = Component::new(engine(), component).expect("the component compiles");
    let start = || {
        let mut running = Running::start(&component).expect("the component starts");
        if let Some(globals) = globals {
            running.set_globals(globals);
        }
        running
    };
    let mut running = start();
    let mut text = String::new();
    for call in calls {
        let played = running.play(call);
        text += &played.text;
        if played.trapped {
            running = start();
        }
    }
    text
}
