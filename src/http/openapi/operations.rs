//! Building blocks of the contract's operations.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use actix_web::http::StatusCode;
use serde_json::json;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
    ResponsesBuilder,
};

use crate::http::problems::cause::Cause;
use crate::http::problems::types::ProblemType;

/// The address in the examples.
pub(crate) const EXAMPLE_HOST: &str = "https://storage-authorization.example.com";

/// The Bearer token's name in the contract.
pub(crate) const BEARER: &str = "bearer";

/// The API key's name in the contract.
pub(crate) const API_KEY: &str = "api_key";

/// The operation of a credential route.
pub(crate) fn credential_operation(id: &str, summary: &str, description: &str) -> OperationBuilder {
    OperationBuilder::new()
        .tag("credentials")
        .operation_id(Some(id))
        .summary(Some(summary))
        .description(Some(description))
}

/// What an operation requires: a credential of this scheme.
pub(crate) fn requires(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, Vec::<String>::new())
}

/// The answer for a status, with an example of each problem type that has it.
pub(crate) fn problems(types: &[ProblemType]) -> Response {
    let titles: Vec<&str> = types.iter().map(|problem| problem.title()).collect();
    let examples = types.iter().map(|problem| {
        let example = ExampleBuilder::new()
            .value(Some(problem.example(EXAMPLE_HOST)))
            .build();
        (problem.slug(), RefOr::T(example))
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    ResponseBuilder::new()
        .description(titles.join(", or "))
        .content("application/problem+json", content)
        .build()
}

/// The refusals of a credential route that answers with problem details, by status.
pub(crate) fn problems_of(
    causes: &[Cause],
    problem_type: fn(Cause) -> ProblemType,
) -> ResponsesBuilder {
    let mut types: Vec<ProblemType> = Vec::new();
    for problem in causes.iter().copied().map(problem_type) {
        if !types.contains(&problem) {
            types.push(problem);
        }
    }
    let mut statuses: Vec<u16> = types
        .iter()
        .map(|problem| problem.status().as_u16())
        .collect();
    statuses.sort_unstable();
    statuses.dedup();
    let of = |status: &u16| -> Vec<ProblemType> {
        types
            .iter()
            .filter(|problem| problem.status().as_u16() == *status)
            .copied()
            .collect()
    };
    let responses = statuses
        .iter()
        .map(|status| (status.to_string(), problems(&of(status))));
    ResponsesBuilder::new().responses_from_iter(responses)
}

/// The refusals of a credential route with codes of its dialect, by status.
pub(crate) fn failures(
    causes: &[Cause],
    media_type: &str,
    schema: Option<&str>,
    status_and_code: fn(Cause) -> (StatusCode, &'static str),
) -> ResponsesBuilder {
    let mut codes = BTreeMap::<u16, Vec<&str>>::new();
    for (status, code) in causes.iter().copied().map(status_and_code) {
        let of_status = codes.entry(status.as_u16()).or_default();
        if !of_status.contains(&code) {
            of_status.push(code);
        }
    }
    let responses = codes.iter().map(|(status, codes)| {
        let schema = schema.map(Ref::from_schema_name);
        let response = ResponseBuilder::new()
            .description(codes.join(", or "))
            .content(media_type, ContentBuilder::new().schema(schema).build())
            .build();
        (status.to_string(), response)
    });
    ResponsesBuilder::new().responses_from_iter(responses)
}

/// `access` and `duration`.
pub(crate) fn narrowing_parameters() -> Vec<Parameter> {
    let duration = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(900))
        .build();
    vec![
        query_parameter(
            "access",
            "`read` leaves out putting and deleting.",
            ["read", "read-write"],
        ),
        parameter(
            "duration",
            "How many seconds the credentials are to last: less than without this parameter, and \
             no less than 900.",
        )
        .schema(Some(duration))
        .build(),
    ]
}

/// A query parameter that takes one of these words.
pub(crate) fn query_parameter(
    name: &str,
    description: &str,
    words: impl IntoIterator<Item = &'static str>,
) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .build();
    parameter(name, description).schema(Some(schema)).build()
}

/// A query parameter that is a whole number within these bounds.
pub(crate) fn number_parameter(
    name: &str,
    description: &str,
    bounds: &RangeInclusive<usize>,
) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(*bounds.start()))
        .maximum(Some(*bounds.end()))
        .build();
    parameter(name, description).schema(Some(schema)).build()
}

/// A query parameter that is any text.
pub(crate) fn text_query_parameter(name: &str, description: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).build();
    parameter(name, description).schema(Some(schema)).build()
}

/// A parameter of the path or of the header that is text.
pub(crate) fn text_parameter(
    name: &str,
    place: &ParameterIn,
    description: &str,
    example: &str,
) -> Parameter {
    let in_path = matches!(place, ParameterIn::Path);
    let required = if in_path {
        Required::True
    } else {
        Required::False
    };
    parameter(name, description)
        .parameter_in(place.clone())
        .required(required)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .example(Some(json!(example)))
        .build()
}

fn parameter(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
}

/// A JSON answer of this schema, with an example.
pub(crate) fn success(description: &str, schema: &str, example: serde_json::Value) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .example(Some(example))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content("application/json", content)
        .build()
}
