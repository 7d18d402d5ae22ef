//! The body of the fuzz target for WebSocket tunnels.
//!
//! One byte picks the parameters, two seed the cuts, the rest is what a side sends; or a header of extensions. A panic
//! is a finding.

use std::sync::{Arc, LazyLock};

use super::{
    Admission, ClientMessages, Contexts, Deflate, Judge, Kind, Limits, Offers, ServerMessages, Verdict,
    WebSocketError,
};
use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    plan::Plan,
    redactor::{self, Summary},
    selector::Selector,
};

/// Carries bytes through both transformers at several cuts, and asserts what must hold of what leaves.
pub fn fuzz_websocket(data: &[u8]) {
    let [pick, high, low, input @ ..] = data else { return };
    let seed = u64::from(*high) << 8 | u64::from(*low);
    let deflate = (pick & 1 != 0).then(|| Deflate {
        server_takeover: pick & 2 != 0,
        client_takeover: pick & 2 != 0,
        server_window_bits: 8 + (pick >> 5),
        client_window_bits: 8 + (pick >> 5),
    });
    let plan = (pick & 4 != 0).then(|| Arc::clone(&PLAN));
    offers(input);
    server(deflate, plan, seed, input);
    client(deflate, pick & 4 != 0, seed, input);
}

fn server(deflate: Option<Deflate>, plan: Option<Arc<Plan>>, seed: u64, input: &[u8]) {
    let carry = |deflate, plan: &Option<Arc<Plan>>, input: &[u8], cut: &mut dyn FnMut() -> usize| {
        let mut messages = ServerMessages::new(deflate, &CONTEXTS, LIMITS);
        messages.set_plan(plan.clone(), None);
        let mut out = Vec::new();
        let result = pieces(input, cut).try_for_each(|piece| messages.write(piece, &mut out));
        (result.and_then(|()| messages.finish()), out, messages.take_summary(), messages.is_between_frames())
    };
    let whole = carry(deflate, &plan, input, &mut || input.len());
    let mut next = random(seed);
    for pieces in
        [carry(deflate, &plan, input, &mut || 1), carry(deflate, &plan, input, &mut || 1 + next(20))]
    {
        agree(&whole.0, &pieces.0);
        if whole.0.is_ok() {
            assert!(pieces.1 == whole.1 && pieces.2 == whole.2, "what leaves depends on the cuts");
        }
    }
    let (result, out, _, is_between_frames) = whole;
    if plan.is_none() && result.is_ok() {
        assert!(input.starts_with(&out), "what should pass is changed");
    }
    if is_between_frames {
        // Whole frames leave, which say to the next reader what they should.
        let again = carry(deflate, &plan, &out, &mut || out.len());
        match again.0 {
            Ok(()) => {}
            Err(WebSocketError::Truncated) => assert!(result.is_err(), "a message is cut short"),
            // Of what passes a fault may be known only at the end of its message.
            Err(error) => {
                assert!(result == Err(error), "what leaves is not well-formed: {error}")
            }
        }
        if plan.is_some() && deflate.is_none() {
            assert!(again.1 == out || result.is_err(), "something hidden is left");
            assert!(again.2 == Summary::default() || again.2.hidden[Class::Phone.index()] > 0);
        }
    }
}

fn client(deflate: Option<Deflate>, replaces: bool, seed: u64, input: &[u8]) {
    let carry = |input: &[u8], cut: &mut dyn FnMut() -> usize| {
        let mut messages = ClientMessages::new(deflate, &CONTEXTS, LIMITS);
        let mut judge = Turner { replaces, seen: Vec::new() };
        let (mut out, mut count) = (Vec::new(), 0_u32);
        let mut keys = || {
            count += 1;
            count.to_be_bytes()
        };
        let result =
            pieces(input, cut).try_for_each(|piece| messages.write(piece, &mut judge, &mut keys, &mut out));
        (result.and_then(|()| messages.finish()), out, judge.seen)
    };
    let whole = carry(input, &mut || input.len());
    let mut next = random(seed);
    for pieces in [carry(input, &mut || 1), carry(input, &mut || 1 + next(20))] {
        agree(&whole.0, &pieces.0);
        assert!(pieces.2 == whole.2, "what is judged depends on the cuts");
        assert!(pieces.1 == whole.1, "what leaves depends on the cuts");
    }
    let (_, out, seen) = whole;
    let again = carry(&out, &mut || out.len());
    assert!(again.0.is_ok(), "what leaves is not well-formed");
    let turned = |(kind, message): &(Kind, Vec<u8>)| match kind {
        Kind::Binary if replaces => (*kind, message.iter().rev().copied().collect()),
        Kind::Binary | Kind::Text => (*kind, message.clone()),
    };
    let expected: Vec<_> = seen.iter().map(turned).collect();
    assert!(again.2 == expected, "what leaves is not what was judged");
}

fn offers(input: &[u8]) {
    let offers = Offers::parse([input]);
    let header = offers.to_header();
    let again = Offers::parse([header.as_bytes()]);
    assert!(again.to_header() == header, "an offer is read otherwise than written");
    let _ = offers.accept([input]);
    if let Ok(Some(agreed)) = offers.accept([header.as_bytes()]) {
        assert!(!agreed.server_takeover && !agreed.client_takeover);
    }
}

fn agree(whole: &Result<(), WebSocketError>, pieces: &Result<(), WebSocketError>) {
    assert!(whole == pieces, "whether the bytes are well-formed depends on the cuts");
}

/// Turns binary messages around.
struct Turner {
    replaces: bool,
    seen: Vec<(Kind, Vec<u8>)>,
}

impl Judge for Turner {
    fn admit(&mut self, _: Kind) -> Admission {
        Admission::Hold
    }

    fn judge(&mut self, kind: Kind, payload: &[u8]) -> Verdict {
        self.seen.push((kind, payload.to_vec()));
        match kind {
            Kind::Binary if self.replaces => Verdict::Replace(payload.iter().rev().copied().collect()),
            Kind::Binary | Kind::Text => Verdict::Pass,
        }
    }
}

fn pieces<'i>(input: &'i [u8], cut: &'i mut dyn FnMut() -> usize) -> impl Iterator<Item = &'i [u8]> {
    let mut rest = input;
    std::iter::from_fn(move || {
        let length = if rest.is_empty() { return None } else { cut().min(rest.len()) };
        let (piece, later) = rest.split_at(length);
        rest = later;
        Some(piece)
    })
}

fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |bound| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    }
}

const LIMITS: Limits = Limits {
    message: 1 << 16,
    ratio: 1000,
    redact: redactor::Limits { depth: 12, message: 200, ..redactor::Limits::DEFAULT },
};

static CONTEXTS: LazyLock<Arc<Contexts>> = LazyLock::new(|| Arc::new(Contexts::new(2)));

static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
    let phone = Selector::parse("$..phone").expect("the selector parses");
    let plan = Plan::builder().field(Class::Phone, &phone).display(Class::Phone, Display::Hidden);
    Arc::new(plan.build(&key).expect("the plan is small"))
});
