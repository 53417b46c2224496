/**
 * What has been read: how long each page was in view, and which page is the current one. Time is an argument.
 */

/** Adds up visible milliseconds by page until somebody takes them. */
export class Reading {
  #since = new Map();
  #spent = new Map();

  shown(page, now) {
    if (!this.#since.has(page)) this.#since.set(page, now);
  }

  hidden(page, now) {
    const since = this.#since.get(page);
    if (since === undefined) return;
    this.#since.delete(page);
    this.#spent.set(page, (this.#spent.get(page) ?? 0) + Math.max(0, now - since));
  }

  /** All pages in view stop counting (the tab was hidden). Returns them so that they can be shown again. */
  pause(now) {
    const pages = [...this.#since.keys()];
    for (const page of pages) this.hidden(page, now);
    return pages;
  }

  /** What has not been reported yet, [{page, ms}] by page; pages in view go on counting from `now`. */
  take(now) {
    const inView = this.pause(now);
    const report = [...this.#spent]
      .map(([page, ms]) => ({ page, ms: Math.round(ms) }))
      .filter(({ ms }) => ms > 0)
      .sort((a, b) => a.page - b.page);
    this.#spent.clear();
    for (const page of inView) this.shown(page, now);
    return report;
  }
}

/** The page that fills most of the view: `heights` maps page -> visible pixels. The first of equals wins. */
export function currentPage(heights) {
  let best = null;
  for (const [page, pixels] of heights) {
    if (pixels > 0 && (best === null || pixels > heights.get(best))) best = page;
  }
  return best;
}

/** How a line of text must be stretched so that its drawn width equals its box. `measured` is its width at 1 px height. */
export function stretch({ w, h }, measured, aspect) {
  const wanted = w * aspect;
  const natural = measured * h;
  return natural > 0 ? wanted / natural : 1;
}
