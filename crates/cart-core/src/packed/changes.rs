//! What was not there from the first format on: fields by their struct or variant, and the formats that have them.
//! In bytes of another format the field is left out, and is its default (`#[serde(default)]`).

/// A field that has not always been there.
struct Changed {
    /// The struct, or the variant of an enum, as the code names it.
    of: &'static str,
    field: &'static str,
    /// The first format that has it.
    since: u8,
    /// The first that has it no more.
    until: u8,
}

/// Until further notice.
const EVER: u8 = u8::MAX;

/// A field that came with a format.
const fn came(since: u8, of: &'static str, field: &'static str) -> Changed {
    Changed { of, field, since, until: EVER }
}

/// All of them. A line may go once no format is read that it tells apart from the next.
#[rustfmt::skip]
const CHANGES: &[Changed] = &[
    came(4, "Book", "more"),
    came(4, "Edit", "keys"),
    came(4, "Edit", "tried"),
    came(4, "Report", "gone"),
    came(4, "Report", "walks"),
    came(4, "Book", "notices"),
    came(4, "Expect", "bytes"),
    came(4, "Expected", "bytes"),
    came(4, "Frame", "edited"),
    came(4, "Seal", "at"),
    came(4, "Ties", "root"),
    came(4, "Ties", "merged"),
    came(4, "Ties", "edited"),
    came(4, "Ties", "used"), came(4, "Ties", "more"),
    #[cfg(test)] Changed { of: "Changing", field: "retired", since: 0, until: super::FORMAT },
    #[cfg(test)] Changed { of: "ChangingKind", field: "retired", since: 0, until: super::FORMAT },
    #[cfg(test)] came(super::FORMAT, "Changing", "came"),
];

/// Whether a format has a field.
pub fn has(format: u8, of: &str, field: &str) -> bool {
    let changed = CHANGES.iter().find(|changed| changed.of == of && changed.field == field);
    changed.is_none_or(|changed| (changed.since..changed.until).contains(&format))
}
