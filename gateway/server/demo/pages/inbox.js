// The inbox: conversations, the messages of one, and the card of its client.
import { announce, ask, avatar, element, notice, refusalOf } from '/assets/app.js';

const at = (id) => document.getElementById(id);
const channels = {
  whatsapp: 'WhatsApp', telegrambot: 'Telegram', viber: 'Viber', facebook: 'Messenger', livechat: 'Live chat', email: 'E-mail',
};
let conversations = [];
let open = null;

announce();
start();

async function start() {
  const me = await ask('/api/me');
  if (me.refusal?.status === 401) return location.assign('/login');
  if (me.refusal) return notice(me.refusal);
  const words = element('span');
  const role = me.data.role === 'super_admin' ? 'Super-admin' : me.data.groups.map((group) => group.title).join(', ');
  words.append(element('strong', '', me.data.name), element('small', '', role || 'Operator'));
  at('me').append(avatar(me.data.avatar), words);
  await list();
  listen();
  socket();
}

async function list() {
  const answer = await ask('/api/conversations');
  if (answer.refusal) return notice(answer.refusal);
  conversations = answer.data;
  at('count').textContent = conversations.length;
  at('conversations').replaceChildren(...conversations.map(entry));
  const wanted = conversations.find((one) => one.id === (open?.id ?? Number(location.hash.slice(1))));
  const next = wanted ?? conversations.find((one) => one.id === 901) ?? conversations[0];
  if (next) await show(next);
}

function entry(conversation) {
  const button = element('button');
  button.dataset.id = conversation.id;
  const words = element('span', 'words');
  const top = element('span', 'row');
  top.append(element('strong', '', conversation.from_user.title), element('time', '', time(conversation.last_message?.date_created)));
  const last = conversation.last_message;
  const said = last ? `${last.outgoing ? 'Reply: ' : ''}${last.text || last.file_name || ''}` : 'No messages yet';
  const bottom = element('span', 'row');
  bottom.append(tag(conversation), element('span', 'who', conversation.operator?.name ?? 'Unassigned'));
  words.append(top, element('span', 'said', said), bottom);
  button.append(avatar(conversation.from_user.avatar), words);
  button.addEventListener('click', () => show(conversation));
  const item = element('li');
  item.append(button);
  return item;
}

function tag(conversation) {
  const made = element('span', 'tag', channels[conversation.application] ?? conversation.application);
  made.dataset.channel = conversation.application;
  return made;
}

async function show(conversation) {
  open = conversation;
  history.replaceState(null, '', `#${conversation.id}`);
  for (const button of at('conversations').querySelectorAll('button')) {
    button.toggleAttribute('aria-current', Number(button.dataset.id) === conversation.id);
  }
  at('talk-title').textContent = conversation.from_user.title;
  const operator = conversation.operator;
  at('talk-meta').textContent = operator ? `${operator.name} · ${operator.desk_phone}` : 'Unassigned';
  at('close').hidden = conversation.status === 'closed';
  at('downloaded').textContent = '';
  await Promise.all([messages(), card()]);
}

async function messages() {
  const { id } = open;
  const answer = await ask(`/api/conversations/${id}/messages`);
  if (open.id !== id) return;
  if (answer.refusal) {
    at('messages').replaceChildren(element('p', 'none', 'The messages cannot be shown.'));
    return notice(answer.refusal);
  }
  at('messages').replaceChildren(...answer.data.map(message));
  at('messages').scrollTop = at('messages').scrollHeight;
}

/** The newest message stays in sight when the place for messages shrinks, as long as nobody scrolled away from it. */
let atEnd = true;
at('messages').addEventListener('scroll', () => {
  const { scrollHeight, clientHeight, scrollTop } = at('messages');
  atEnd = scrollHeight - clientHeight - scrollTop < 4;
});
new ResizeObserver(() => {
  if (atEnd) at('messages').scrollTop = at('messages').scrollHeight;
}).observe(at('messages'));

function message(said) {
  const side = said.type === 'note' ? 'noted' : said.operator ? 'sent' : 'received';
  const box = element('article', `message ${side}`);
  if (said.text) box.append(element('p', '', said.text));
  if (said.file_name || said.file_url) box.append(attachment(said));
  const who = said.type === 'note' ? `Note by ${said.operator?.name}` : said.operator?.name ?? said.from_user?.title ?? '';
  box.append(element('footer', '', `${who} · ${time(said.date_created)}`));
  return box;
}

function attachment(said) {
  const name = said.file_name ?? said.file_url.split('/').pop();
  const box = element('div', 'attachment');
  if (said.type === 'image' && said.file_url) {
    const image = element('img', 'preview');
    image.alt = name;
    image.addEventListener('error', () => image.replaceWith(element('span', 'preview missing', 'Picture not shown')), { once: true });
    image.src = said.file_url;
    box.append(image);
  }
  const button = element('button', 'plain', 'Open');
  button.setAttribute('aria-label', `Open ${name}`);
  button.addEventListener('click', () => openFile(said.file_url || `/files/${encodeURIComponent(name)}`, name));
  const line = element('div', 'row');
  line.append(element('span', 'file', name), button);
  box.append(line);
  return box;
}

async function openFile(url, name) {
  const answer = await ask(url);
  if (answer.refusal) return notice(answer.refusal);
  const address = URL.createObjectURL(answer.blob ?? new Blob([JSON.stringify(answer.data)]));
  if (answer.blob?.type.startsWith('image/') && answer.blob.type !== 'image/svg+xml') {
    at('picture').src = address;
    return at('viewer').showModal();
  }
  save(address, name);
}

function save(address, name) {
  const link = element('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function card() {
  const { id, from_user: { user_id } } = open;
  const answer = await ask(`/api/users/${user_id}`);
  if (open.id !== id) return;
  if (answer.refusal) {
    at('card').replaceChildren(element('p', 'none', 'The card cannot be shown.'));
    at('edit').hidden = true;
    return notice(answer.refusal);
  }
  const client = answer.data;
  const head = element('div', 'person');
  const name = element('strong', '', client.client_name ?? 'No name');
  name.id = 'client-name';
  const words = element('span');
  words.append(name, tag(client));
  head.append(avatar(client.avatar, 'avatar big'), words);
  const facts = element('dl');
  const fact = (label, value, wide) => {
    const text = value === null || value === undefined || value === '' ? '—' : String(value);
    const line = element('dd', wide ? 'copy' : '', text);
    line.dataset.field = label;
    facts.append(element('dt', '', label), line);
  };
  fact('Phone', client.client_phone, true);
  fact('E-mail', client.client_email, true);
  fact('Handle', client.from_user.service_user_id, true);
  fact('Language', client.language);
  fact('Tags', client.tags.join(', '));
  fact('Page', client.from_user.page_title);
  fact('Orders', client.orders.map((order) => `${order.number} · ${order.total}`).join('\n'));
  at('card').replaceChildren(head, facts);
  for (const [field, value] of Object.entries(editable(client))) at(`edit-${field}`).value = value ?? '';
  at('edit').hidden = false;
  at('saved').textContent = '';
}

const editable = ({ client_name: name, client_phone: phone, client_email: email }) => ({ name, phone, email });

/** The whole form is saved, what was not touched included, as apps do. */
at('edit').addEventListener('submit', async (event) => {
  event.preventDefault();
  const value = (field) => at(`edit-${field}`).value.trim() || null;
  const json = { user_id: open.from_user.user_id, client_name: value('name'), client_phone: value('phone'), client_email: value('email') };
  const answer = await ask('/api/users/update', { json });
  if (answer.refusal) return notice(answer.refusal);
  await card();
  at('saved').textContent = 'Saved.';
});

at('start').addEventListener('click', async () => {
  const answer = await ask('/api/conversations/start', { json: { client_phone: at('edit-phone').value.trim() } });
  if (answer.refusal) return notice(answer.refusal);
  location.hash = answer.data.id;
  open = answer.data;
  await list();
});

at('search').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await ask(`/api/search?q=${encodeURIComponent(at('q').value.trim())}`);
  if (answer.refusal) return notice(answer.refusal);
  at('found').textContent = `Found: ${answer.data.length}`;
  const first = answer.data.map(({ user_id }) => conversations.find((one) => one.from_user.user_id === user_id)).find(Boolean);
  if (first) await show(first);
});

at('write').addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = at('text').value.trim();
  if (!text || !open) return;
  const answer = await ask('/api/conversations/send-message', { json: { conversation_id: open.id, text } });
  if (answer.refusal) return notice(answer.refusal);
  at('text').value = '';
  await messages();
});

at('text').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at('write').requestSubmit();
  }
});

at('file').addEventListener('change', async () => {
  const [file] = at('file').files;
  if (!file || !open) return;
  const body = new FormData();
  body.append('file', file);
  at('file').value = '';
  const sent = await ask('/upload', { body });
  if (sent.refusal) return notice(sent.refusal);
  const json = { conversation_id: open.id, file_url: sent.data.file_url };
  const answer = await ask('/api/conversations/send-file-message', { json });
  if (answer.refusal) return notice(answer.refusal);
  await messages();
});

at('close').addEventListener('click', async () => {
  const answer = await ask('/api/conversations/close', { json: { conversation_id: open.id } });
  if (answer.refusal) return notice(answer.refusal);
  at('close').hidden = true;
});

at('download').addEventListener('submit', async (event) => {
  event.preventDefault();
  const email = at('to').value.split(/[,;]/).map((one) => one.trim()).filter(Boolean);
  at('downloaded').textContent = '';
  if (!email.length) return at('to').focus();
  const answer = await ask(`/conversations/${open.id}/download`, { json: { email } });
  if (answer.refusal) return notice(answer.refusal);
  at('downloaded').textContent = `Sent to ${answer.data.sent_to.join(', ')}.`;
});

at('direct').addEventListener('click', async () => {
  const answer = await ask(`/conversations/${open.id}/download`, { method: 'POST' });
  if (answer.refusal) return notice(answer.refusal);
  save(URL.createObjectURL(answer.blob), `conversation-${open.id}.txt`);
});

/** Server-sent events by hand: unlike EventSource, fetch can tell why a stream was refused. */
async function listen() {
  const strip = new Strip('events');
  try {
    const response = await fetch('/events', { headers: { accept: 'text/event-stream, application/json' } });
    if (!response.ok) return strip.refused(await refusalOf(response));
    strip.connected();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const events = (text + part.value).split('\n\n');
      text = events.pop();
      for (const event of events.filter((one) => one.startsWith('data: '))) happened(JSON.parse(event.slice(6)));
    }
    strip.ended();
  } catch {
    strip.ended();
  }
}

/** The same events over WebSocket, only to show whether it opens. */
function socket() {
  const strip = new Strip('socket');
  const live = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/live`);
  let opened = false;
  live.addEventListener('open', () => { opened = true; strip.connected(); });
  live.addEventListener('close', () => opened ? strip.ended() : strip.refused({ message: 'The connection was not accepted.' }));
}

function happened(event) {
  if (event.conversation_id === open?.id) messages();
}

class Strip {
  static states = {};

  constructor(name) { this.name = name; }
  connected() { this.#show('connected', ''); }
  ended() { this.#show('ended', ''); }
  refused({ message, code }) { this.#show('refused', message, code); }

  #show(state, why, code) {
    Strip.states[this.name] = { state, why, code };
    const all = Object.entries(Strip.states);
    const states = new Set(all.map(([, { state }]) => state));
    const told = all.map(([, one]) => one).find(({ code }) => code) ?? all.map(([, one]) => one).find(({ why }) => why);
    const summary = states.size === 1 ? state : all.map(([name, { state }]) => `${name} ${state}`).join(', ');
    at('live').dataset.state = ['refused', 'ended', 'connected'].find((one) => states.has(one));
    at('live').dataset[this.name] = state;
    at('live').textContent = `Live events: ${summary}${told ? `. ${told.why} ` : ''}`;
    if (told?.code) at('live').append(element('code', 'code', told.code));
    at('live').title = all.map(([name, { state, why }]) => `${name}: ${state}. ${why}`).join('\n');
  }
}

function time(text) {
  const when = text ? new Date(`${text.replace(' ', 'T')}Z`) : null;
  return when && !Number.isNaN(when.getTime()) ? when.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false }) : '';
}
