//! How a section is declared: once, as a struct whose fields also say their key, default,
//! allowed values and, in their documentation, meaning.

use super::key::Key;
use super::layers::Layers;
use super::page::Page;

pub(super) trait Section: Sized {
    fn keys() -> Vec<Key>;

    /// `None` leaves at least one problem; all fields are read in any case.
    fn read(layers: &mut Layers) -> Option<Self>;

    fn show(&self, page: &mut Page<'_>);
}

/// ```text
/// section! {
///     /// What it is about.
///     pub struct Name in "section" {
///         /// The key's meaning.
///         field as "key_if_not_the_field": Type = default, kind;
///     } with { other_section: Other, }
/// }
/// ```
macro_rules! section {
    (
        $(#[doc = $summary:literal])+
        pub struct $struct:ident in $section:literal {$(
            $(#[doc = $meaning:literal])+
            $field:ident $(as $key:literal)?: $type:ty = $default:expr, $kind:expr;
        )+}
        $(with {$($part:ident: $part_type:ty,)+})?
    ) => {
        $(#[doc = $summary])+
        #[derive(Clone, Debug)]
        pub struct $struct {
            $($(#[doc = $meaning])+ pub $field: $type,)+
            $($(pub $part: $part_type,)+)?
        }

        impl $crate::config::section::Section for $struct {
            fn keys() -> Vec<$crate::config::key::Key> {
                #[allow(unused_mut)]
                let mut keys = vec![$($crate::config::key::Key::of::<$type, _>(
                    ($section, section!(@name $field $($key)?)),
                    $default,
                    &$kind,
                    concat!($($meaning),+),
                )),+];
                $($(keys.extend(<$part_type>::keys());)+)?
                keys
            }

            fn read(layers: &mut $crate::config::layers::Layers) -> Option<Self> {
                $(let $field = layers.read($section, section!(@name $field $($key)?), &$kind);)+
                $($(let $part = <$part_type>::read(layers);)+)?
                Some(Self { $($field: $field?,)+ $($($part: $part?,)+)? })
            }

            fn show(&self, page: &mut $crate::config::page::Page<'_>) {
                $(page.line($section, section!(@name $field $($key)?), &$kind, &self.$field);)+
                $($(self.$part.show(page);)+)?
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $key:literal) => { $key };
}
