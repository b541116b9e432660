/** A page or script of the server on one machine. */
export interface Page {
  readonly type: 'text/html; charset=utf-8' | 'text/javascript; charset=utf-8';
  readonly body: string;
}

const HTML = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Database Dump</title>
<script type="module" src="/sign-in.js"></script>
<body>
<h1>Database Dump</h1>
<p id="say" role="status">Signing in needs JavaScript.</p>
<form id="form" hidden><button>Sign in</button></form>
</body>
</html>
`;

// The link is used when the button is pressed: whatever looks at links beforehand uses nothing up.
const SCRIPT = `const say = document.getElementById('say');
const form = document.getElementById('form');
const token = location.hash.slice(1);
const show = async () => {
  const answer = await fetch('/v1/me');
  const me = await answer.json();
  say.textContent = answer.ok
    ? 'Signed in as ' + me.member.name + ' (' + me.member.role + ') of ' + me.tenant.name + '. The interface is described at /v1/openapi.json.'
    : token === '' ? 'Open the link that npm start printed.' : 'This link signs you in once.';
  form.hidden = answer.ok || token === '';
};
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await fetch('/v1/session:signIn', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  history.replaceState(null, '', '/');
  if (answer.ok) return show();
  say.textContent = (await answer.json()).detail;
  form.hidden = true;
});
await show();
`;

const PAGES: Readonly<Record<string, Page>> = {
  '/': { type: 'text/html; charset=utf-8', body: HTML },
  '/sign-in': { type: 'text/html; charset=utf-8', body: HTML },
  '/sign-in.js': { type: 'text/javascript; charset=utf-8', body: SCRIPT },
};

/** Only what is written here is run, framed by nobody, and sent nowhere else. */
export const PAGE_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
} as const;

export function pageAt(path: string): Page | undefined {
  return Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
}
