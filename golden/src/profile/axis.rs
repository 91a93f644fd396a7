//! What an axis is: one choice inside a profile, with a name, a list of all
//! its choices, and a key for each choice that files and the command line use.
//!
//! The two macros here are the only place that knows how axes are listed:
//! `axis!` declares one axis (an enum), `rule!` groups axes into the rule
//! of one stage. Listing, searching and parsing follow from the declarations.

/// One choice inside a profile. Implemented by the enums that `axis!` makes.
pub trait Axis: Copy + Eq + 'static {
    /// Every choice, in the order in which a search tries them.
    const ALL: &'static [Self];
    /// The key of this choice in files, on the command line and in reports.
    fn key(self) -> &'static str;
    /// One sentence that says what this choice does.
    fn meaning(self) -> &'static str;
    /// The choice that has this key.
    fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|choice| choice.key() == key)
    }
}

/// Declares an axis: an enum whose variants carry a key; the doc comment of a
/// variant is its meaning.
macro_rules! axis {
    ($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $vdoc:literal])+ $variant:ident = $key:literal,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[doc = $vdoc])+ $variant,)+ }
        impl $crate::profile::axis::Axis for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
            fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)+ }
            }
            fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($vdoc),+).trim_ascii_start(),)+ }
            }
        }
    };
}

/// Declares a rule: a struct whose fields are all axes, with the means to list
/// and replace them by name.
macro_rules! rule {
    ($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $fdoc:literal])+ $field:ident: $axis:ty,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name { $($(#[doc = $fdoc])+ pub $field: $axis,)+ }
        impl $name {
            /// The names of this rule's axes, in order.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field),)+];
            pub(crate) fn get(&self, field: &str) -> Option<&'static str> {
                use $crate::profile::axis::Axis;
                match field { $(stringify!($field) => Some(self.$field.key()),)+ _ => None }
            }
            pub(crate) fn meaning(&self, field: &str) -> Option<&'static str> {
                use $crate::profile::axis::Axis;
                match field { $(stringify!($field) => Some(self.$field.meaning()),)+ _ => None }
            }
            pub(crate) fn set(&mut self, field: &str, key: &str) -> bool {
                use $crate::profile::axis::Axis;
                match field {
                    $(stringify!($field) => match <$axis>::from_key(key) {
                        Some(choice) => { self.$field = choice; true }
                        None => false,
                    },)+
                    _ => false,
                }
            }
            pub(crate) fn choices(field: &str) -> Vec<&'static str> {
                use $crate::profile::axis::Axis;
                match field {
                    $(stringify!($field) => <$axis>::ALL.iter().map(|c| c.key()).collect(),)+
                    _ => Vec::new(),
                }
            }
        }
    };
}

pub(crate) use {axis, rule};
