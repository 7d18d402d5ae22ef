//! The decision about a request: one pure function of facts and rules.
//!
//! Whatever is unknown gets the strictest answer. No IO, no clock; the order of the checks is the order of the
//! seven settings, the address first, so that a stranger learns nothing else.

use std::sync::Arc;

use chatwarden_redact::Class;
use jiff::civil::Date;

use crate::{
    account::{ClientIp, Identity, Standing},
    media_type::{self, MediaClass},
    policy::Policy,
    profile::Classified,
    reason::{Denial, Reason},
    rules::{Direction, Mode, PersonalData},
    verdict::{Area, Facts, FileBlock, Framing, Masking, Monitored, Orders, Verdict, View},
    way_back::{Sender, WayBack},
};

impl Policy {
    /// Whether an address is refused whoever calls, so that the application need not be asked who it is.
    ///
    /// `evaluate` judges the address again, with the caller's groups.
    pub fn screen(&self, client_ip: ClientIp, classified: &Classified<'_>, today: Date) -> Option<Denial> {
        let whitelist = self.rules.ip_whitelist.as_ref()?;
        let refused = whitelist.mode == Mode::Enforce
            && !classified.public
            && !whitelist.exempt_super_admin
            && !whitelist.covers(client_ip, today);
        refused.then(|| Denial::by(Reason::IpNotWhitelisted, whitelist.rule))
    }

    /// Judges a request.
    pub fn evaluate(&self, facts: &Facts<'_>, classified: &Classified<'_>) -> Verdict {
        let area = area(classified, facts.identity);
        if area == Area::Public {
            return Verdict::Allow(Box::new(Orders::public(classified)));
        }
        if let Some(denial) = self.screen(facts.client_ip, classified, facts.today) {
            return Verdict::Deny(denial);
        }
        let unavailable = matches!(facts.identity, Identity::Unavailable);
        if unavailable && area == Area::Operator && !matches!(facts.method, "GET" | "HEAD") {
            return Verdict::Deny(Reason::IdentityUnavailable.into());
        }
        let standing = self.rules.groups.standing(facts.identity);
        let mut judge = Judge { monitored: Vec::new() };
        match self.judge(facts, classified, area, &standing, &mut judge) {
            Err(denial) => Verdict::Deny(denial),
            Ok(mut orders) => {
                orders.monitored = judge.monitored;
                Verdict::Allow(Box::new(orders))
            }
        }
    }

    fn judge(
        &self,
        facts: &Facts<'_>,
        classified: &Classified<'_>,
        area: Area,
        standing: &Standing,
        judge: &mut Judge,
    ) -> Result<Orders, Denial> {
        self.judge_address(facts, area, standing, judge)?;
        self.judge_panel(classified, standing, judge)?;
        let send_block = self.file_block(standing, Direction::Send);
        let receive_block = self.file_block(standing, Direction::Receive);
        if area == Area::Operator {
            if classified.file_send {
                judge.block(send_block, Reason::FileSendBlocked)?;
            }
            if classified.file_receive {
                judge.block(receive_block, Reason::FileReceiveBlocked)?;
            }
        }
        let masking = self.masking(classified, area, standing, receive_block);
        let judge_multipart = send_block.is_some()
            && facts.body
            && media_type::classify(facts.content_type) == MediaClass::Multipart;
        if let Some(block) = send_block.filter(|_| facts.body && is_raw_file(facts.content_type)) {
            judge.block(Some(block), Reason::FileSendBlocked)?;
        }
        let downloads = self.rules.downloads.as_ref().filter(|_| !standing.super_admin);
        let drawing = self.draws(facts, classified, &masking);
        Ok(Orders {
            area,
            standing: *standing,
            masking,
            send_block,
            receive_block,
            drawing,
            receive_route: classified.file_receive,
            download: classified.download.is_some(),
            judge_recipients: classified.download.filter(|_| downloads.is_some()).cloned(),
            judge_multipart,
            way_back: self.way_back(facts, classified, area, standing).map(Arc::new),
            masking_governed: self.rules.personal_data.is_some(),
            framing: self.framing(classified),
            action: classified.action.cloned(),
            by_exemption: self.by_exemption(facts, area),
            monitored: Vec::new(),
        })
    }

    fn judge_address(
        &self,
        facts: &Facts<'_>,
        area: Area,
        standing: &Standing,
        judge: &mut Judge,
    ) -> Result<(), Denial> {
        let Some(whitelist) = &self.rules.ip_whitelist else { return Ok(()) };
        let admitted = match area {
            Area::Public => true,
            Area::SignIn | Area::Assets => {
                whitelist.exempt_super_admin || whitelist.covers(facts.client_ip, facts.today)
            }
            Area::Operator => {
                (whitelist.exempt_super_admin && standing.super_admin)
                    || whitelist.admits(facts.client_ip, &standing.groups, facts.today)
            }
        };
        if admitted {
            return Ok(());
        }
        judge.deny(Denial::by(Reason::IpNotWhitelisted, whitelist.rule), whitelist.mode)
    }

    fn by_exemption(&self, facts: &Facts<'_>, area: Area) -> bool {
        let opened = matches!(area, Area::SignIn | Area::Assets);
        self.rules.ip_whitelist.as_ref().is_some_and(|whitelist| {
            opened && whitelist.exempt_super_admin && !whitelist.covers(facts.client_ip, facts.today)
        })
    }

    fn judge_panel(
        &self,
        classified: &Classified<'_>,
        standing: &Standing,
        judge: &mut Judge,
    ) -> Result<(), Denial> {
        match &self.rules.webhooks {
            Some(webhooks) if classified.webhooks_panel && !standing.super_admin => {
                judge.deny(Denial::by(Reason::WebhooksPanelRestricted, webhooks.rule), webhooks.mode)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn file_block(&self, standing: &Standing, direction: Direction) -> Option<FileBlock> {
        let files = self.rules.files.as_ref()?;
        let rule = files.blocks(standing, direction)?;
        Some(FileBlock { rule, enforced: files.mode == Mode::Enforce })
    }

    fn masking(
        &self,
        classified: &Classified<'_>,
        area: Area,
        standing: &Standing,
        receive_block: Option<FileBlock>,
    ) -> Masking {
        let clear = match area {
            Area::Public | Area::Assets => true,
            Area::SignIn | Area::Operator => classified.who_am_i,
        };
        if clear {
            return Masking::default();
        }
        let hiding = self.rules.personal_data.as_ref().filter(|rule| rule.hides_from(standing));
        let mode = hiding.map(|rule| rule.mode);
        let contacts = mode == Some(Mode::Enforce);
        let links = receive_block.is_some_and(|block| block.enforced);
        let text = if contacts { self.rules.plans.text().cloned() } else { None };
        let hiding = hiding.filter(|_| contacts).map(|rule| rule.rule);
        let plan = |contacts, links| self.rules.plans.plan(classified.scope, contacts, links).cloned();
        Masking {
            hide: plan(contacts, links),
            text,
            view: View { scope: classified.scope, contacts, links },
            contacts,
            rule: hiding.or_else(|| receive_block.filter(|_| links).map(|block| block.rule)),
            count: if mode == Some(Mode::Monitor) { plan(true, false) } else { None },
        }
    }

    /// Whether a client's picture was asked for that the caller may not see.
    fn draws(&self, facts: &Facts<'_>, classified: &Classified<'_>, masking: &Masking) -> bool {
        let hides = |rule: &PersonalData| rule.hides(Class::Avatar);
        classified.avatar
            && masking.contacts
            && matches!(facts.method, "GET" | "HEAD")
            && self.rules.personal_data.as_ref().is_some_and(hides)
    }

    /// Marks are known in the writes of everybody, also of those from whom nothing is hidden.
    fn way_back(
        &self,
        facts: &Facts<'_>,
        classified: &Classified<'_>,
        area: Area,
        standing: &Standing,
    ) -> Option<WayBack> {
        let rule = self.rules.personal_data.as_ref().filter(|_| area == Area::Operator)?;
        // The fields of one's own account are not those of clients.
        let scope = (!classified.who_am_i).then_some(classified.scope);
        let sender = Sender {
            verified: facts.identity.account().is_some(),
            masked: rule.hides_from(standing),
            enforced: rule.mode == Mode::Enforce,
            rule: rule.rule,
        };
        let fields = self.rules.plans.back(scope)?;
        Some(WayBack::new(fields, classified, sender, facts.method, facts.content_type))
    }

    fn framing(&self, classified: &Classified<'_>) -> Option<Framing> {
        let iframe = self.rules.iframe.as_ref()?;
        if iframe.mode == Mode::Monitor {
            return None;
        }
        let ancestors = iframe.ancestors(classified.area);
        Some(Framing { ancestors: ancestors.clone(), hosts: iframe.allows_hosts(classified.area) })
    }
}

impl Orders {
    fn public(classified: &Classified<'_>) -> Self {
        Self {
            area: Area::Public,
            standing: Standing::UNKNOWN,
            masking: Masking::default(),
            send_block: None,
            receive_block: None,
            drawing: false,
            receive_route: false,
            download: false,
            judge_recipients: None,
            judge_multipart: false,
            way_back: None,
            masking_governed: false,
            framing: None,
            action: classified.action.cloned(),
            by_exemption: false,
            monitored: Vec::new(),
        }
    }
}

/// Collects what monitoring rules would have refused, and stops at the first that is enforced.
struct Judge {
    monitored: Monitored,
}

impl Judge {
    fn deny(&mut self, denial: Denial, mode: Mode) -> Result<(), Denial> {
        match mode {
            Mode::Enforce => Err(denial),
            Mode::Monitor => {
                self.monitored.push(denial);
                Ok(())
            }
        }
    }

    fn block(&mut self, block: Option<FileBlock>, reason: Reason) -> Result<(), Denial> {
        let Some(FileBlock { rule, enforced }) = block else { return Ok(()) };
        self.deny(Denial::by(reason, rule), if enforced { Mode::Enforce } else { Mode::Monitor })
    }
}

/// The part of the application. A caller whose credentials verify is judged as that operator on any path.
fn area(classified: &Classified<'_>, identity: &Identity) -> Area {
    if classified.public && identity.account().is_none() {
        Area::Public
    } else if classified.asset {
        Area::Assets
    } else if classified.sign_in {
        Area::SignIn
    } else {
        Area::Operator
    }
}

/// A body that is a file by its very type: neither text, form, JSON nor multipart.
fn is_raw_file(content_type: Option<&str>) -> bool {
    match media_type::classify(content_type) {
        MediaClass::Json
        | MediaClass::Html
        | MediaClass::Text
        | MediaClass::Events
        | MediaClass::Style
        | MediaClass::Script
        | MediaClass::Form
        | MediaClass::Multipart => false,
        // A body without a type is what a browser sends of a file that it does not know.
        MediaClass::Missing
        | MediaClass::Font
        | MediaClass::Picture
        | MediaClass::Audio
        | MediaClass::Video
        | MediaClass::Document
        | MediaClass::Other => true,
    }
}
