//! A plain reading of XML, to compare the SDK's with: the texts of all elements of a name.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The text of every element of this name, whatever is around it. The SDK's reader takes one part of a
/// text that is parted by comments or `CDATA`, so the parts are there as well.
pub(crate) fn texts(xml: &[u8], name: &str) -> Vec<String> {
    let mut reader = Reader::from_reader(xml);
    // The SDK's reader takes end tags of any name, and documents that break off.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader.config_mut().allow_dangling_amp = true;
    let mut texts = Vec::new();
    let mut open: Option<Parts> = None;
    loop {
        let event = reader.read_event();
        match (&event, &mut open) {
            (Ok(Event::Text(text)), Some(open)) => open.push(&String::from_utf8_lossy(text)),
            (Ok(Event::GeneralRef(named)), Some(open)) => {
                open.push(&resolved(&String::from_utf8_lossy(named)));
            }
            (Ok(Event::CData(text)), Some(open)) => {
                open.part();
                open.push(&String::from_utf8_lossy(text));
                open.part();
            }
            (Ok(Event::Comment(_) | Event::PI(_)), Some(open)) => open.part(),
            // The SDK's reader looks on for a text, whatever ends before it.
            (Ok(Event::End(_)), Some(open)) if open.is_empty() => texts.push(String::new()),
            (Ok(Event::Start(_) | Event::End(_) | Event::Eof) | Err(_), Some(_)) => {
                texts.extend(open.take().into_iter().flat_map(Parts::all));
            }
            _ => {}
        }
        match event {
            Ok(Event::Start(start)) => {
                let is_it = start.local_name().as_ref() == name.as_bytes();
                open = is_it.then(Parts::default);
            }
            Ok(Event::Empty(empty)) if empty.local_name().as_ref() == name.as_bytes() => {
                texts.push(String::new());
            }
            Ok(Event::Eof) | Err(_) => return texts,
            Ok(_) => {}
        }
    }
}

/// The parts of a text, the last of which grows.
#[derive(Default)]
struct Parts(Vec<String>, String);

impl Parts {
    fn push(&mut self, text: &str) {
        self.1.push_str(text);
    }

    fn part(&mut self) {
        self.0.push(std::mem::take(&mut self.1));
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(String::is_empty) && self.1.is_empty()
    }

    /// The parts, and the whole text.
    fn all(self) -> Vec<String> {
        let Self(mut parts, last) = self;
        let whole = parts.concat() + &last;
        if !parts.is_empty() {
            parts.push(last);
        }
        parts.push(whole);
        parts
    }
}

fn resolved(name: &str) -> String {
    match name {
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "amp" => "&".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        _ => {
            let number = name.strip_prefix('#').unwrap_or_default();
            let number = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            let character = number.ok().and_then(char::from_u32);
            character.map(String::from).unwrap_or_default()
        }
    }
}
