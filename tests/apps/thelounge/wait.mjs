// Waiting with an end: for a promise, and for something to become true.

const DEADLINE = 10_000;

/** The promise's value, or an error that says what was waited for. */
export async function within(promise, what, deadline = DEADLINE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadline} ms for ${what}`)), deadline);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What `look` finds, as soon as it finds something. */
export async function until(look, what, deadline = DEADLINE) {
  const end = Date.now() + deadline;
  for (;;) {
    const found = look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${deadline} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
