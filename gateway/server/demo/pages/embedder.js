// Says in words whether the browser let the app show up in the frame.
const frame = document.getElementById('app');
const result = document.getElementById('result');

const refused = setTimeout(() => {
  result.dataset.state = 'refused';
  result.textContent = 'The app did not show up: the browser refused to embed it.';
}, 3000);

addEventListener('message', (event) => {
  if (event.origin !== new URL(frame.src).origin || event.data?.chatwarden !== 'ready') return;
  clearTimeout(refused);
  result.dataset.state = 'shown';
  result.textContent = 'The app shows up: the gateway approves this site.';
});
