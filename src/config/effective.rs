use std::fmt::Write as _;

use super::Setting;

/// The values in effect, as `cloakroom config check` prints them: TOML, with the origin of each value
/// as a comment.
#[must_use]
pub fn effective(settings: &[Setting]) -> String {
    let lines: Vec<(String, &str)> = settings
        .iter()
        .map(|setting| {
            let line = match &setting.value {
                Some(value) => format!("{} = {}", setting.key, quoted(value)),
                None => format!("# {}", setting.key),
            };
            (line, setting.origin.as_str())
        })
        .collect();
    let width = lines
        .iter()
        .map(|(line, _)| line.len())
        .max()
        .unwrap_or_default();
    lines
        .iter()
        .fold(String::new(), |mut text, (line, origin)| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line:width$}  # {origin}");
            text
        })
}

/// Writes numbers and booleans as they are, and everything else as a basic string of TOML. Characters
/// that no terminal shows are escaped.
fn quoted(value: &str) -> String {
    let is_number = value
        .parse::<i64>()
        .is_ok_and(|number| number.to_string() == value);
    if is_number || value.parse::<bool>().is_ok() {
        return value.to_owned();
    }
    let escaped = value.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        '\'' => c.to_string(),
        _ if c.escape_debug().len() > 1 => format!("\\U{:08X}", u32::from(c)),
        _ => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
