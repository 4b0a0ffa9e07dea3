use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header, Quality};

/// Whether the client asks for this media type by name (RFC 9110 section 12.5.1). Browsers ask for
/// HTML so; curl and its like take anything.
pub(crate) fn is_asked_for(request: &HttpRequest, media_type: &str) -> bool {
    let Ok(accept) = Accept::parse(request) else {
        return false;
    };
    let mut ranges = accept.iter();
    ranges.any(|range| range.item.essence_str() == media_type && range.quality > Quality::ZERO)
}
