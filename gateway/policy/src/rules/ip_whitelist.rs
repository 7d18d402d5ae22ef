//! `ip-whitelist.yaml`: the networks that operators come in from.
//!
//! Entries are a union. Those without condition, a million of them if need be, are one set; those that hold for some
//! groups or until some day are looked up by prefix length.

use std::{collections::HashMap, net::IpAddr};

use ipnet::IpNet;
use jiff::civil::Date;

use super::{
    Groups, Kind, Mode,
    load::{ENABLED, EXAMPLE_GROUP, EXPECT, Example, Loading, MODE, RuleFile, Seen, Setting, examples},
};
use crate::{
    account::{ClientIp, GroupSet},
    diagnostic::{Diagnostic, quote},
    networks::{MAX_LIST_BYTES, NetworkError, NetworkSet, parse_list, parse_network},
    reason::RuleRef,
    shape::{Field, Shape},
    source::{SourceFile, Span},
    units::parse_date,
    yaml::Node,
};

/// The compiled whitelist.
#[derive(Debug)]
pub struct IpWhitelist {
    /// Whether it is carried out.
    pub mode: Mode,
    /// The line of its entries.
    pub rule: RuleRef,
    /// Whether a super-admin may come in from everywhere.
    pub exempt_super_admin: bool,
    always: NetworkSet,
    bound: Bound,
}

impl IpWhitelist {
    /// Whether any entry holds the address, whatever groups it is bound to.
    pub fn covers(&self, ip: ClientIp, today: Date) -> bool {
        self.always.contains(ip.ip()) || self.bound.any(ip.ip(), |condition| condition.is_valid(today))
    }

    /// Whether an entry that is bound to no group, or to one of these, holds the address.
    pub fn admits(&self, ip: ClientIp, groups: &GroupSet, today: Date) -> bool {
        let holds = |condition: &Condition| condition.is_valid(today) && condition.is_for(groups);
        self.always.contains(ip.ip()) || self.bound.any(ip.ip(), holds)
    }
}

/// Networks with conditions.
#[derive(Debug, Default)]
struct Bound {
    entries: HashMap<IpNet, Vec<Condition>>,
    /// The prefix lengths that occur, each once.
    v4_lengths: Vec<u8>,
    v6_lengths: Vec<u8>,
}

/// Under which an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    groups: Option<GroupSet>,
    /// The last day.
    expires: Option<Date>,
}

impl Bound {
    fn insert(&mut self, network: IpNet, condition: Condition) {
        let lengths = match network {
            IpNet::V4(_) => &mut self.v4_lengths,
            IpNet::V6(_) => &mut self.v6_lengths,
        };
        if !lengths.contains(&network.prefix_len()) {
            lengths.push(network.prefix_len());
        }
        self.entries.entry(network).or_default().push(condition);
    }

    fn any(&self, ip: IpAddr, holds: impl Fn(&Condition) -> bool) -> bool {
        let lengths = if ip.is_ipv4() { &self.v4_lengths } else { &self.v6_lengths };
        lengths.iter().any(|length| {
            let network = IpNet::new(ip, *length).map(|network| network.trunc());
            let conditions = network.ok().and_then(|network| self.entries.get(&network));
            conditions.is_some_and(|conditions| conditions.iter().any(&holds))
        })
    }
}

impl Condition {
    fn is_valid(&self, today: Date) -> bool {
        self.expires.is_none_or(|last| today <= last)
    }

    fn is_for(&self, groups: &GroupSet) -> bool {
        self.groups.as_ref().is_none_or(|bound| bound.intersects(groups))
    }
}

impl Setting for IpWhitelist {
    const KIND: Kind = Kind::IpWhitelist;

    fn compile(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Self {
        let mut entries =
            Entries { may_cover_proxies: file.flag("allow_proxy", false), ..Entries::default() };
        file.items("addresses").for_each(|node| entries.address(node, loading));
        let mut lists = Seen::default();
        for node in file.items("lists") {
            if let Some(line) = lists.again(node.written(), node.line()) {
                let message = format!("{} is read already, in line {line}", quote(node.written()));
                loading.report(node.warning("repeated-list", message));
                continue;
            }
            entries.list(node, loading);
        }
        let Entries { always, bound, faulty, .. } = entries;
        let empty = always.is_empty() && bound.entries.is_empty();
        if empty && !faulty {
            loading.refuse_empty(
                file,
                file.node_of(&["addresses", "lists"]),
                "the whitelist is on and has nothing in it: nobody could come in",
                "write networks under `addresses` or `lists`, or `enabled: false`",
            );
        }
        let valid = |conditions: &Vec<Condition>| {
            conditions.iter().any(|condition| condition.is_valid(loading.context.today))
        };
        // A day must not begin with a refused reload, so this is said and not refused.
        if !empty && always.is_empty() && !bound.entries.values().any(valid) && file.is_enabled() {
            let warning = file
                .node_of(&["addresses"])
                .warning("whitelist-expired", "every entry of the whitelist has expired: nobody can come in");
            loading.report(warning.help("write a later `expires`, or another network"));
        }
        Self {
            mode: file.mode(),
            rule: file.rule_of(&["addresses", "lists"]),
            exempt_super_admin: file.flag("exempt_super_admin", false),
            always: always.into_iter().collect(),
            bound,
        }
    }

    fn judge_example(&self, example: Example<'_>, loading: &mut Loading<'_>) {
        let Some(from) = example.get("from").filter(|node| node.as_str().is_some()) else { return };
        let Some(standing) = example.standing(loading) else { return };
        let Ok(address) = from.written().trim().parse::<IpAddr>() else {
            let message = format!("{} is not an IP address", quote(from.written()));
            return loading.report(from.error("malformed-address", message));
        };
        let ip = ClientIp::new(address);
        let today = loading.context.today;
        let admitted = self.admits(ip, &standing.groups, today);
        let outcome = if admitted { "allowed" } else { "refused" };
        let why = |loading: &Loading<'_>| {
            let decider = decider(example.file, ip, admitted, &standing.groups, loading);
            format!("`{ip}` is {outcome}: {decider}")
        };
        example.expect(outcome, why, loading);
    }
}

/// The entries of a file while they are read.
#[derive(Default)]
struct Entries {
    always: Vec<IpNet>,
    bound: Bound,
    seen: Seen<(IpNet, Option<Vec<String>>, Option<Date>)>,
    /// Whether there is an entry that could not be read.
    faulty: bool,
    may_cover_proxies: bool,
}

impl Entries {
    fn address(&mut self, node: Node<'_>, loading: &mut Loading<'_>) {
        let address = address_of(node);
        let groups = node.get("groups").filter(|groups| groups.is_list());
        if let Some(groups) = groups {
            loading.group_set(groups.items());
            if groups.items().next().is_none() {
                let message = "the entry is bound to groups and names none: it would hold for nobody";
                loading
                    .report(groups.error("setting-empty", message).help("name a group, or remove the key"));
            }
        }
        let condition = condition(node, loading.groups);
        if let (Some(last), Some(expires)) = (condition.expires, node.get("expires")) {
            warn_of_expiry(expires, last, loading);
        }
        let Some(text) = address.as_str() else {
            self.faulty = true;
            return;
        };
        let network = match parse_network(text) {
            Ok(network) => network,
            Err(error) => {
                self.faulty = true;
                return loading.report(report(address.error("malformed-network", &error.message), &error));
            }
        };
        if network.prefix_len() == 0 {
            loading.report(whole_internet(address.warning("whole-internet", WHOLE_INTERNET)));
        }
        if let Some(proxy) = self.covered(network, loading) {
            loading.report(covers_proxy(address, proxy));
        }
        let names = groups.map(|groups| groups.items().map(|name| name.written().to_owned()).collect());
        if let Some(line) = self.seen.again((network, names, condition.expires), address.line()) {
            let message = format!("{} stands in line {line} already", quote(text));
            loading.report(address.warning("repeated-network", message));
        }
        if condition.groups.is_none() && condition.expires.is_none() {
            self.always.push(network);
        } else {
            self.bound.insert(network, condition);
        }
    }

    /// The trusted proxy whose address a network holds, unless entries may.
    fn covered(&self, network: IpNet, loading: &Loading<'_>) -> Option<IpNet> {
        let overlaps = |proxy: &&IpNet| proxy.contains(&network) || network.contains(*proxy);
        let mut proxies = loading.context.proxies.iter().filter(|_| !self.may_cover_proxies);
        proxies.find(overlaps).copied()
    }

    fn list(&mut self, node: Node<'_>, loading: &mut Loading<'_>) {
        let source = match read_list(node, loading) {
            Ok(source) => source,
            Err(problem) => {
                self.faulty = true;
                return loading.report(problem);
            }
        };
        let list = parse_list(source.text().as_bytes());
        if list.networks.is_empty() && list.error_count == 0 {
            let message = format!("{} has no network in it", quote(node.written()));
            loading.report(node.warning("empty-list", message));
        }
        for fault in &list.errors {
            let span = Span::new(fault.span.start, fault.span.end);
            let problem = source.error("malformed-network", span, &fault.error.message);
            loading.report(report(problem, &fault.error));
        }
        if let Some(more) = list.error_count.checked_sub(list.errors.len()).filter(|more| *more > 0) {
            let message = format!("{more} more lines of the list are no networks");
            loading.report(Diagnostic::about("too-many", source.name(), message));
        }
        if list.networks.iter().any(|network| network.prefix_len() == 0) {
            loading.report(whole_internet(node.warning("whole-internet", WHOLE_INTERNET)));
        }
        if let Some(proxy) = list.networks.iter().find_map(|network| self.covered(*network, loading)) {
            loading.report(covers_proxy(node, proxy));
        }
        self.faulty |= list.error_count > 0;
        self.always.extend(list.networks);
    }
}

/// Whoever comes through a proxy that writes no address would be let in by the proxy's own.
fn covers_proxy(node: Node<'_>, proxy: IpNet) -> Diagnostic {
    let message = format!("the entry holds `{proxy}`, a trusted proxy of config.yaml");
    let help = "leave the proxy's address out, or write `allow_proxy: true` where people work there, too";
    node.error("covers-trusted-proxy", message).help(help)
}

/// The network of an entry, which is an address alone or has keys beside it.
fn address_of(node: Node<'_>) -> Node<'_> {
    node.get("address").unwrap_or(node)
}

/// The condition of an entry, as far as it can be read.
fn condition(node: Node<'_>, groups: &Groups) -> Condition {
    let set = |names: Node<'_>| {
        let mut set = GroupSet::EMPTY;
        let declared = names.items().filter_map(|name| groups.index(name.as_str()?));
        declared.for_each(|index| set.insert(index));
        set
    };
    Condition {
        groups: node.get("groups").map(set),
        expires: node.get("expires").and_then(|expires| parse_date(expires.written()).ok()),
    }
}

fn warn_of_expiry(node: Node<'_>, last: Date, loading: &mut Loading<'_>) {
    let left = loading.context.today.until(last).map_or(i32::MAX, |span| span.get_days());
    let message = match left {
        ..0 => "the entry has expired and lets nobody in".to_owned(),
        0 => "the entry expires at the end of today, UTC".to_owned(),
        1..=WARN_DAYS => format!("the entry expires in {left} {}", if left == 1 { "day" } else { "days" }),
        _ => return,
    };
    let help = "write a later day, or remove the entry";
    let code = if left < 0 { "entry-expired" } else { "entry-expires" };
    loading.report(node.warning(code, message).help(help));
}

/// A list file of the directory. What its path may be is judged here; whether it leads out of the directory by a
/// link, by whoever reads it.
fn read_list(node: Node<'_>, loading: &Loading<'_>) -> Result<SourceFile, Diagnostic> {
    let path = node.written();
    let inside = |part: &str| !matches!(part, "" | "." | "..");
    if path.contains('\\') || !path.split('/').all(inside) {
        let error =
            node.error("list-outside", format!("{} is not a path inside of the directory", quote(path)));
        return Err(error.help("write it relative to this file, such as `lists/partners.txt`"));
    }
    let bytes = (loading.lists)(path)
        .map_err(|error| node.error("list-unreadable", format!("{} cannot be read: {error}", quote(path))))?;
    if bytes.len() > MAX_LIST_BYTES {
        let message = format!("{} is larger than {} MiB", quote(path), MAX_LIST_BYTES >> 20);
        return Err(node.error("file-too-large", message).help("split it into several lists"));
    }
    SourceFile::decode_list(&format!("{}/{path}", loading.context.dir), &bytes)
}

fn report(problem: Diagnostic, error: &NetworkError) -> Diagnostic {
    match &error.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

fn whole_internet(warning: Diagnostic) -> Diagnostic {
    warning.help("to let operators in from everywhere write `enabled: false`")
}

/// Which entry decided, in words. Looked for only where an example fails.
fn decider(
    file: &RuleFile<'_>,
    ip: ClientIp,
    admitted: bool,
    groups: &GroupSet,
    loading: &Loading<'_>,
) -> String {
    let holds = |network: &IpNet| network.contains(&ip.ip());
    let covering = |node: &Node<'_>| {
        address_of(*node)
            .as_str()
            .is_some_and(|text| parse_network(text).is_ok_and(|network| holds(&network)))
    };
    let mut refusal = "no entry covers it".to_owned();
    for node in file.items("addresses").filter(covering) {
        let condition = condition(node, loading.groups);
        let rule = file.rule(node);
        match (condition.is_valid(loading.context.today), condition.is_for(groups)) {
            (true, true) => return format!("{rule} covers it"),
            (false, _) => refusal = format!("{rule} has expired"),
            (true, false) => refusal = format!("{rule} is for other groups"),
        }
    }
    if !admitted {
        return refusal;
    }
    let in_list = |node: &Node<'_>| {
        read_list(*node, loading)
            .is_ok_and(|source| parse_list(source.text().as_bytes()).networks.iter().any(holds))
    };
    match file.items("lists").find(in_list) {
        Some(node) => format!("{} covers it ({})", quote(node.written()), file.rule(node)),
        None => "an entry covers it".to_owned(),
    }
}

/// From how many days before its end on an entry is warned of.
const WARN_DAYS: i32 = 7;

const WHOLE_INTERNET: &str = "this is every address there is: the whitelist keeps nobody out";

pub(super) const SHAPE: Shape = Shape::Object(&[
    ENABLED,
    MODE,
    Field::new(
        "addresses",
        "The networks that operators come in from. One matching entry suffices.",
        Shape::List(&Shape::Union(&[
            Shape::NETWORK,
            Shape::Object(&[
                Field::new("address", "An address, or a network such as `203.0.113.0/24`.", Shape::NETWORK)
                    .required(),
                Field::new("note", "Whose it is, for whoever reads this file.", Shape::Text("a note")),
                Field::new(
                    "groups",
                    "The operator groups that the entry holds for; without the key, everybody. The sign-in page opens \
                     for it in any case: who is calling is known only afterwards.",
                    Shape::List(&Shape::Text("a group's name")),
                ),
                Field::new("expires", "The last day on which the entry holds, to its end, UTC.", Shape::Date),
            ]),
        ])),
    ),
    Field::new(
        "lists",
        "Files with one network per line and comments after `#`, relative to this directory.",
        Shape::List(&Shape::Text("a path such as `lists/partners.txt`")),
    ),
    Field::new(
        "exempt_super_admin",
        "Whether a super-admin may come in from everywhere. It opens the sign-in page to every address.",
        Shape::Bool,
    )
    .default("false"),
    Field::new("allow_proxy", "Whether an entry may cover a proxy that forwards for others.", Shape::Bool)
        .default("false"),
    examples(&Shape::Object(&[
        Field::new(
            "from",
            "The address that somebody comes from.",
            Shape::Text("an address such as `203.0.113.9`"),
        )
        .required(),
        EXAMPLE_GROUP,
        EXPECT,
    ])),
]);
