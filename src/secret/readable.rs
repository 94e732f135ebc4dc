//! Random text that people can read out and copy with a double click.

/// 32 characters that are not mistaken for one another.
pub(super) const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// One character for each random byte: five random bits each.
pub(crate) fn readable(random: &[u8]) -> String {
    let characters = random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32)));
    characters.map(|byte| char::from(*byte)).collect()
}
