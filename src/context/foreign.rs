//! Trace contexts in the formats of others: Zipkin's B3, Jaeger, AWS X-Ray, Datadog.

use super::ids::{SpanId, TraceId};
use super::rule::{Format, Part};
use super::trace_context::SAMPLED;

/// The trace, the span in it and the flags.
pub(super) type Ids = (TraceId, SpanId, u8);

/// Reads one text; `None` where it says that there is no trace.
///
/// # Errors
/// Says which rule of its format the text breaks, and nothing of what stands there.
pub(super) fn text(format: Format, text: &str) -> Result<Option<Ids>, &'static str> {
    match format {
        Format::B3 => b3(text),
        Format::Jaeger => jaeger(text),
        Format::XRay => x_ray(text),
        Format::W3c | Format::Json | Format::Carrier | Format::B3Multi | Format::Datadog => {
            Ok(None)
        }
    }
}

/// Reads a format that has several texts, which `part` gives.
///
/// # Errors
/// As [`text`].
pub(super) fn texts<'t>(
    format: Format,
    part: impl Fn(Part) -> Option<&'t str>,
) -> Result<Option<Ids>, &'static str> {
    let (Some(trace), Some(span)) = (part(Part::TraceId), part(Part::SpanId)) else {
        return Ok(None);
    };
    let sampled = part(Part::Sampled);
    if format == Format::Datadog {
        return datadog(trace, span, sampled, part(Part::Tags)).map(Some);
    }
    let is_sampled = part(Part::Debug) == Some("1") || matches!(sampled, Some("1" | "true" | "d"));
    let trace = trace_of_b3(trace).ok_or(B3)?;
    Ok(Some((trace, span_id(span, true).ok_or(B3)?, flags(is_sampled))))
}

const B3: &str = "of B3 {trace}-{span}-{sampled}-{parent} is expected: 16 or 32 digits, 16 digits, \
                  0, 1 or d, 16 digits; none of them all zero";

fn b3(text: &str) -> Result<Option<Ids>, &'static str> {
    // A decision without a trace.
    if matches!(text, "0" | "1" | "d") {
        return Ok(None);
    }
    let mut fields = text.split('-');
    let trace = fields.next().and_then(trace_of_b3).ok_or(B3)?;
    let span = fields.next().and_then(|span| span_id(span, true)).ok_or(B3)?;
    let sampled = fields.next();
    let has_parent = fields.next().is_none_or(|parent| span_id(parent, true).is_some());
    if !matches!(sampled, None | Some("0" | "1" | "d")) || !has_parent || fields.next().is_some() {
        return Err(B3);
    }
    Ok(Some((trace, span, flags(matches!(sampled, Some("1" | "d"))))))
}

fn trace_of_b3(text: &str) -> Option<TraceId> {
    matches!(text.len(), 16 | 32).then(|| trace_id(text)).flatten()
}

const JAEGER: &str = "of Jaeger {trace}:{span}:{parent}:{flags} is expected, in hexadecimal digits; \
                      trace and span not zero";

fn jaeger(text: &str) -> Result<Option<Ids>, &'static str> {
    let fields: Vec<&str> = text.split(':').collect();
    let [trace, span, parent, own] = *fields else { return Err(JAEGER) };
    let is_hex = |text: &str| number(text, 16).is_some();
    let own = number(own, 2).ok_or(JAEGER)?;
    if !is_hex(parent) {
        return Err(JAEGER);
    }
    let trace = trace_id(trace).ok_or(JAEGER)?;
    // 1 is sampled, 2 is debug, which is sampled in any case.
    Ok(Some((trace, span_id(span, false).ok_or(JAEGER)?, flags(own & 3 != 0))))
}

const X_RAY: &str = "of X-Ray Root=1-{8 digits}-{24 digits};Parent={16 digits};Sampled={0 or 1} is \
                     expected";

fn x_ray(text: &str) -> Result<Option<Ids>, &'static str> {
    let (mut root, mut parent, mut sampled) = (None, None, None);
    for field in text.split(';') {
        let (name, value) = field.trim().split_once('=').unwrap_or_default();
        match name {
            "Root" => root = Some(value),
            "Parent" => parent = Some(value),
            "Sampled" => sampled = Some(value),
            _ => {}
        }
    }
    let fields: Vec<&str> = root.ok_or(X_RAY)?.split('-').collect();
    let ["1", time, rest] = *fields else { return Err(X_RAY) };
    if time.len() != 8 || rest.len() != 24 {
        return Err(X_RAY);
    }
    let trace = trace_id(&format!("{time}{rest}")).ok_or(X_RAY)?;
    // A load balancer that begins a trace names no span in it.
    let Some(parent) = parent else { return Ok(None) };
    Ok(Some((trace, span_id(parent, true).ok_or(X_RAY)?, flags(sampled == Some("1")))))
}

const DATADOG: &str = "of Datadog trace and parent are expected as decimal numbers that are not \
                       zero, and _dd.p.tid of the tags as 16 digits";

fn datadog(
    trace: &str,
    span: &str,
    priority: Option<&str>,
    tags: Option<&str>,
) -> Result<Ids, &'static str> {
    let decimal = |text: &str| text.parse::<u64>().ok().filter(|number| *number != 0);
    let (low, span) = (decimal(trace).ok_or(DATADOG)?, decimal(span).ok_or(DATADOG)?);
    // The upper half of a trace id of 128 bits is among the tags.
    let tag = tags.and_then(|tags| tags.split(',').find_map(|tag| tag.strip_prefix("_dd.p.tid=")));
    let high = match tag {
        None => 0,
        Some(high) if high.len() == 16 => number(high, 16).ok_or(DATADOG)?,
        Some(_) => return Err(DATADOG),
    };
    let trace = (high << 64 | u128::from(low)).to_be_bytes();
    let is_sampled = priority.and_then(|it| it.parse::<i64>().ok()).is_some_and(|it| it > 0);
    Ok((TraceId(trace), SpanId(span.to_be_bytes()), flags(is_sampled)))
}

fn flags(is_sampled: bool) -> u8 {
    if is_sampled { SAMPLED } else { 0 }
}

/// Up to 32 digits; shorter ones are those of 64 bits, or have lost their zeros.
fn trace_id(text: &str) -> Option<TraceId> {
    let number = number(text, 32).filter(|number| *number != 0)?;
    Some(TraceId(number.to_be_bytes()))
}

fn span_id(text: &str, is_exact: bool) -> Option<SpanId> {
    if is_exact && text.len() != 16 {
        return None;
    }
    let number = u64::try_from(number(text, 16)?).ok().filter(|number| *number != 0)?;
    Some(SpanId(number.to_be_bytes()))
}

fn number(text: &str, max_digits: usize) -> Option<u128> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && (1..=max_digits).contains(&text.len()))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(read: Result<Option<Ids>, &'static str>) -> String {
        match read {
            Ok(Some((trace, span, flags))) => format!("{trace} {span} {flags}"),
            Ok(None) => "none".to_owned(),
            Err(_) => "refused".to_owned(),
        }
    }

    const TRACE: &str = "463ac35c9f6413ad48485a3953bb6124";

    /// The examples of each format's own documentation, and what breaks them.
    #[test]
    fn one_text_is_read_as_its_format_has_it() {
        let long = format!("{TRACE} 00a2fb4a1d1a96d3 1");
        for (format, given, expected) in [
            (Format::B3, &*format!("{TRACE}-00a2fb4a1d1a96d3-1-05e3ac9a4f6e3b90"), &*long),
            (Format::B3, &*format!("{TRACE}-00a2fb4a1d1a96d3-d"), &*long),
            (
                Format::B3,
                "48485a3953bb6124-00a2fb4a1d1a96d3",
                "000000000000000048485a3953bb6124 00a2fb4a1d1a96d3 0",
            ),
            (Format::B3, "0", "none"),
            (Format::B3, "", "refused"),
            (Format::B3, &*format!("{TRACE}-00a2fb4a1d1a96d3-2"), "refused"),
            (Format::B3, &*format!("{TRACE}-a2fb4a1d1a96d3-1"), "refused"),
            (Format::B3, &*format!("{TRACE}-0000000000000000-1"), "refused"),
            (Format::Jaeger, &*format!("{TRACE}:a2fb4a1d1a96d3:0:1"), &*long),
            (
                Format::Jaeger,
                "5b2b4e:1c2d:0:2",
                "000000000000000000000000005b2b4e 0000000000001c2d 1",
            ),
            (
                Format::Jaeger,
                "5b2b4e:1c2d:0:0",
                "000000000000000000000000005b2b4e 0000000000001c2d 0",
            ),
            (Format::Jaeger, "5b2b4e:0:0:1", "refused"),
            (Format::Jaeger, "5b2b4e:1:1", "refused"),
            (
                Format::XRay,
                "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
                "5759e988bd862e3fe1be46a994272793 53995c3f42cd8ad8 1",
            ),
            (
                Format::XRay,
                "Self=1-67891234-12456789abcdef012345678; Root=1-5759e988-bd862e3fe1be46a994272793; Parent=53995c3f42cd8ad8",
                "5759e988bd862e3fe1be46a994272793 53995c3f42cd8ad8 0",
            ),
            (Format::XRay, "Root=1-5759e988-bd862e3fe1be46a994272793", "none"),
            (
                Format::XRay,
                "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
                "refused",
            ),
        ] {
            assert_eq!(told(text(format, given)), expected, "{given}");
        }
    }

    #[test]
    fn several_texts_are_read_as_their_format_has_it() {
        let read = |format, all: &[(Part, &'static str)]| {
            let part = |part| all.iter().find(|(it, _)| *it == part).map(|(_, text)| *text);
            told(texts(format, part))
        };
        let b3 = [(Part::TraceId, TRACE), (Part::SpanId, "00a2fb4a1d1a96d3")];
        let sampled = format!("{TRACE} 00a2fb4a1d1a96d3 1");
        assert_eq!(read(Format::B3Multi, &b3), format!("{TRACE} 00a2fb4a1d1a96d3 0"));
        for more in [(Part::Sampled, "1"), (Part::Debug, "1")] {
            assert_eq!(read(Format::B3Multi, &[b3[0], b3[1], more]), sampled);
        }
        assert_eq!(read(Format::B3Multi, &b3[..1]), "none");
        assert_eq!(read(Format::B3Multi, &[b3[0], (Part::SpanId, "x")]), "refused");
        let ids = [(Part::TraceId, "5208512171318403364"), (Part::SpanId, "45776391190222547")];
        let low = "48485a3953bb6124 00a2a1c0f7b5c2d3".split(' ').next().unwrap();
        let told = read(Format::Datadog, &ids);
        assert!(told.starts_with(&format!("0000000000000000{low} ")) && told.ends_with(" 0"));
        let tags = (Part::Tags, "_dd.p.dm=-1,_dd.p.tid=463ac35c9f6413ad");
        let told = read(Format::Datadog, &[ids[0], ids[1], (Part::Sampled, "2"), tags]);
        assert!(told.starts_with(TRACE) && told.ends_with(" 1"), "{told}");
        assert_eq!(read(Format::Datadog, &[ids[0], (Part::SpanId, "0")]), "refused");
        assert_eq!(
            read(Format::Datadog, &[ids[0], ids[1], (Part::Tags, "_dd.p.tid=1")]),
            "refused"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(given in any::<String>(), shaped in "[0-9a-f:;=-]{0,80}") {
            for given in [&*given, &*shaped] {
                for format in Format::ALL {
                    let ids = text(format, given).ok().flatten();
                    prop_assert!(ids.is_none_or(|(trace, span, _)| trace.0 != [0; 16] && span.0 != [0; 8]));
                    let ids = texts(format, |_| Some(given)).ok().flatten();
                    prop_assert!(ids.is_none_or(|(trace, span, _)| trace.0 != [0; 16] && span.0 != [0; 8]));
                }
            }
        }
    }
}
