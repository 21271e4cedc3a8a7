//! "Did you mean?"

/// Below it, two names have little to do with each other.
const LIKENESS: f64 = 0.6;

/// The known name that the unknown one was probably meant to be. Names are parts joined
/// by `separator`: one that only lacks its section is taken for the one that has it.
pub(super) fn nearest<'a>(
    unknown: &str,
    known: impl IntoIterator<Item = &'a String>,
    separator: char,
) -> Option<&'a String> {
    let ending = format!("{separator}{unknown}");
    let likeness = |name: &String| {
        if name.ends_with(&ending) {
            return 1.0;
        }
        strsim::normalized_damerau_levenshtein(unknown, name)
    };
    let scored = known.into_iter().map(|name| (likeness(name), name));
    scored
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}
