//! LLVM's `memory(...)` attribute: read, joined and written.

pub(super) const READ: u8 = 1;
pub(super) const WRITE: u8 = 2;

/// LLVM's `memory(...)`: what may be done to which memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Memory {
    other: u8,
    places: Vec<(String, u8)>,
}

impl Memory {
    pub(super) fn any() -> Self {
        Memory {
            other: READ | WRITE,
            places: Vec::new(),
        }
    }

    /// Reads a text that begins with `memory(`.
    pub(super) fn parse(text: &str) -> Self {
        let inside = text.trim_start_matches("memory(");
        let inside = inside.split(')').next().unwrap_or_default();
        let effect = |word: &str| match word {
            "none" => 0,
            "read" => READ,
            "write" => WRITE,
            _ => READ | WRITE,
        };
        let mut memory = Memory {
            other: 0,
            places: Vec::new(),
        };
        for item in inside.split(", ") {
            match item.split_once(": ") {
                Some((place, word)) => memory.places.push((place.to_owned(), effect(word))),
                None => memory.other = effect(item),
            }
        }
        memory
    }

    /// What both allow.
    pub(super) fn and(&self, other: &Memory) -> Memory {
        let places = self
            .places
            .iter()
            .chain(&other.places)
            .map(|(place, _)| place);
        let mut merged: Vec<(String, u8)> = Vec::new();
        for place in places {
            if merged.iter().all(|(known, _)| known != place) {
                merged.push((place.clone(), self.of(place) & other.of(place)));
            }
        }
        Memory {
            other: self.other & other.other,
            places: merged,
        }
    }

    /// What of it `allowed` does not allow, behind arguments apart: there it depends on where they point.
    pub(super) fn beyond_arguments(&self, allowed: &Memory) -> u8 {
        let places = self.places.iter().chain(&allowed.places);
        let places = places
            .map(|(place, _)| place.as_str())
            .filter(|place| *place != "argmem");
        places.fold(self.other & !allowed.other, |beyond, place| {
            beyond | self.of(place) & !allowed.of(place)
        })
    }

    pub(super) fn of(&self, place: &str) -> u8 {
        let known = self.places.iter().find(|(it, _)| it == place);
        known.map_or(self.other, |(_, effect)| *effect)
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |effect| ["none", "read", "write", "readwrite"][usize::from(effect)];
        let mut items = vec![word(self.other).to_owned()];
        items.extend(
            self.places
                .iter()
                .map(|(place, effect)| format!("{place}: {}", word(*effect))),
        );
        write!(f, "memory({})", items.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_joined_and_written() {
        let shown = |a: &str, b: &str| Memory::parse(a).and(&Memory::parse(b)).to_string();
        assert_eq!(
            shown("memory(read)", "memory(argmem: readwrite)"),
            "memory(none, argmem: read)"
        );
        assert_eq!(
            shown(
                "memory(read, argmem: readwrite, inaccessiblemem: none)",
                "memory(read)"
            ),
            "memory(read, argmem: read, inaccessiblemem: none)"
        );
        assert_eq!(shown("memory(none)", "memory(read)"), "memory(none)");
    }

    #[test]
    fn every_place_but_arguments_counts() {
        let beyond = |a: &str, b: &str| Memory::parse(a).beyond_arguments(&Memory::parse(b));
        assert_eq!(
            beyond("memory(inaccessiblemem: readwrite)", "memory(read)"),
            WRITE
        );
        assert_eq!(
            beyond("memory(errnomem: write)", "memory(argmem: readwrite)"),
            WRITE
        );
        assert_eq!(beyond("memory(argmem: readwrite)", "memory(none)"), 0);
        assert_eq!(beyond("memory(read)", "memory(argmem: read)"), READ);
    }
}
