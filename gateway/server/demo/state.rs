//! What the app knows, in memory: operators, clients, conversations, files, webhooks, the outbox.
//!
//! Every collection that callers can grow has a bound; at the bound the oldest entry gives way.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::{Span, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::caller::Sessions;

/// A conversation that the app sent by e-mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// All recipients, as the caller wrote them.
    pub to: Vec<String>,
    /// The conversation's number.
    pub conversation: u64,
    /// The transcript.
    pub text: String,
}

pub(super) struct State {
    pub(super) sessions: Sessions,
    pub(super) operators: Vec<Operator>,
    pub(super) groups: Vec<Group>,
    pub(super) clients: Vec<Client>,
    pub(super) conversations: Vec<Conversation>,
    pub(super) uploads: VecDeque<Upload>,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) outbox: VecDeque<Mail>,
    pub(super) next_id: u64,
}

impl State {
    /// A number never given before.
    pub(super) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn client(&self, id: u64) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn conversation(&mut self, id: u64) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|conversation| conversation.id == id)
    }

    /// Puts a message into a conversation and says what happened, for the live streams.
    pub(super) fn add_message(&mut self, conversation: u64, mut message: Message) -> Option<(Value, Value)> {
        message.id = self.fresh_id();
        let position = self.conversations.iter().position(|other| other.id == conversation)?;
        let conversation = self.conversations.get_mut(position)?;
        if conversation.messages.len() == MESSAGES {
            conversation.messages.pop_front();
        }
        conversation.messages.push_back(message.clone());
        let conversation = self.conversations.get(position)?;
        let client = self.client(conversation.client)?;
        let shown = message.shown(conversation, client);
        let event = json!({
            "webhook": if message.operator.is_some() { "on_outgoing_message" } else { "on_incoming_message" },
            "conversation_id": conversation.id,
            "application": client.application,
            "from_user": client.sender(),
            "message": shown,
        });
        Some((shown, event))
    }

    pub(super) fn transcript(&self, id: u64) -> Option<String> {
        let conversation = self.conversations.iter().find(|conversation| conversation.id == id)?;
        let client = self.client(conversation.client)?;
        let mut text = format!("Conversation {id} with {} ({})\n\n", client.name, client.application);
        for message in &conversation.messages {
            let who =
                message.operator.as_ref().map_or(client.name.as_str(), |operator| operator.name.as_str());
            let what = if message.file_url.is_empty() { &message.text } else { &message.file_url };
            text.push_str(&format!("{}  {who}: {what}\n", message.date_created));
        }
        Some(text)
    }

    pub(super) fn keep_upload(&mut self, upload: Upload) {
        if self.uploads.len() == UPLOADS {
            self.uploads.pop_front();
        }
        self.uploads.push_back(upload);
    }

    pub(super) fn keep_mail(&mut self, mail: Mail) {
        if self.outbox.len() == MAILS {
            self.outbox.pop_front();
        }
        self.outbox.push_back(mail);
    }
}

#[derive(Clone)]
pub(super) struct Operator {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) role: String,
    pub(super) groups: Vec<String>,
}

impl Operator {
    pub(super) fn avatar(&self) -> String {
        format!("/avatars/operator-{}", self.id)
    }

    /// As shown beside a conversation: colleagues may see each other's contacts.
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "desk_phone": self.phone,
            "avatar": self.avatar(),
        })
    }
}

#[derive(Clone, Serialize)]
pub(super) struct Group {
    pub(super) id: u64,
    pub(super) user_id: u64,
    pub(super) title: String,
    pub(super) priority: u8,
    pub(super) color: String,
    pub(super) is_default: bool,
}

#[derive(Clone)]
pub(super) struct Client {
    pub(super) id: u64,
    /// The channel, in the app's own word: `telegrambot`.
    pub(super) application: String,
    /// The name as the channel gives it.
    pub(super) title: String,
    /// The name as an operator wrote it down.
    pub(super) name: String,
    /// A string, a bare number or null: channels differ.
    pub(super) phone: Value,
    pub(super) email: Option<String>,
    /// The messenger's handle or number.
    pub(super) handle: Value,
    pub(super) language: String,
    pub(super) page: Option<(String, String)>,
    pub(super) tags: Vec<String>,
    pub(super) orders: Vec<(String, String)>,
    pub(super) since: String,
}

impl Client {
    /// The client as the sender of messages: the `from_user` of conversations and cards.
    pub(super) fn sender(&self) -> Value {
        let (page_title, page_url) = self.page.clone().unzip();
        json!({
            "user_id": self.id,
            "role": "default",
            "title": self.title,
            "avatar": self.avatar(),
            "page_title": page_title,
            "page_url": page_url,
            "status": "active",
            "service_user_id": self.handle,
            "date_created": self.since,
        })
    }

    /// The client card.
    pub(super) fn card(&self) -> Value {
        let orders = self.orders.iter().map(|(number, total)| json!({ "number": number, "total": total }));
        json!({
            "user_id": self.id,
            "application": self.application,
            "client_name": self.name,
            "client_phone": self.phone,
            "client_email": self.email,
            "avatar": self.avatar(),
            "language": self.language,
            "tags": self.tags,
            "orders": orders.collect::<Vec<_>>(),
            "contacts": {
                "phones": [self.phone],
                "emails": self.email.iter().map(|email| json!({ "value": email, "verified": true })).collect::<Vec<_>>(),
                "preferred": if self.phone.is_null() { "email" } else { "phone" },
            },
            "from_user": self.sender(),
        })
    }

    /// The client in a list of those that were found.
    pub(super) fn found(&self) -> Value {
        json!({
            "user_id": self.id,
            "application": self.application,
            "client_name": self.name,
            "client_phone": self.phone,
            "client_email": self.email,
            "from_user": self.sender(),
        })
    }

    fn avatar(&self) -> String {
        format!("/avatars/{}", self.id)
    }
}

#[derive(Clone)]
pub(super) struct Conversation {
    pub(super) id: u64,
    pub(super) client: u64,
    pub(super) operator: Option<Operator>,
    pub(super) status: &'static str,
    pub(super) messages: VecDeque<Message>,
}

impl Conversation {
    pub(super) fn shown(&self, client: &Client) -> Value {
        let last = self.messages.iter().rev().find(|message| message.kind != Kind::Note);
        json!({
            "id": self.id,
            "application": client.application,
            "status": self.status,
            "from_user": client.sender(),
            "operator": self.operator.as_ref().map(Operator::shown),
            "last_message": last.map(|message| json!({
                "id": message.id,
                "type": message.kind,
                "text": message.text,
                "file_name": message.file_name,
                "outgoing": message.operator.is_some(),
                "date_created": message.date_created,
            })),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Text,
    Image,
    File,
    Note,
}

#[derive(Clone)]
pub(super) struct Message {
    pub(super) id: u64,
    pub(super) kind: Kind,
    /// Who wrote it; nobody: the client.
    pub(super) operator: Option<Operator>,
    pub(super) text: String,
    pub(super) file_url: String,
    pub(super) file_name: String,
    pub(super) date_created: String,
}

impl Message {
    pub(super) fn text(kind: Kind, operator: Option<Operator>, text: &str) -> Message {
        Message {
            id: 0,
            kind,
            operator,
            text: text.to_owned(),
            file_url: String::new(),
            file_name: String::new(),
            date_created: time_ago(0),
        }
    }

    pub(super) fn file(operator: Option<Operator>, file_url: &str) -> Message {
        let name = file_url.rsplit('/').next().unwrap_or_default();
        let picture = [".png", ".jpg", ".jpeg", ".webp", ".gif"].iter().any(|end| name.ends_with(end));
        Message {
            file_url: file_url.to_owned(),
            file_name: name.to_owned(),
            ..Message::text(if picture { Kind::Image } else { Kind::File }, operator, "")
        }
    }

    pub(super) fn shown(&self, conversation: &Conversation, client: &Client) -> Value {
        let writer = self.operator.as_ref().map(|operator| operator.id);
        json!({
            "id": self.id,
            "conversation_id": conversation.id,
            "type": self.kind,
            "from_blinger_user_id": writer,
            "to_blinger_user_id": if writer.is_some() { Some(client.id) } else { None },
            "from_user_id": writer.unwrap_or(client.id),
            "text": self.text,
            "file_url": if self.file_url.is_empty() { None } else { Some(&self.file_url) },
            "file_name": if self.file_name.is_empty() { None } else { Some(&self.file_name) },
            "operator": self.operator.as_ref().map(Operator::shown),
            "from_user": if writer.is_none() { Some(client.sender()) } else { None },
            "date_created": self.date_created,
        })
    }
}

#[derive(Clone)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

#[derive(Clone, Serialize)]
pub(super) struct Webhook {
    pub(super) id: u64,
    pub(super) url: String,
    pub(super) events: Vec<String>,
}

/// The app's way to write a time, so many minutes ago.
pub(super) fn time_ago(minutes: i64) -> String {
    let now = Timestamp::now();
    let then = now.checked_sub(Span::new().minutes(minutes)).unwrap_or(now);
    then.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

const MESSAGES: usize = 200;
const UPLOADS: usize = 32;
const MAILS: usize = 256;
pub(super) const CONVERSATIONS: usize = 200;
pub(super) const OPERATORS: usize = 200;
pub(super) const WEBHOOKS: usize = 5;
