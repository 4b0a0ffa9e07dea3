//! The configuration reference, which stands in docs/configuration.md.

use std::fmt::Write as _;

use super::key::{Condition, Declared, Kind, Section, Unset};
use super::source::variable;

const INTRODUCTION: &str = "\
<!-- Written by `cloakroom config reference`. -->

# Configuration

`cloakroom serve` and the operators' commands read a TOML file, which `--config FILE` or
`CLOAKROOM_CONFIG` names, and then the environment, which wins. A key in the file is a table and a name;
in the environment it is `CLOAKROOM_<TABLE>__<NAME>`:

```toml
[oauth]
issuer = \"https://login.example.com\" # or CLOAKROOM_OAUTH__ISSUER
```

- A list is an array in TOML, and words separated by commas in the environment; a list of tables is JSON
  there.
- A length of time is `10s`, `5m` or `1h`, for instance.
- A secret can also stand in a file, which the key with `_file` names: `oauth.client_secret_file`. Files
  that other users can write are refused, and files that every user can read cause a warning
  ([secret files](files.md#secret-files)). They may be replaced while the gateway runs
  ([files that change](files.md#files-that-change)), except `naming.secret_file`.
- All mistakes are reported at once, with exit code 64. An unknown key is a mistake; an unknown
  `CLOAKROOM_…` variable causes a warning. Both messages suggest the closest name.

`cloakroom config check` prints what is in effect and where it comes from. `cloakroom config schema`
prints a JSON Schema of the file for editors: `cloakroom config schema > cloakroom.schema.json`, and
`#:schema ./cloakroom.schema.json` as the first line of the TOML file.
";

pub(super) fn markdown(sections: &[Section]) -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in sections {
        // Writing to a string does not fail.
        let _ = write!(text, "\n## {}\n\n{}\n", section.name, section.meaning);
        for declared in &section.keys {
            let key = declared.key;
            let facts = facts(declared);
            // Without the backslash, `<name>` would be an HTML tag.
            let heading = key.name.replace('<', "\\<");
            let _ = write!(text, "\n### {heading}\n\n{facts}\n\n{}", key.meaning);
            for condition in key.conditions {
                let _ = match condition {
                    Condition::When(key, value) => {
                        write!(text, " No effect unless `{key}` is `{value}`.")
                    }
                    Condition::Unless(key, value) => {
                        write!(text, " No effect when `{key}` is `{value}`.")
                    }
                };
            }
            if let Some((title, address)) = key.see {
                let _ = write!(text, " See [{title}]({address}).");
            }
            text.push('\n');
        }
    }
    text
}

/// The variable, the kind of the value and the default, in one line.
fn facts(declared: &Declared) -> String {
    let key = declared.key;
    let mut facts = vec![format!("`{}`", variable(key.name))];
    facts.extend(in_words(&declared.kind));
    if let Some(file_key) = declared.file_key() {
        facts.push(format!("secret, or a file: `{file_key}`"));
    }
    facts.push(match key.unset {
        Unset::Default("") => "default empty".to_owned(),
        Unset::Default(value) => format!("default `{value}`"),
        Unset::Described(markdown) => format!("default {markdown}"),
        Unset::Refused => "required".to_owned(),
    });
    facts.join(" · ")
}

/// What a value looks like, unless it is any text.
fn in_words(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Text => return None,
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Number { minimum } => format!("a whole number, at least {minimum}"),
        Kind::Duration => "a length of time".to_owned(),
        Kind::Url => "a URL".to_owned(),
        Kind::File => "the path of a file".to_owned(),
        Kind::Choice(words) => format!("one of `{}`", words.join("`, `")),
        Kind::List(kind) => match kind.as_ref() {
            Kind::Choice(words) => format!("a list of `{}`", words.join("`, `")),
            _ => "a list".to_owned(),
        },
        Kind::Tables(_) => "a list of tables".to_owned(),
    })
}
