// The sign-in page: works without script as plain forms; with script a refusal is told in place.
import { ask, announce, note, notice } from '/assets/app.js';

announce();
if (location.search === '?failed') note('Sign-in failed', 'Wrong e-mail or password.');

for (const form of document.querySelectorAll('form')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { email, password } = Object.fromEntries(new FormData(form));
    const answer = await ask('/login', { json: { email, password } });
    if (answer.refusal) return notice(answer.refusal);
    const me = await ask('/api/me');
    if (!me.refusal) return location.assign('/');
    if (me.refusal.status === 401 && window.parent !== window) {
      return note('Signed in, but not in this frame',
        'The browser keeps the app’s sign-in cookie out of pages embedded in another site. Open the app in a tab of its own.');
    }
    notice(me.refusal);
  });
}
