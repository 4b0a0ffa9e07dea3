use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::http::input::accept::is_asked_for;
use crate::http::pages::design;

/// A page from one source: HTML for browsers, text for other clients.
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) lead: String,
    /// The address of the home page, unless this is it.
    pub(crate) home: Option<String>,
    /// Where most readers want to go.
    pub(crate) cards: Vec<Card>,
    pub(crate) sections: Vec<Section>,
}

pub(crate) struct Card {
    pub(crate) heading: &'static str,
    /// A word about how it stands, and whether that is good.
    pub(crate) state: Option<(&'static str, bool)>,
    pub(crate) text: String,
    /// Address and what is there.
    pub(crate) link: (String, &'static str),
}

pub(crate) struct Section {
    /// Its anchor on the page.
    pub(crate) id: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) parts: Vec<Part>,
}

pub(crate) enum Part {
    Text(String),
    List(Vec<String>),
    /// To be copied unchanged.
    Code(String),
    /// Address and what is there.
    Links(Vec<(String, &'static str)>),
    Entries(Vec<Entry>),
}

/// An entry of an index.
pub(crate) struct Entry {
    pub(crate) label: String,
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) text: &'static str,
}

const NAME: &str = "cloakroom";

/// In the page itself: one request shows it whole, also where a proxy passes on only some paths.
const STYLE: &str = concat!(
    include_str!("design/tokens.css"),
    include_str!("design/page.css")
);

/// No script, and nothing from elsewhere.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = design::hash(STYLE);
    format!(
        "default-src 'none'; style-src '{style}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
});

impl Page {
    /// The page in the form that the client asks for.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.insert_header((header::VARY, "Accept"));
        if !is_asked_for(request, "text/html") {
            return response
                .content_type("text/plain; charset=utf-8")
                .body(self.text());
        }
        response
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY.as_str()))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .content_type("text/html; charset=utf-8")
            .body(self.html().into_string())
    }

    fn html(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.window_title()) }
                    link rel="icon" href=(design::icon());
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header { (self.brand()) }
                    main {
                        h1 { (self.title) }
                        p.lead { (self.lead) }
                        @if !self.cards.is_empty() {
                            div.cards { @for card in &self.cards { (card.html()) } }
                        }
                        @for section in &self.sections {
                            section id=(section.id) {
                                h2 { (section.heading) }
                                @for part in &section.parts { (part.html()) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn brand(&self) -> Markup {
        let brand = html! { (PreEscaped(design::MARK)) (NAME) };
        html! {
            @match &self.home {
                Some(home) => a.brand href=(home) { (brand) },
                None => span.brand { (brand) },
            }
        }
    }

    fn window_title(&self) -> String {
        format!("{} · {NAME}", self.title)
    }

    fn text(&self) -> String {
        let cards: String = self.cards.iter().map(Card::text).collect();
        let sections = self.sections.iter().map(|section| {
            let parts: Vec<String> = section.parts.iter().map(Part::text).collect();
            format!("\n## {}\n\n{}", section.heading, parts.join("\n"))
        });
        let sections: String = sections.collect();
        format!("{}\n\n{}\n{cards}{sections}", self.title, self.lead)
    }
}

impl Card {
    fn html(&self) -> Markup {
        let (address, what) = &self.link;
        html! {
            section.card {
                h2 {
                    (self.heading)
                    @if let Some((word, is_good)) = self.state {
                        " " span.badge.success[is_good].warning[!is_good] { (word) }
                    }
                }
                p { (self.text) }
                a.button href=(address) { (what) }
            }
        }
    }

    fn text(&self) -> String {
        let (address, what) = &self.link;
        let state = self.state.map(|(word, _)| format!(": {word}"));
        let state = state.unwrap_or_default();
        format!(
            "\n{}{state}\n{}\n{what}: {address}\n",
            self.heading, self.text
        )
    }
}

impl Entry {
    fn html(&self) -> Markup {
        html! {
            li {
                p {
                    span.badge { (self.label) } " "
                    a href=(self.address) { code { (self.name) } }
                }
                p { (self.text) }
            }
        }
    }

    fn text(&self) -> String {
        let Self {
            label,
            name,
            address,
            text,
        } = self;
        format!("- {label} {name}: {address}\n  {text}\n")
    }
}

impl Part {
    fn html(&self) -> Markup {
        html! {
            @match self {
                Self::Text(text) => p { (text) },
                Self::List(items) => ul { @for item in items { li { (item) } } },
                Self::Code(code) => pre tabindex="0" { code { (code) } },
                Self::Links(links) => ul {
                    @for (address, what) in links { li { a href=(address) { (what) } } }
                },
                Self::Entries(entries) => ul.entries {
                    @for entry in entries { (entry.html()) }
                },
            }
        }
    }

    fn text(&self) -> String {
        match self {
            // Code is not indented: to be pasted.
            Self::Text(text) | Self::Code(text) => format!("{text}\n"),
            Self::List(items) => format!("- {}\n", items.join("\n- ")),
            Self::Links(links) => {
                let items: Vec<String> = links
                    .iter()
                    .map(|(address, what)| format!("{what}: {address}"))
                    .collect();
                format!("- {}\n", items.join("\n- "))
            }
            Self::Entries(entries) => entries.iter().map(Entry::text).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn page() -> Page {
        Page {
            title: "A <b>".to_owned(),
            lead: "Lead & more".to_owned(),
            home: Some("https://a.example/".to_owned()),
            cards: vec![Card {
                heading: "Card",
                state: Some(("fine", true)),
                text: "About it.".to_owned(),
                link: ("https://a.example/c".to_owned(), "go there"),
            }],
            sections: vec![Section {
                id: "anchor",
                heading: "Heading",
                parts: vec![
                    Part::Text("text".to_owned()),
                    Part::List(vec!["one".to_owned()]),
                    Part::Code("TOKEN=\"$(x)\"".to_owned()),
                    Part::Links(vec![("https://a.example/?a&b".to_owned(), "there")]),
                ],
            }],
        }
    }

    #[test]
    fn html_is_escaped() {
        let html = page().html().into_string();
        assert!(html.contains("<h1>A &lt;b&gt;</h1>"), "{html}");
        assert!(html.contains("Lead &amp; more"));
        assert!(html.contains("href=\"https://a.example/?a&amp;b\""));
    }

    #[test]
    fn text_can_be_pasted() {
        assert_eq!(
            page().text(),
            "A <b>\n\nLead & more\n\nCard: fine\nAbout it.\ngo there: https://a.example/c\n\n## Heading\n\ntext\n\n- one\n\nTOKEN=\"$(x)\"\n\n- there: https://a.example/?a&b\n"
        );
    }

    #[test]
    fn browsers_get_html_and_others_text() {
        let kind = |accept: Option<&str>| {
            let request = TestRequest::get();
            let request = match accept {
                Some(accept) => request.insert_header((header::ACCEPT, accept)),
                None => request,
            };
            let answer = page().answer(&request.to_http_request());
            let kind = answer.headers().get(header::CONTENT_TYPE).unwrap();
            kind.to_str().unwrap().to_owned()
        };
        assert!(
            kind(Some("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")).starts_with("text/html")
        );
        assert!(kind(Some("*/*")).starts_with("text/plain"));
        assert!(kind(None).starts_with("text/plain"));
    }
}
