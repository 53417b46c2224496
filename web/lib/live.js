/** The live socket's address, and which of its messages concern us. */

/** The WebSocket address of `url` seen from `location`; `port` names another port on the same host. */
export function address(url, location, port = "") {
  const target = new URL(url, location.href);
  target.protocol = target.protocol === "https:" || target.protocol === "wss:" ? "wss:" : "ws:";
  if (port) target.port = port;
  return target.href;
}

/** Whether a message {"changed": [topic, …]} names one of our topics; no topics of our own: any change concerns us. */
export function concerns(text, topics) {
  try {
    const { changed } = JSON.parse(text);
    if (!Array.isArray(changed)) return false;
    return topics.length === 0 || changed.some((topic) => topics.includes(topic));
  } catch {
    return false;
  }
}
