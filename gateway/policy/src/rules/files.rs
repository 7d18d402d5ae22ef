//! `files.yaml`: which operator groups may not send or receive files.
//!
//! Blocks add up: any entry that is for the caller blocks. Of whom nothing is known every entry is.

use super::{
    Direction, Kind, Mode,
    load::{ENABLED, EVERYONE, EXPECT, Example, Loading, MODE, RuleFile, Seen, Setting, examples},
};
use crate::{
    account::Standing,
    diagnostic::quote,
    reason::RuleRef,
    shape::{Field, Shape, Word},
    yaml::Node,
};

/// The compiled blocks.
#[derive(Debug)]
pub struct Files {
    /// Whether it is carried out.
    pub mode: Mode,
    send: Vec<Block>,
    receive: Vec<Block>,
}

/// An entry, for one direction.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The group's index; `None` for every operator.
    group: Option<usize>,
    rule: RuleRef,
}

impl Files {
    /// The first entry that keeps the caller from sending or receiving files.
    pub fn blocks(&self, who: &Standing, direction: Direction) -> Option<RuleRef> {
        if who.super_admin {
            return None;
        }
        let blocks = match direction {
            Direction::Send => &self.send,
            Direction::Receive => &self.receive,
        };
        let is_for =
            |block: &&Block| who.strict || block.group.is_none_or(|group| who.groups.contains(group));
        blocks.iter().find(is_for).map(|block| block.rule)
    }
}

impl Setting for Files {
    const KIND: Kind = Kind::Files;

    fn compile(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Self {
        let mut files = Self { mode: file.mode(), send: Vec::new(), receive: Vec::new() };
        let mut seen = Seen::default();
        for node in file.items("groups") {
            let Some(name) = node.get("group") else { continue };
            let group = match name.as_str() {
                Some(EVERYONE) => None,
                Some(_) | None => match loading.group(name) {
                    Some(index) => Some(index),
                    None => continue,
                },
            };
            if let Some(line) = seen.again(group, name.line()) {
                let message = format!("{} has an entry already, in line {line}", quote(name.written()));
                loading.report(name.warning("repeated-group", message).help("the blocks of both hold"));
            }
            files.add(Block { group, rule: file.rule(node) }, node, loading);
        }
        if file.items("groups").next().is_none() {
            loading.refuse_empty(
                file,
                file.node_of(&["groups"]),
                "the setting is on and blocks nobody",
                "name a group under `groups` and what is blocked for it, or write `enabled: false`",
            );
        }
        files
    }

    fn judge_example(&self, example: Example<'_>, loading: &mut Loading<'_>) {
        let Some(standing) = example.standing(loading) else { return };
        let (direction, verb) = match example.get("does").and_then(Node::as_str) {
            Some("send") => (Direction::Send, "send"),
            Some("receive") => (Direction::Receive, "receive"),
            Some(_) | None => return,
        };
        let blocked = self.blocks(&standing, direction);
        let outcome = if blocked.is_some() { "refused" } else { "allowed" };
        let why = |_: &Loading<'_>| match blocked {
            Some(rule) => format!("{} may not {verb} files: {rule} blocks it", example.operator()),
            None => format!("{} may {verb} files: no entry blocks it", example.operator()),
        };
        example.expect(outcome, why, loading);
    }
}

impl Files {
    fn add(&mut self, block: Block, node: Node<'_>, loading: &mut Loading<'_>) {
        let Some(directions) = node.get("block").filter(|directions| directions.is_list()) else { return };
        if directions.items().next().is_none() {
            let error = directions.error("setting-empty", "the entry blocks nothing");
            loading.report(error.help("write `send`, `receive` or both, or remove the entry"));
        }
        for direction in directions.items() {
            match direction.as_str() {
                Some("send") => self.send.push(block),
                Some("receive") => self.receive.push(block),
                Some(_) | None => {}
            }
        }
    }
}

pub(super) const SHAPE: Shape = Shape::Object(&[
    ENABLED,
    MODE,
    Field::new(
        "groups",
        "Which operator groups may not do what with files. Blocks add up; super-admins are not affected.",
        Shape::List(&Shape::Object(&[
            Field::new(
                "group",
                "The operator group; `\"*\"` is every operator.",
                Shape::Text("a group's name"),
            )
            .required(),
            Field::new("block", "What its members may not do.", Shape::List(&DIRECTION)).required(),
        ])),
    ),
    examples(&Shape::Object(&[
        Field::new(
            "group",
            "The operator group of the caller; `\"*\"` is an operator without a group.",
            Shape::Text("a group's name"),
        )
        .required(),
        Field::new("does", "What the caller does with a file.", DIRECTION).required(),
        EXPECT,
    ])),
]);

const DIRECTION: Shape = Shape::Words(&[
    Word::new("send", "Sending files, to a client or into the app."),
    Word::new("receive", "Opening and downloading files."),
]);
