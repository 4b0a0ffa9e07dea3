//! `GET /problems`, `GET /problems/{slug}`: what a problem type means and what to do about it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use crate::http::exchange::Exchange;
use crate::http::input::accept::is_asked_for;
use crate::http::pages::page::{Entry, Page, Part, Section};
use crate::http::problems::explanation::{Explanation, explain};
use crate::http::problems::failure::Failure;
use crate::http::problems::problem;
use crate::http::problems::types::ProblemType;
use crate::http::state::Gateway;

/// The list of all types.
pub(crate) async fn index(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let gateway = &exchange.gateway;
    let entries = ProblemType::ALL.iter();
    let entries = entries.map(|&problem| entry(problem, gateway));
    let page = Page {
        title: "Problem types".to_owned(),
        lead: "Errors are problem details (RFC 9457); the member \"type\" is the address of one \
               of these pages."
            .to_owned(),
        home: Some(gateway.link("/")),
        cards: Vec::new(),
        sections: vec![Section {
            id: "all",
            heading: "All of them",
            parts: vec![Part::Entries(entries.collect())],
        }],
    };
    Ok(page.answer(&exchange.request))
}

/// The page of one type.
pub(crate) async fn problem_type(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let slug = exchange.request.match_info().query("slug");
    let problem = ProblemType::parse(slug).ok_or(Failure::NotFound)?;
    Ok(page(problem, &exchange.gateway).answer(&exchange.request))
}

/// For a person who mistyped an address in a browser; programs get the problem itself.
pub(crate) fn not_found(exchange: &Exchange) -> Option<HttpResponse> {
    if !is_asked_for(&exchange.request, "text/html") {
        return None;
    }
    let mut response = page(ProblemType::NotFound, &exchange.gateway).answer(&exchange.request);
    *response.status_mut() = StatusCode::NOT_FOUND;
    Some(response)
}

/// What it means in one sentence.
fn entry(problem: ProblemType, gateway: &Gateway) -> Entry {
    let meaning = explain(problem).meaning;
    let sentence = meaning.split_inclusive(". ").next().unwrap_or(meaning);
    Entry {
        label: problem.status().as_u16().to_string(),
        name: problem.slug(),
        address: address(problem, gateway),
        text: sentence.trim_end(),
    }
}

fn page(problem: ProblemType, gateway: &Gateway) -> Page {
    let Explanation {
        meaning,
        causes,
        remedies,
    } = explain(problem);
    let list = |items: &[&str]| Part::List(items.iter().map(|&item| item.to_owned()).collect());
    Page {
        title: problem.title().to_owned(),
        lead: format!(
            "{} · status {}. {meaning}",
            problem.slug(),
            problem.status()
        ),
        home: Some(gateway.link("/")),
        cards: Vec::new(),
        sections: vec![
            Section {
                id: "causes",
                heading: "Likely causes",
                parts: vec![list(causes)],
            },
            Section {
                id: "remedies",
                heading: "What to do",
                parts: vec![list(remedies)],
            },
            Section {
                id: "example",
                heading: "An example",
                parts: vec![Part::Code(example(problem, gateway))],
            },
            Section {
                id: "more",
                heading: "See also",
                parts: vec![Part::Links(vec![
                    (gateway.link("/problems"), "all problem types"),
                    (gateway.link("/"), "how to use this gateway"),
                ])],
            },
        ],
    }
}

fn example(problem: ProblemType, gateway: &Gateway) -> String {
    let challenge = problem::challenge(problem, &gateway.required_scope, gateway)
        .map(|challenge| format!("WWW-Authenticate: {challenge}\n"));
    let body = problem.example(&gateway.public_url);
    format!(
        "HTTP/1.1 {}\nContent-Type: application/problem+json\n{}\n{body:#}",
        problem.status(),
        challenge.unwrap_or_default()
    )
}

fn address(problem: ProblemType, gateway: &Gateway) -> String {
    gateway.link(&format!("/problems/{}", problem.slug()))
}
