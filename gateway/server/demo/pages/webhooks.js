// The webhooks panel: list, add, delete.
import { announce, ask, element, notice } from '/assets/app.js';

const list = document.getElementById('webhooks');
announce();
show();

async function show() {
  const answer = await ask('/api/webhooks');
  if (answer.refusal?.status === 401) return location.assign('/login');
  if (answer.refusal) return notice(answer.refusal);
  list.replaceChildren(...answer.data.map(entry));
  if (!answer.data.length) list.append(element('li', 'none', 'No webhooks yet.'));
}

function entry(webhook) {
  const words = element('span', 'words');
  words.append(element('strong', '', webhook.url), element('small', '', webhook.events.join(', ')));
  const button = element('button', 'plain', 'Delete');
  button.setAttribute('aria-label', `Delete ${webhook.url}`);
  button.addEventListener('click', async () => {
    const answer = await ask(`/api/webhooks/${webhook.id}`, { method: 'DELETE' });
    if (answer.refusal) return notice(answer.refusal);
    await show();
  });
  const item = element('li', 'panel row');
  item.append(words, button);
  return item;
}

document.getElementById('add').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { url, event: name } = Object.fromEntries(new FormData(event.target));
  const answer = await ask('/api/webhooks', { json: { url, events: [name] } });
  if (answer.refusal) return notice(answer.refusal);
  event.target.reset();
  await show();
});
