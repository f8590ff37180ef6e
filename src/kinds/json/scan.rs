//! Where the values of JSON end: 64 bytes at a time, without looking at what is in them.

use wide::u8x16;

/// How many bytes are looked at together: a bit of a `u64` each.
const BLOCK: usize = 64;

/// Which bytes of a block are which; the lowest bit is the first byte.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    quotes: u64,
    backslashes: u64,
    opens: u64,
    closes: u64,
}

impl Marks {
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut marks = Self::default();
        let mut backslashes = u8x16::splat(0);
        for (bytes, shift) in parts(block) {
            // Of ASCII `[` and `{`, `]` and `}` differ in this bit only.
            let folded = bytes | u8x16::splat(0x20);
            marks.quotes |= mark(bytes.simd_eq(u8x16::splat(b'"')), shift);
            marks.opens |= mark(folded.simd_eq(u8x16::splat(b'{')), shift);
            marks.closes |= mark(folded.simd_eq(u8x16::splat(b'}')), shift);
            backslashes |= bytes.simd_eq(u8x16::splat(b'\\'));
        }
        // Few blocks have any.
        if backslashes.any() {
            for (bytes, shift) in parts(block) {
                marks.backslashes |= mark(bytes.simd_eq(u8x16::splat(b'\\')), shift);
            }
        }
        marks
    }
}

/// What is looked at together by one instruction, and which bit of the block is that of its first byte.
fn parts(block: &[u8; BLOCK]) -> impl Iterator<Item = (u8x16, u32)> {
    let (parts, _) = block.as_chunks::<16>();
    parts.iter().map(|part| u8x16::new(*part)).zip([0, 16, 32, 48])
}

/// The bits of those bytes of a part that were found.
fn mark(found: u8x16, shift: u32) -> u64 {
    u64::from(found.to_bitmask()) << shift
}

/// What the blocks before tell of the next one.
#[derive(Clone, Copy, Debug, Default)]
struct Carry {
    /// Whether it begins in a string.
    is_in_string: bool,
    /// Whether its first byte is escaped.
    is_escaped: bool,
}

impl Carry {
    /// The bytes of the next block, which has `len`, that a backslash escapes.
    fn escaped(&mut self, backslashes: u64, len: usize) -> u64 {
        let mut escaped = u64::from(self.is_escaped);
        let mut rest = backslashes & !escaped;
        // The byte after the block, which is the first of the next one.
        self.is_escaped &= len == 0;
        while rest != 0 {
            let backslash = rest & rest.wrapping_neg();
            let follower = backslash << 1;
            self.is_escaped = follower.trailing_zeros() as usize == len;
            escaped |= follower;
            rest &= !(backslash | follower);
        }
        escaped
    }

    /// The bytes of the next block that are in a string, the quote that begins it among them.
    fn in_strings(&mut self, quotes: u64) -> u64 {
        // Each bit becomes the parity of the quotes up to it.
        let mut inside = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << shift;
        }
        if self.is_in_string {
            inside = !inside;
        }
        self.is_in_string = inside >> 63 == 1;
        inside
    }
}

/// Looks for the end of a list or map whose bytes arrive in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Container {
    carry: Carry,
    depth: u32,
}

impl Container {
    /// The index in `bytes` after the list or map, if it ends there. They go on where those before
    /// ended; the first begin with its bracket.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        for (n, block) in blocks.iter().enumerate() {
            if let Some(at) = self.block(block, BLOCK) {
                return Some(n * BLOCK + at);
            }
        }
        let mut last = [b' '; BLOCK];
        last.get_mut(..tail.len())?.copy_from_slice(tail);
        self.block(&last, tail.len()).map(|at| blocks.len() * BLOCK + at)
    }

    /// The same in a block, of which the first `len` bytes are looked at.
    fn block(&mut self, block: &[u8; BLOCK], len: usize) -> Option<usize> {
        let marks = Marks::of(block);
        let escaped = self.carry.escaped(marks.backslashes, len);
        let strings = self.carry.in_strings(marks.quotes & !escaped);
        let (opens, closes) = (marks.opens & !strings, marks.closes & !strings);
        if opens | closes == 0 {
            return None;
        }
        let n_closes = closes.count_ones();
        if n_closes < self.depth {
            self.depth = self.depth - n_closes + opens.count_ones();
            return None;
        }
        let mut rest = opens | closes;
        while rest != 0 {
            let bracket = rest & rest.wrapping_neg();
            rest ^= bracket;
            if opens & bracket != 0 {
                self.depth += 1;
            } else if self.depth > 1 {
                self.depth -= 1;
            } else {
                return usize::try_from(bracket.trailing_zeros()).ok().map(|at| at + 1);
            }
        }
        None
    }
}

/// The index after the list or map that begins at `start`; `None` where it does not end.
pub(super) fn end_of_container(bytes: &[u8], start: usize) -> Option<usize> {
    Some(start + Container::default().end(bytes.get(start..)?)?)
}

/// The index of the quote that ends the string whose first byte is at `start`, and whether it has
/// escapes; `None` where it does not end.
pub(super) fn end_of_string(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    let mut at = start;
    while let Some(part) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let part = u8x16::new(*part);
        let found = part.simd_eq(u8x16::splat(b'"')) | part.simd_eq(u8x16::splat(b'\\'));
        let found = found.to_bitmask();
        if found != 0 {
            at += usize::try_from(found.trailing_zeros()).ok()?;
            break;
        }
        at += 16;
    }
    let mut has_escapes = false;
    loop {
        match bytes.get(at)? {
            b'"' => return Some((at, has_escapes)),
            b'\\' => {
                has_escapes = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same byte by byte.
    fn end_one_by_one(bytes: &[u8], start: usize) -> Option<usize> {
        let (mut depth, mut is_in_string, mut is_escaped) = (0_i64, false, false);
        for (at, byte) in bytes.iter().enumerate().skip(start) {
            let was_escaped = std::mem::take(&mut is_escaped);
            match byte {
                b'\\' => is_escaped = !was_escaped,
                b'"' if !was_escaped => is_in_string = !is_in_string,
                b'{' | b'[' if !is_in_string => depth += 1,
                b'}' | b']' if !is_in_string => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    #[test]
    fn a_container_ends_with_its_bracket_wherever_blocks_are_cut() {
        let list = r#"[{"a\"}]\\":["]"]},"{[\\\"",{"é":"\\"},3]"#;
        for n_spaces in 0..200 {
            let spaces = " ".repeat(n_spaces);
            let text = format!("{spaces}{list},[]");
            let end = Some(n_spaces + list.len());
            assert_eq!(end_of_container(text.as_bytes(), n_spaces), end, "{n_spaces}");
            let inside = format!("[{spaces}{list}]]");
            let end = Some(inside.len() - 1);
            assert_eq!(end_of_container(inside.as_bytes(), 0), end, "{n_spaces}");
            let open = inside.trim_end_matches(']');
            assert_eq!(end_of_container(open.as_bytes(), 0), None, "{n_spaces}");
        }
    }

    #[test]
    fn a_string_ends_with_its_quote_and_tells_whether_it_has_escapes() {
        for n in 0..70 {
            let plain = "x".repeat(n);
            let text = format!("{plain}\" \"");
            assert_eq!(end_of_string(text.as_bytes(), 0), Some((n, false)), "{n}");
            let text = format!("{plain}\\\"\\\\\"\"");
            assert_eq!(end_of_string(text.as_bytes(), 0), Some((n + 4, true)), "{n}");
            assert_eq!(end_of_string(plain.as_bytes(), 0), None, "{n}");
            assert_eq!(end_of_string(format!("{plain}\\\"").as_bytes(), 0), None, "{n}");
        }
    }

    proptest! {
        #[test]
        fn pieces_tell_the_same_as_the_whole(
            text in r#"[\[{][\[\]{}"\\a ]{0,300}"#,
            pieces in prop::collection::vec(0_usize..90, 0..20),
        ) {
            let mut rest = text.as_bytes();
            let mut container = Container::default();
            let mut n = 0;
            let mut end = None;
            for piece in pieces.into_iter().chain([rest.len()]) {
                let (piece, after) = rest.split_at(piece.min(rest.len()));
                if end.is_none() {
                    end = container.end(piece).map(|at| n + at);
                }
                n += piece.len();
                rest = after;
            }
            prop_assert_eq!(end, end_one_by_one(text.as_bytes(), 0));
        }

        #[test]
        fn blocks_tell_the_same_as_single_bytes(text in r#"[\[{][\[\]{}"\\a ]{0,300}"#) {
            let bytes = text.as_bytes();
            prop_assert_eq!(end_of_container(bytes, 0), end_one_by_one(bytes, 0));
        }
    }
}
