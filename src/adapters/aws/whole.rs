/// Whether an answer that looks like XML ends with its root element.
///
/// The SDKs take the end of a document for the end of each element that is open, so of an answer that was cut
/// off they read the first tags of a bucket, or the first objects of a listing, as if there were no more.
pub(super) fn is_whole(answer: &[u8]) -> bool {
    let answer = without_last_comments(answer.trim_ascii());
    let Some(root) = root(answer) else {
        return !answer.starts_with(b"<");
    };
    let name = |&byte: &u8| !byte.is_ascii_whitespace() && byte != b'/' && byte != b'>';
    let name: Vec<u8> = root.iter().copied().take_while(name).collect();
    let is_empty = root.ends_with(b"/>") && !root.contains(&b'<');
    is_empty || answer.ends_with(&[b"</", name.as_slice(), b">"].concat())
}

/// Without the comments that may follow the root element.
fn without_last_comments(mut answer: &[u8]) -> &[u8] {
    while answer.ends_with(b"-->")
        && let Some(at) = answer.windows(4).rposition(|bytes| bytes == b"<!--")
        && let Some(before) = answer.get(..at)
    {
        answer = before.trim_ascii_end();
    }
    answer
}

/// What follows the `<` of the root element, after declarations and comments.
fn root(mut answer: &[u8]) -> Option<&[u8]> {
    loop {
        let rest = answer.strip_prefix(b"<")?;
        if !rest.starts_with(b"?") && !rest.starts_with(b"!") {
            return Some(rest);
        }
        let end: &[u8] = if rest.starts_with(b"!--") {
            b"-->"
        } else {
            b">"
        };
        let at = rest.windows(end.len()).position(|bytes| bytes == end)?;
        answer = rest.get(at + end.len()..)?.trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "<?xml version=\"1.0\"?>\n<Tagging xmlns=\"http://s3\"><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>\n";

    #[test]
    fn an_answer_that_was_cut_off_is_not_whole() {
        assert!(is_whole(ANSWER.as_bytes()));
        let end = ANSWER.trim_end().len();
        for cut in 1..end {
            assert!(!is_whole(&ANSWER.as_bytes()[..cut]), "{cut}");
        }
        assert!(!is_whole(b"<a><b></b><!-- -->"));
    }

    #[test]
    fn other_answers_are_whole() {
        for answer in [
            "",
            "{}",
            "text",
            "<Owner/>",
            "<Owner a=\"1\" />",
            "<!-- > --><a><a></a></a>",
            "<a></a><!-- --> <!-- > -->\n",
            "<a/><!-- -->",
        ] {
            assert!(is_whole(answer.as_bytes()), "{answer}");
        }
    }
}
