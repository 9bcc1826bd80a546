//! What ai-gateway's file means for counting: modes, families, limits, and what of these cannot be together.

use metering::{Charges, Encoding, Families, FamilyRule, RuleProblem, TextPermille};

use crate::check::text;
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::LARGEST_MAX_BODY_BYTES;
use crate::raw::counting::{
    DEFAULT_EXTRAPOLATE_ABOVE, LEAST_EXTRAPOLATE_ABOVE, MOST_TOKENS, RawCharges, RawCounting, RawEncoding,
    RawFamily, RawMode, RawPermille, RawStreamUsage,
};
use crate::raw::gateway::{RawGateway, RawModel};
use crate::read::List;
use crate::{Counting, CountingMode, InputTokensHeader, LocalEndpoints, StreamUsage};

/// The section, or what it is where there is none.
pub(crate) fn counting(raw: &RawGateway, findings: &mut Findings) -> Option<Counting> {
    let section = match &raw.counting {
        Field::Missing => {
            return Some(Counting {
                extrapolate_above: usize::try_from(DEFAULT_EXTRAPOLATE_ABOVE).ok()?,
                families: Families::default(),
                header: InputTokensHeader::Absent,
                stream_usage: StreamUsage::Always,
                endpoints: LocalEndpoints::Absent,
            });
        }
        Field::Wrong => return None,
        Field::Given(section) => &section.value,
    };
    let extrapolate_above = extrapolate_above(&section.extrapolate_above_bytes, findings);
    let families = families(&section.families, findings);
    let header = section.input_tokens_header.copied_or(false);
    let stream_usage = section.stream_usage.copied_or(RawStreamUsage::Always);
    let endpoints = section.local_endpoints.copied_or(false);
    if let (Field::Given(At { place, value: true }), Some(false)) =
        (&section.local_endpoints, raw.headers_held.copied_or(true))
    {
        let message = "a question that is answered here must not go on to a provider, and headers that are not held have gone";
        findings.report(
            place,
            Fault::new(
                message,
                "leave it out, or set `allow_on_headers_stop_iteration: true` in Envoy's PluginConfig",
            ),
        );
    }
    Some(Counting {
        extrapolate_above: extrapolate_above?,
        families: families?,
        header: if header? { InputTokensHeader::Shown } else { InputTokensHeader::Absent },
        stream_usage: match stream_usage? {
            RawStreamUsage::Always => StreamUsage::Always,
            RawStreamUsage::AsAsked => StreamUsage::AsAsked,
        },
        endpoints: if endpoints? { LocalEndpoints::Served } else { LocalEndpoints::Absent },
    })
}

/// The mode of every model that does not say; none where it is wrong.
pub(crate) fn default_mode(section: &Field<RawCounting>) -> Option<CountingMode> {
    match section {
        Field::Missing => Some(CountingMode::Auto),
        Field::Wrong => None,
        Field::Given(section) => section.value.mode.copied_or(RawMode::Auto).map(CountingMode::from),
    }
}

/// A model's own mode and limit.
pub(crate) fn of_model(
    model: &RawModel,
    default: Option<CountingMode>,
    findings: &mut Findings,
) -> (Option<CountingMode>, Option<Option<u64>>) {
    let mode = match &model.counting {
        Field::Missing => default,
        given => given.given().map(|at| at.value.into()),
    };
    let limit = model.max_input_tokens.check_or(None, findings, |tokens| {
        if (1..=MOST_TOKENS).contains(tokens) {
            return Ok(Some(*tokens));
        }
        Err(Fault::new(
            format!("{tokens} is not from 1 to {MOST_TOKENS}"),
            "write the model's context length, or less; leave it out for no limit",
        ))
    });
    if let (Some(CountingMode::Off), Field::Given(at)) = (mode, &model.max_input_tokens) {
        let hint =
            "leave it out, or give this model `counting` other than `off`; `auto` counts only near the limit";
        findings.report(&at.place, Fault::new("a limit needs counting, which is `off` for this model", hint));
    }
    (mode, limit)
}

impl From<RawMode> for CountingMode {
    fn from(mode: RawMode) -> Self {
        match mode {
            RawMode::Exact => Self::Exact,
            RawMode::Auto => Self::Auto,
            RawMode::Estimate => Self::Estimate,
            RawMode::Off => Self::Off,
        }
    }
}

fn extrapolate_above(field: &Field<u64>, findings: &mut Findings) -> Option<usize> {
    field
        .check_or(DEFAULT_EXTRAPOLATE_ABOVE, findings, |bytes| {
            if (LEAST_EXTRAPOLATE_ABOVE..=LARGEST_MAX_BODY_BYTES).contains(bytes) {
                return Ok(*bytes);
            }
            Err(Fault::new(
                format!("{bytes} is not from {LEAST_EXTRAPOLATE_ABOVE} to {LARGEST_MAX_BODY_BYTES}"),
                format!("leave it out for {DEFAULT_EXTRAPOLATE_ABOVE} (1 MiB)"),
            ))
        })
        .and_then(|bytes| usize::try_from(bytes).ok())
}

fn families(field: &Field<List<RawFamily>>, findings: &mut Findings) -> Option<Families> {
    let list = match field {
        Field::Missing => return Some(Families::default()),
        Field::Wrong => return None,
        Field::Given(list) => &list.value,
    };
    let known: Vec<(&RawFamily, FamilyRule)> = list
        .items
        .iter()
        .filter_map(|At { value: family, .. }| Some((family, rule(family, findings)?)))
        .collect();
    let complete = list.complete && known.len() == list.items.len();
    let rules: Vec<FamilyRule> = known.iter().map(|(_, rule)| rule.clone()).collect();
    match Families::new(&rules) {
        Ok(families) => complete.then_some(families),
        Err(problems) => {
            for problem in problems {
                let at = |rule: usize| known.get(rule).map(|(family, _)| *family);
                if let Some(family) = at(problem.rule()) {
                    report(&problem, family, at, findings);
                }
            }
            None
        }
    }
}

/// What one entry says, where nothing is wrong with it by itself.
fn rule(family: &RawFamily, findings: &mut Findings) -> Option<FamilyRule> {
    let pattern = family.pattern.check(findings, |pattern| text::pattern(pattern));
    let like = family.like.check_or(None, findings, |like| text::model(like).map(Some));
    let encoding = match &family.encoding {
        Field::Missing => Some(None),
        given => given.given().map(|at| Some(at.value.into())),
    };
    let permille = match &family.permille {
        Field::Missing => Some(None),
        given => given.given().and_then(|at| permille(&at.value, findings)).map(Some),
    };
    let exact = family.exact.copied_or(false);
    if let (Field::Given(at), Field::Given(At { value: true, .. })) = (&family.permille, &family.exact) {
        let message = "counts that are multiplied are not exact";
        findings.report(&at.place, Fault::new(message, "keep `exact` or `permille`, whichever is meant"));
        return None;
    }
    let charges = match &family.charges {
        Field::Missing => Some(Charges::default()),
        given => given.given().and_then(|at| charges(&at.value, findings)),
    };
    let counting = match (exact?, permille?) {
        (true, _) => Some(metering::Counting::Exact),
        (false, permille) => permille.map(metering::Counting::Estimated),
    };
    Some(FamilyRule { pattern: pattern?, like: like?, encoding: encoding?, counting, charges: charges? })
}

/// Bounds are checked by the families themselves; here a number only has to fit.
fn permille(raw: &RawPermille, findings: &mut Findings) -> Option<TextPermille> {
    let mut fitting = |field: &Field<u64>| {
        field.check(findings, |permille| {
            u32::try_from(*permille)
                .ok()
                .filter(|permille| (TextPermille::MIN..=TextPermille::MAX).contains(permille))
                .ok_or_else(|| out_of_range(*permille))
        })
    };
    let (latin, code, cjk, other) =
        (fitting(&raw.latin), fitting(&raw.code), fitting(&raw.cjk), fitting(&raw.other));
    Some(TextPermille { latin: latin?, code: code?, cjk: cjk?, other: other? })
}

fn charges(raw: &RawCharges, findings: &mut Findings) -> Option<Charges> {
    let mut charge = |field: &Field<u64>| {
        field.check_or(None, findings, |tokens| {
            if *tokens <= MOST_TOKENS {
                return Ok(Some(*tokens));
            }
            Err(Fault::new(
                format!("{tokens} is more than {MOST_TOKENS}"),
                "write tokens for one such part, for example 1000",
            ))
        })
    };
    let (image, audio, file, other) =
        (charge(&raw.image), charge(&raw.audio), charge(&raw.file), charge(&raw.other));
    Some(Charges { image: image?, audio: audio?, file: file?, other: other? })
}

impl From<RawEncoding> for Encoding {
    fn from(encoding: RawEncoding) -> Self {
        match encoding {
            RawEncoding::O200kBase => Self::O200kBase,
            RawEncoding::Cl100kBase => Self::Cl100kBase,
        }
    }
}

/// Puts a problem that the families found where its cause stands.
fn report<'a>(
    problem: &RuleProblem,
    family: &'a RawFamily,
    at: impl Fn(usize) -> Option<&'a RawFamily>,
    findings: &mut Findings,
) {
    let pattern = family.pattern.given().map(|at| &at.place);
    let (place, fault): (Option<&Place>, Fault) = match problem {
        RuleProblem::EmptyPattern { .. } | RuleProblem::InnerStar { .. } => {
            (pattern, Fault::new(problem.to_string(), "only prefixes are matched, for example `claude-*`"))
        }
        RuleProblem::Duplicate { first, pattern: name, .. } => {
            let first = at(*first).and_then(|family| family.pattern.given()).map(|at| at.place.path());
            let message = format!("{} has an entry at `{}` already", quoted(name), first.unwrap_or_default());
            (pattern, Fault::new(message, "keep one of the two"))
        }
        RuleProblem::PermilleOutOfRange { permille, .. } => {
            (family.permille.given().map(|at| &at.place), out_of_range(u64::from(*permille)))
        }
        RuleProblem::UnknownLike { like, .. } => {
            let fault = Fault::new(
                format!("no family is known for {}", quoted(like)),
                "name a model that is known, such as `gpt-4o` or `claude-3-opus`",
            );
            (family.like.given().map(|at| &at.place), fault)
        }
    };
    if let Some(place) = place.or(pattern) {
        findings.report(place, fault);
    }
}

fn out_of_range(permille: u64) -> Fault {
    Fault::new(
        format!("{permille} is not from {} to {}", TextPermille::MIN, TextPermille::MAX),
        "write tokens for each thousand of the vocabulary: 1000 for as many, 1250 for a quarter more",
    )
}
