//! Which refusals an operation may answer.

use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, Object, OpenApi, Ref, RefOr, Response, ResponseBuilder, Type,
    path::{Operation, ParameterIn, PathItem},
};

/// Adds to every operation the refusals that follow from what it takes.
pub(super) fn add(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    items.flat_map(operations).for_each(add_to);
}

/// What an operation takes, as far as it decides which refusals it may answer.
#[derive(Clone, Copy)]
struct Takes {
    token: bool,
    body: bool,
    path: bool,
    query: bool,
    cursor: bool,
    scope: bool,
    precondition: bool,
    idempotency_key: bool,
}

impl Takes {
    fn of(operation: &Operation) -> Self {
        let has = |place: &ParameterIn, name: Option<&str>| {
            operation.parameters.iter().flatten().any(|parameter| {
                matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == *place
                    && name.is_none_or(|name| parameter.name.eq_ignore_ascii_case(name)))
            })
        };
        Self {
            // As all do who say nothing else.
            token: operation.security.is_none(),
            body: operation.request_body.is_some(),
            path: has(&ParameterIn::Path, None),
            query: has(&ParameterIn::Query, None),
            cursor: has(&ParameterIn::Query, Some("cursor")),
            scope: has(&ParameterIn::Query, Some("scope")),
            precondition: has(&ParameterIn::Header, Some("if-match")),
            idempotency_key: has(&ParameterIn::Header, Some("idempotency-key")),
        }
    }
}

/// A refusal: its status, what it means, and which operations may answer it.
type Refusal = (&'static str, &'static str, fn(Takes) -> bool);

/// The refusals that follow from what an operation takes. An operation
/// declares its successes, and a refusal only where it means something else.
const REFUSALS: &[Refusal] = &[
    (
        "400",
        "The body is not what its type says, a header is malformed, or the cursor belongs to another list",
        |takes| takes.body || takes.cursor || takes.idempotency_key,
    ),
    ("401", "Without a valid token", |takes| takes.token),
    ("404", "It does not exist, or is somebody else's", |takes| {
        takes.path
    }),
    ("408", "The body did not arrive in time", |takes| takes.body),
    (
        "409",
        "Each value will do, but not together, as things are, or at this time: `errors` names them all. Or the first request with this Idempotency-Key is still running",
        |takes| takes.body || takes.scope || takes.idempotency_key,
    ),
    (
        "412",
        "It is at another version than `If-Match` names",
        |takes| takes.precondition,
    ),
    ("413", "The body is too large", |takes| {
        takes.body || takes.idempotency_key
    }),
    (
        "415",
        "The body is not declared as what is taken here",
        |takes| takes.body,
    ),
    (
        "422",
        "Fields or parameters are not as documented: `errors` names them all. Or the Idempotency-Key was used for another request",
        |takes| takes.body || takes.query || takes.idempotency_key,
    ),
    ("429", "Too many requests", |_| true),
    ("500", "Something went wrong on our side", |_| true),
    (
        "503",
        "Overloaded, or the database is away: nothing was done",
        |_| true,
    ),
    ("504", "It took too long", |_| true),
];

fn add_to(operation: &mut Operation) {
    let takes = Takes::of(operation);
    for (status, description, may) in REFUSALS {
        if may(takes) {
            let responses = &mut operation.responses.responses;
            responses
                .entry((*status).to_owned())
                .or_insert_with(|| RefOr::T(refusal(status, description)));
        }
    }
}

fn refusal(status: &str, description: &str) -> Response {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", problem);
    if !matches!(status, "409" | "429" | "503") {
        return response.build();
    }
    let seconds = HeaderBuilder::new()
        .description(Some("Seconds after which it is worth trying again"))
        .schema(Some(Object::with_type(Type::Integer)))
        .build();
    response.header("Retry-After", seconds).build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}
