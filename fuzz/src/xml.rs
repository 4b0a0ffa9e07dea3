//! A plain reading of XML, to compare the SDK's with: the texts of all elements of a name.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The text of every element of this name, whatever is around it.
pub(crate) fn texts(xml: &[u8], name: &str) -> Vec<String> {
    let mut reader = Reader::from_reader(xml);
    // The SDK's reader takes end tags of any name, and documents that break off.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut texts = Vec::new();
    let mut open: Option<String> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                let local = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                texts.extend(open.take());
                open = (local == name).then(String::new);
            }
            Ok(Event::Text(text)) => {
                if let Some(open) = &mut open {
                    open.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Ok(Event::CData(text)) => {
                if let Some(open) = &mut open {
                    open.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Ok(Event::GeneralRef(named)) => {
                if let Some(open) = &mut open {
                    open.push_str(&resolved(&String::from_utf8_lossy(&named)));
                }
            }
            Ok(Event::End(_)) => texts.extend(open.take()),
            Ok(Event::Eof) | Err(_) => {
                texts.extend(open.take());
                return texts;
            }
            Ok(_) => {}
        }
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
