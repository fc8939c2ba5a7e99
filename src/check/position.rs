//! From byte offsets to what a person counts.

/// Line and column, both from 1, the column in characters, of the byte at `offset`; its end for one beyond the source.
/// Lines end at LF, CR or CRLF, as they do for Python.
pub(super) fn line_and_column(source: &str, offset: usize) -> (u32, u32) {
    let before = &source[..character_start(source, offset)];
    let start = line_start(before);
    let text = &before[..start];
    let ends = text.matches('\n').count() + text.matches('\r').count() - text.matches("\r\n").count();
    (count(ends + 1), count(before[start..].chars().count() + 1))
}

/// The line around the byte at `offset`, without its end, cut to `max_chars` characters.
pub(super) fn line_text(source: &str, offset: usize, max_chars: usize) -> String {
    let start = line_start(&source[..character_start(source, offset)]);
    let line = source[start..].split(['\n', '\r']).next().unwrap_or_default();
    cut(line, max_chars)
}

/// The text, or its first `max_chars` characters and an ellipsis.
pub(super) fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The start of the character that the byte at `offset` belongs to.
fn character_start(source: &str, offset: usize) -> usize {
    (0..=offset.min(source.len())).rfind(|at| source.is_char_boundary(*at)).unwrap_or(0)
}

fn line_start(before: &str) -> usize {
    before.rfind(['\n', '\r']).map_or(0, |end| end + 1)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_all_three_line_ends_count() {
        let source = "a\nb\r\nc\rdé§x";
        let at = |what| line_and_column(source, source.find(what).unwrap());
        assert_eq!(at("a"), (1, 1));
        assert_eq!(at("b"), (2, 1));
        assert_eq!(at("c"), (3, 1));
        assert_eq!(at("x"), (4, 4));
        assert_eq!(line_and_column(source, source.len() + 9), (4, 5));
        assert_eq!(line_text(source, source.len(), 9), "dé§x");
    }

    #[test]
    fn an_offset_inside_a_character_counts_as_its_start() {
        assert_eq!(line_and_column("é", 1), (1, 1));
    }

    #[test]
    fn a_long_text_is_cut_by_characters() {
        assert_eq!(cut("ééé", 2), "éé…");
        assert_eq!(cut("éé", 2), "éé");
    }
}
