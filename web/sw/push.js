/**
 * What a push message becomes: a notification, and where a tap on it leads. Pure.
 *
 * The message is {"title", "body", "url", "tag"}, also in the shape of declarative web push
 * ({"web_push": 8030, "notification": {"title", "body", "navigate", "tag"}}). It never names a contract's content.
 */

/** {title, options} for showNotification; `fallback` is the house's name, shown when the message cannot be read. */
export function notification(text, fallback) {
  const { title, body = "", url, navigate, tag } = told(text);
  const icon = fallback.icon;
  return {
    title: title || fallback.title,
    options: { body, tag: tag || "countersign", icon, badge: fallback.badge, data: { url: url || navigate || "/" } },
  };
}

function told(text) {
  try {
    const message = JSON.parse(text);
    return message.notification ?? message ?? {};
  } catch {
    return {};
  }
}

/** The address a tap opens: only ever our own origin, else the start page. */
export function destination(url, origin) {
  try {
    const target = new URL(url ?? "/", origin);
    return target.origin === origin ? target.href : `${origin}/`;
  } catch {
    return `${origin}/`;
  }
}
