// The visitor's page: what a client of the shop sees.
import { ask, element, notice } from '/assets/app.js';

const text = document.getElementById('text');
show();

async function show() {
  const answer = await ask('/widget/messages');
  if (answer.refusal) return notice(answer.refusal);
  const { visitor, messages } = answer.data;
  document.getElementById('visitor').textContent = visitor?.client_name ?? 'a guest';
  const place = document.getElementById('messages');
  place.replaceChildren(...messages.map((message) => {
    const box = element('article', `message ${message.from === 'operator' ? 'received' : 'sent'}`);
    box.append(element('p', '', message.text));
    return box;
  }));
  place.scrollTop = place.scrollHeight;
}

document.getElementById('write').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await ask('/widget/messages', { json: { text: text.value } });
  if (answer.refusal) return notice(answer.refusal);
  text.value = '';
  await show();
});
