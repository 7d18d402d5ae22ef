//! A case judged by the policy room alone, from the request's head to the last byte of the answer.

use std::{collections::BTreeMap, sync::Arc};

use chatwarden_policy::{
    account::{Account, ClientIp, Identity},
    answer::{self, Answer, AnswerFacts, Rewrite, Unknown},
    carrier::{Carrier, Judged},
    csp,
    path::CanonicalPath,
    policy::Policy,
    reason::{Denial, Reason},
    verdict::{Facts, Framing, Orders, Verdict},
};
use chatwarden_redact::{Limits, Plan, Redactor};

use super::{
    Told,
    file::{Caller, Case, Expect, Scripted, Set},
};

/// What the policy room says.
pub(super) fn by_policy(policy: &Policy, set: &Set, case: &Case) -> Told {
    let refused =
        |denial: &Denial, monitored: &[Denial]| Told::refused(Expect::Refused, denial, rules_of(monitored));
    let (method, path, query) = case.target();
    let Ok(path) = CanonicalPath::parse(path) else {
        return refused(&Reason::PathAmbiguous.into(), &[]);
    };
    let classified = policy.profile.classify(method, &path);
    let identity = identity(case, classified.public);
    let client_ip = ClientIp::new(case.from());
    let content_type = case.header("content-type");
    let facts = Facts {
        client_ip,
        identity: &identity,
        method,
        path: &path,
        content_type,
        body: !case.body.is_empty(),
        today: set.today(),
    };
    let verdict = policy.evaluate(&facts, &classified);
    // The gateway asks the address first, and whatever it refuses must be refused in full view, too.
    if let Some(screened) = policy.screen(client_ip, &classified, set.today()) {
        assert!(matches!(verdict, Verdict::Deny(_)), "{}: refused unseen, allowed in full view", case.case);
        return refused(&screened, &[]);
    }
    let orders = match verdict {
        Verdict::Allow(orders) => orders,
        Verdict::Deny(denial) => return refused(&denial, &[]),
    };
    let mut monitored = orders.monitored.clone();
    if let Err(denial) = way_back(&orders, case, &mut monitored) {
        return refused(&denial, &monitored);
    }
    if let Err(denial) = policy.judge_body(&orders, query, content_type, case.body.as_bytes(), &mut monitored)
    {
        return refused(&denial, &monitored);
    }
    answered(&orders, case, method == "HEAD", monitored)
}

/// Only what is refused and what is told; nothing of a case was shown before, so that no alias stands for anything.
fn way_back(orders: &Orders, case: &Case, monitored: &mut Vec<Denial>) -> Result<(), Denial> {
    let Some(way) = &orders.way_back else { return Ok(()) };
    let (_, path, query) = case.target();
    let head = way.path(path).and_then(|_| way.query(query.unwrap_or_default()));
    match head {
        Err(denial) if way.is_enforced() => return Err(denial),
        Err(denial) => monitored.push(denial),
        Ok(_) => {}
    }
    if way.is_enforced() {
        way.body(case.header("content-type"), case.body.as_bytes())?;
    }
    Ok(())
}

fn answered(orders: &Orders, case: &Case, head: bool, mut monitored: Vec<Denial>) -> Told {
    let Scripted { status, headers, body } = &case.answer;
    let dispositions: Vec<String> = headers.get("content-disposition").cloned().into_iter().collect();
    let facts = AnswerFacts {
        status: *status,
        content_type: headers.get("content-type").map(String::as_str),
        content_encoding: headers.get("content-encoding").map_or("", String::as_str),
        dispositions: &dispositions,
        body: !head && !body.is_empty() && *status != 204 && *status != 304,
        query: None,
    };
    let refused = |denial: &Denial, monitored: &[Denial]| {
        Told::refused(Expect::AnswerRefused, denial, rules_of(monitored))
    };
    let judged = answer::judge(orders, &facts, &mut monitored);
    let shown = match (judged, &orders.masking.hide) {
        (Answer::Refuse(denial), _) => return refused(&denial, &monitored),
        (Answer::Drop, _) => String::new(),
        (Answer::Rewrite(rewrite), Some(plan)) => match redacted(plan, &rewrite, body) {
            Some(shown) => shown,
            // The gateway finds it before anything has left.
            None => {
                let denial = Denial { reason: Reason::UnscannableAnswer, rule: orders.masking.rule };
                return refused(&denial, &monitored);
            }
        },
        (Answer::Glance(glance), _) if glance.kind.judge(body.as_bytes(), true) != Judged::Clear => {
            let denial = Denial { reason: Reason::UnscannableAnswer, rule: orders.masking.rule };
            return refused(&denial, &monitored);
        }
        (Answer::Pass | Answer::Glance(_), _) => body.clone(),
        (Answer::Rewrite(_), None) => panic!("{}: rewritten by no plan", case.case),
    };
    let (csp, xfo) = framing(orders.framing.as_ref(), headers);
    let (reason, rule) = (None, None);
    let shown = Some(if head { String::new() } else { shown });
    Told { verdict: Expect::Allowed, reason, rule, shown, csp, xfo, monitored: rules_of(&monitored) }
}

/// What is shown of a body; none where it cannot be read. No case has a body that is coded for real.
fn redacted(plan: &Arc<Plan>, rewrite: &Rewrite, body: &str) -> Option<String> {
    if !rewrite.codings.is_empty() {
        return None;
    }
    let format = match &rewrite.carrier {
        Carrier::Typed(format) => *format,
        Carrier::Sniffed(guess) => match (guess.judge(body.as_bytes(), true), rewrite.unknown) {
            (Judged::As(format), _) => format,
            (Judged::Clear | Judged::More, _) | (Judged::Unknown, Unknown::Passes) => {
                return Some(body.to_owned());
            }
            (Judged::Unknown, Unknown::IsDropped) => return Some(String::new()),
            (Judged::Unknown, Unknown::IsCut) => return None,
        },
    };
    let mut redactor = Redactor::new(Arc::clone(plan), format, Limits::default());
    let mut shown = Vec::new();
    redactor.write(body.as_bytes(), &mut shown).ok()?;
    redactor.finish(&mut shown).ok()?;
    String::from_utf8(shown).ok()
}

fn framing(
    framing: Option<&Framing>,
    scripted: &BTreeMap<String, String>,
) -> (Option<String>, Option<String>) {
    let own = scripted.get("content-security-policy");
    match framing {
        None => (own.cloned(), scripted.get("x-frame-options").cloned()),
        Some(framing) => {
            let merged = own.map(|own| csp::with_frame_ancestors(own, &framing.ancestors));
            let policy = merged.unwrap_or_else(|| format!("frame-ancestors {}", framing.ancestors));
            (Some(policy), (!framing.hosts).then(|| "SAMEORIGIN".to_owned()))
        }
    }
}

fn rules_of(denials: &[Denial]) -> Vec<String> {
    let mut rules: Vec<String> =
        denials.iter().map(|denial| denial.rule.map_or_else(String::new, |rule| rule.to_string())).collect();
    rules.sort();
    rules
}

/// Who calls. On a public path a cookie is no reason to ask the app, as it may be a visitor's.
fn identity(case: &Case, public: bool) -> Identity {
    match &case.account {
        None => Identity::Nobody,
        Some(Caller::Word(word)) if word == "unavailable" && !public => Identity::Unavailable,
        Some(Caller::Word(word)) => {
            assert_eq!(word, "unavailable", "{}", case.case);
            Identity::Nobody
        }
        Some(Caller::Account(person)) if public && !person.token => Identity::Nobody,
        Some(Caller::Account(person)) => Identity::Verified(Arc::new(Account {
            id: person.id.clone(),
            name: person.name.clone(),
            email: person.email.clone(),
            roles: vec![person.role.clone()],
            groups: person.groups.clone(),
        })),
    }
}
