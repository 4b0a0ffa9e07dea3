use std::ops::Range;

/// A section of a file like `~/.aws/config`, with its header and a newline at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// The names between the brackets by which programs find it. The first is written.
    names: Vec<String>,
    text: String,
}

/// A file has several sections that go by one name: which of them counts depends on the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

/// What putting a section into a file changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edited {
    /// The whole new file.
    pub(super) file: String,
    /// The section that it replaces.
    pub(super) removed: Option<String>,
    /// The section.
    pub(super) added: String,
}

impl Section {
    /// A section of these lines.
    pub(super) fn new(name: &str, lines: &[String]) -> Self {
        Self {
            names: vec![name.to_owned()],
            text: format!("[{name}]\n{}\n", lines.join("\n")),
        }
    }

    /// The same section, which may also go by another name.
    pub(super) fn or_named(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// The file with this section in the place of the one of its name, or at its end. Everything else
    /// stays byte for byte. `None` if the file has it already.
    pub(super) fn put_into(&self, file: &str) -> Result<Option<Edited>, Ambiguous> {
        if headers(file)
            .filter(|name| self.names.contains(name))
            .count()
            > 1
        {
            return Err(Ambiguous);
        }
        Ok(self.edit(file))
    }

    fn edit(&self, file: &str) -> Option<Edited> {
        let Some(place) = self.place_in(file) else {
            let gap = match file {
                "" => "",
                file if file.ends_with("\n\n") => "",
                file if file.ends_with('\n') => "\n",
                _ => "\n\n",
            };
            return Some(Edited {
                file: format!("{file}{gap}{}", self.text),
                removed: None,
                added: self.text.clone(),
            });
        };
        let (before, rest) = file.split_at_checked(place.start)?;
        let (old, after) = rest.split_at_checked(place.len())?;
        if same(old, &self.text) {
            return None;
        }
        Some(Edited {
            file: format!("{before}{}{after}", self.text),
            removed: Some(old.to_owned()),
            added: self.text.clone(),
        })
    }

    /// From the header to the section's last line: blank lines and comments behind it are the next
    /// section's.
    fn place_in(&self, file: &str) -> Option<Range<usize>> {
        let mut place: Option<Range<usize>> = None;
        let mut start = 0;
        for line in file.split_inclusive('\n') {
            let end = start + line.len();
            match (header(line), &mut place) {
                (Some(_), Some(_)) => break,
                (Some(name), None) if self.names.contains(&name) => place = Some(start..end),
                (None, Some(place)) if !is_aside(line) => place.end = end,
                _ => {}
            }
            start = end;
        }
        place
    }
}

/// Whether the file has a section of this name.
pub(super) fn has_section(file: &str, name: &str) -> bool {
    headers(file).any(|found| found == name)
}

fn headers(file: &str) -> impl Iterator<Item = String> {
    file.lines().filter_map(header)
}

/// The name of a section, if the line begins one. AWS allows blanks around it, quotes around its words and
/// a comment behind it.
fn header(line: &str) -> Option<String> {
    let inner = line.strip_prefix('[')?.split_once(']')?.0;
    let inner = inner.replace(['"', '\''], "");
    let words: Vec<&str> = inner.split_whitespace().collect();
    Some(words.join(" "))
}

fn is_aside(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with(['#', ';'])
}

/// Whether two sections say the same, whatever blanks they have and however their header is written.
fn same(one: &str, other: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().skip(1).filter(|line| !is_aside(line));
        let words = |line: &str| line.split('=').map(str::trim).collect::<Vec<_>>().join("=");
        lines.map(words).collect()
    };
    lines(one) == lines(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Section {
        let lines = [
            "region = here".to_owned(),
            "s3 =".to_owned(),
            "  a = b".to_owned(),
        ];
        Section::new("profile x", &lines)
    }

    fn edited(file: &str) -> Option<Edited> {
        section().put_into(file).unwrap()
    }

    const TEXT: &str = "[profile x]\nregion = here\ns3 =\n  a = b\n";

    #[test]
    fn a_new_section_goes_to_the_end() {
        for (file, expected) in [
            ("", TEXT.to_owned()),
            ("[a]\nb=c", format!("[a]\nb=c\n\n{TEXT}")),
            ("[a]\nb=c\n", format!("[a]\nb=c\n\n{TEXT}")),
            ("[profile xy]\n\n", format!("[profile xy]\n\n{TEXT}")),
        ] {
            assert_eq!(edited(file).unwrap().file, expected);
        }
    }

    #[test]
    fn a_section_is_replaced_in_its_place_and_all_else_stays() {
        let before = "# mine\r\n[a]\r\nb=c\r\n\n";
        let after = "\n# of the next\n[profile y]\nregion=there\n";
        let old = "[profile  x] # old\nregion=elsewhere\n  # why\nq = 1\n";
        let edited = edited(&format!("{before}{old}{after}")).unwrap();
        assert_eq!(edited.file, format!("{before}{TEXT}{after}"));
        assert_eq!(edited.removed.as_deref(), Some(old));
    }

    #[test]
    fn the_same_section_changes_nothing() {
        for header in ["[profile x]", "[profile \"x\"]", "[ profile 'x' ] # mine"] {
            let file = format!("{header}\nregion=here\n\ns3=\n    a=b\n[b]\n");
            assert_eq!(edited(&file), None, "{header}");
        }
    }

    #[test]
    fn a_section_is_found_by_its_name_in_quotes_and_by_its_other_name() {
        let section = Section::new("default", &["a = b".to_owned()]).or_named("profile default");
        for header in ["[default]", "[profile default]", "[profile \"default\"]"] {
            let old = format!("{header}\nregion = there\n");
            let edited = section.put_into(&old).unwrap().unwrap();
            assert_eq!(edited.removed, Some(old));
            assert_eq!(edited.file, "[default]\na = b\n");
        }
    }

    #[test]
    fn two_sections_of_one_name_are_ambiguous() {
        let file = "[profile x]\nregion = here\n[profile \"x\"]\nregion = there\n";
        assert_eq!(section().put_into(file), Err(Ambiguous));
    }
}
