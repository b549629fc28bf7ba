// Requests of our own scripts; htmx's are given the same header in app.js.

export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

/** JSON in, JSON out. Rejects with {status, code, message, fields} as the server says it. */
export async function send(method, address, body) {
  const response = await fetch(address, {
    method,
    credentials: "same-origin",
    headers: {
      Accept: "application/json",
      "X-CSRF-Token": csrfToken(),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw { status: response.status, ...(answer?.error ?? {}) };
  return answer;
}
