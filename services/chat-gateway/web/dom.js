// The few things the page does with the document. Text only ever goes in as
// text: nothing here can turn a message into markup.

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** A new element with attributes, listeners (onclick …) and children. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** A <time> that reads well: the clock today, else the day too. */
export function time(text, prefix = '') {
  const date = new Date(text);
  const today = date.toDateString() === new Date().toDateString();
  return el('time', { datetime: text, title: exact.format(date) }, prefix + (today ? clock : day).format(date));
}

/** Milliseconds as "40 ms" or "1.2 s". */
export function shortTime(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
