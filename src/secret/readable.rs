//! Random text that people can read out and copy with a double click.

/// 32 characters that are not easily confused.
pub(super) const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Makes one character from each random byte, with five random bits each.
pub(crate) fn readable(random: &[u8]) -> String {
    let characters = random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32)));
    characters.map(|byte| char::from(*byte)).collect()
}
