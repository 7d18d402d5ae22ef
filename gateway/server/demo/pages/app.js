// What all pages share: asking the app, telling a refusal in plain words, saying "ready" to an embedding page.

/** Asks for `path`; returns `{ data }`, or `{ refusal: { title, message, code, request, status } }`. Never throws. */
export async function ask(path, { json, body, method } = {}) {
  const headers = { accept: 'application/json' };
  if (json) headers['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, {
      method: method ?? (json || body ? 'POST' : 'GET'),
      headers,
      body: json ? JSON.stringify(json) : body,
    });
  } catch {
    return { refusal: { title: 'No answer', message: 'The connection failed or was cut before the answer was complete.' } };
  }
  if (!response.ok) return { refusal: await refusalOf(response) };
  const type = response.headers.get('content-type') ?? '';
  if (!type.includes('json')) return { blob: await response.blob(), response };
  try {
    const answer = await response.json();
    return { data: answer.data ?? answer };
  } catch {
    return { refusal: { title: 'Unreadable answer', message: 'The answer was cut or is not valid.', status: response.status } };
  }
}

/** A refusal of the gateway, an error of the app, or a whole page where data was expected. */
export async function refusalOf(response) {
  const known = {
    status: response.status,
    code: response.headers.get('x-chatwarden-reason') ?? '',
    request: response.headers.get('x-request-id') ?? '',
  };
  const text = await response.text().catch(() => '');
  try {
    const { error } = JSON.parse(text);
    if (error?.code) {
      return { ...known, title: 'Refused by the gateway', message: error.message, code: error.code, request: error.request_id };
    }
    if (typeof error === 'string') return { ...known, title: 'The app says no', message: error };
  } catch { /* a page, below */ }
  const title = known.code ? 'Refused by the gateway' : 'Not possible';
  return { ...known, title, message: `The answer was a page with status ${response.status}, not data.` };
}

/** Shows a refusal until it is dismissed; the newest on top, three at most. */
export function notice(refusal) {
  const place = document.getElementById('notices');
  const box = element('section', 'notice');
  box.append(element('strong', '', refusal.title), element('p', '', refusal.message ?? ''));
  const facts = [];
  if (refusal.code) facts.push(element('code', 'code', refusal.code));
  if (refusal.request) facts.push(element('span', '', `request ${refusal.request}`));
  if (facts.length) {
    const line = element('p', 'facts');
    line.append(...facts);
    box.append(line);
  }
  const close = element('button', 'close', '×');
  close.setAttribute('aria-label', 'Dismiss');
  close.addEventListener('click', () => box.remove());
  box.append(close);
  place.prepend(box);
  while (place.children.length > 3) place.lastChild.remove();
}

export const note = (title, message) => notice({ title, message });

export function element(name, className = '', text = '') {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== '') made.textContent = text;
  return made;
}

/** A picture that may be missing or refused: then a neutral shape stays in its place. */
export function avatar(url, className = 'avatar') {
  const image = element('img', className);
  image.alt = '';
  image.addEventListener('error', () => image.replaceWith(element('span', `${className} empty`)), { once: true });
  image.src = url || '/avatars/';
  return image;
}

/** Tells a page that embeds this one that it did show up. */
export function announce() {
  if (window.parent !== window) window.parent.postMessage({ chatwarden: 'ready' }, '*');
}
