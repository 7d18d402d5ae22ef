//! The kinds of contact data that are told apart.
//!
//! A class decides what a hidden value looks like and separates its aliases from those of every other class:
//! the same text in two classes has two aliases. The set is closed, so matches over it are exhaustive.

use std::fmt;

/// What a declared field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A phone number.
    Phone,
    /// A mail address.
    Email,
    /// A person's name.
    Name,
    /// A messenger or social network id.
    Handle,
    /// The address of a person's picture.
    Avatar,
    /// A link to a file, hidden from groups that may not receive files.
    FileUrl,
}

impl Class {
    /// Every class, in the order of [`Class::index`].
    pub const ALL: [Class; 6] =
        [Class::Phone, Class::Email, Class::Name, Class::Handle, Class::Avatar, Class::FileUrl];

    /// Names the class as rule files, profiles and metrics do.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Phone => "phone",
            Class::Email => "email",
            Class::Name => "name",
            Class::Handle => "handle",
            Class::Avatar => "avatar",
            Class::FileUrl => "file_url",
        }
    }

    /// Numbers the classes from 0, for tables with one entry per class.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_classes_is_in_the_order_of_their_numbers() {
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index, "{class}");
        }
    }
}
