use actix_web::http::header::HeaderMap;

/// What a caller's `traceparent` says (W3C Trace Context, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: u128,
    pub(crate) parent_id: u64,
    pub(crate) is_sampled: bool,
}

/// The length of a version 00 header. Later versions may add fields.
const LENGTH: usize = 55;

impl TraceParent {
    /// The one header of that name. `None` if it is missing, repeated or invalid: a caller's trace is
    /// no reason to refuse a call.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent");
        let value = values.next().filter(|_| values.next().is_none())?;
        Self::parse(value.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut fields = known.split('-');
        let mut field = |digits| hex(fields.next()?, digits);
        let (version, trace_id) = (field(2)?, field(32)?);
        let (parent_id, flags) = (field(16)?, field(2)?);
        let may_go_on = version > 0 && rest.starts_with('-');
        let is_valid =
            version != 0xff && (rest.is_empty() || may_go_on) && trace_id != 0 && parent_id != 0;
        is_valid.then_some(Self {
            trace_id,
            parent_id: u64::try_from(parent_id).ok()?,
            is_sampled: flags & 1 == 1,
        })
    }
}

/// A number of so many lower-case hex digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(is_lower_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let name = HeaderName::from_static("traceparent");
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn valid_headers_are_read() {
        for (text, is_sampled) in [
            (format!("00-{TRACE}-{PARENT}-01"), true),
            (format!("00-{TRACE}-{PARENT}-00"), false),
            (format!("00-{TRACE}-{PARENT}-03"), true),
            (format!("01-{TRACE}-{PARENT}-01"), true),
            (format!("cc-{TRACE}-{PARENT}-00-what-comes"), false),
        ] {
            let expected = TraceParent {
                trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
                parent_id: 0xb7ad_6b71_6920_3331,
                is_sampled,
            };
            assert_eq!(
                TraceParent::of(&headers(&[&text])),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn invalid_headers_are_ignored() {
        let valid = format!("00-{TRACE}-{PARENT}-01");
        for text in [
            String::new(),
            TRACE.to_owned(),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("01-{TRACE}-{PARENT}-01more"),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-0g"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00_{TRACE}-{PARENT}-01"),
            format!("+0-{TRACE}-{PARENT}-01"),
            format!(" {valid}"),
            format!("{valid},{valid}"),
        ] {
            assert_eq!(TraceParent::of(&headers(&[&text])), None, "{text}");
        }
        assert_eq!(TraceParent::of(&headers(&[])), None);
        assert_eq!(TraceParent::of(&headers(&[&valid, &valid])), None);
    }
}
