"""JavaScript that finds faults in the open page; each script returns a list of texts."""

# Elements that extend past the right edge of the window and are not inside one that scrolls.
WIDER = """
const edge = document.documentElement.clientWidth + 1;
if (document.documentElement.scrollWidth <= edge) return [];
const clips = (e) => getComputedStyle(e).overflowX !== "visible";
const scrolls = (e) => e && (clips(e) || scrolls(e.parentElement));
return [...document.body.querySelectorAll("*")]
  .filter((e) => e.getBoundingClientRect().right > edge && !scrolls(e.parentElement))
  .slice(0, 5).map((e) => e.tagName.toLowerCase() + "." + e.className).concat(["page"]);
"""

# Equation numbers that cover part of their formula.
COVERED = """
return [...document.querySelectorAll(".katex-html > .katex-tag")].filter((tag) => {
  const number = tag.getBoundingClientRect();
  return [...tag.parentElement.querySelectorAll(":scope > .katex-base")].some((base) => {
    const part = base.getBoundingClientRect();
    return part.right > number.left + 1 && part.left < number.right - 1;
  });
}).map((tag) => tag.textContent);
"""

# Elements that move although the reader has asked for no motion.
MOVING = """
const rests = (s) => s.animationName === "none"
  && s.transitionDuration.split(",").every((d) => parseFloat(d) === 0);
return [...document.querySelectorAll("*")].filter((e) => !rests(getComputedStyle(e)))
  .slice(0, 5).map((e) => e.tagName.toLowerCase() + "." + e.className);
"""

# Text whose contrast with its background is below 4.5, or below 3 if it is large (WCAG 2.1, AA).
PALE = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const colours = new Map();
const rgba = (text) => {
  if (!colours.has(text)) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    colours.set(text, [...canvas.getImageData(0, 0, 1, 1).data]);
  }
  return colours.get(text);
};
const part = (c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const colour = rgba(getComputedStyle(e).backgroundColor);
    if (colour[3] > 127) return colour;
  }
  return [255, 255, 255, 255];
};
const words = (e) => [...e.childNodes]
  .filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join(" ").trim();
const found = [];
for (const e of document.body.querySelectorAll("*:not(script, style, noscript, option)")) {
  if (e.closest("svg, .katex-mathml") || !words(e) || !e.checkVisibility({opacityProperty: true}))
    continue;
  const style = getComputedStyle(e), size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  const pair = [light(rgba(style.color)), light(behind(e))].sort((a, b) => b - a);
  const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (contrast < (large ? 3 : 4.5))
    found.push(`${e.tagName.toLowerCase()}.${e.className} ${contrast.toFixed(2)}: ${words(e)}`);
}
return found.slice(0, 8);
"""

# What would spoil a printed page: elements that stay in the window while the text moves (a printer
# repeats them on every page), and code of which a part would have to be scrolled into view.
UNPRINTABLE = """
const seen = (e) => e.checkVisibility() && e.getBoundingClientRect().width > 1;
const named = (e) => e.tagName.toLowerCase() + "." + e.className;
const all = [...document.body.querySelectorAll("*")].filter(seen);
const stays = (e) => ["fixed", "sticky"].includes(getComputedStyle(e).position);
const cut = (e) => getComputedStyle(e).overflow !== "visible"
  && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
return all.filter(stays).map((e) => "stays: " + named(e)).concat(
  all.filter((e) => e.tagName === "PRE" && cut(e)).map((e) => "cut off: " + named(e))).slice(0, 5);
"""

# The colour of the paper of each figure, as it is shown: "white" or "dark".
PAPER = """
return [...document.querySelectorAll("article img")].map((e) =>
  getComputedStyle(e).filter.startsWith("invert(1)") ? "dark" : "white");
"""

# The addresses of the search's results, in their order.
FOUND = """
return [...document.querySelectorAll("#search-results li > a:first-of-type")]
  .map((e) => e.getAttribute("href"));
"""

# What the first button copies.
COPIED = """
let copied;
document.execCommand = () => { copied = document.activeElement.value; return true; };
document.querySelector("article .copybtn").click();
return copied;
"""
