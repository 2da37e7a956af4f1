/* A few words of each result, around the word that was searched for. docs/builder/search.py wrote
   the texts of the pages, each as a script that calls pageText. */
(function () {
  "use strict";
  const BEFORE = 80, LENGTH = 240; // characters
  const query = new URLSearchParams(location.search).get("q") || "";
  const arrived = new Map(), texts = new Map(); // by page: what to call with its text; its promise

  window.pageText = (name, text) => arrived.get(name)(text);

  function load(name) {
    if (!texts.has(name)) {
      texts.set(name, new Promise((resolve) => arrived.set(name, resolve)));
      const script = document.createElement("script");
      script.src = "_static/texts/" + name + ".js";
      document.head.append(script);
    }
    return texts.get(name);
  }

  // "gradients" also finds "gradient", as Sphinx's search does.
  function pattern() {
    const stemmer = new Stemmer();
    const words = query.toLowerCase().split(/[^\p{L}\p{N}_]+/u).filter((word) => word);
    const starts = words.flatMap((word) => [word, stemmer.stemWord(word)]);
    return new RegExp("\\b(?:" + starts.join("|") + ")\\w*", "giu");
  }

  function snippet(text, found) {
    const whole = text.toLowerCase().indexOf(query.toLowerCase().trim());
    const first = whole >= 0 ? whole : text.search(found);
    let start = Math.max(0, first - BEFORE);
    if (start) start = text.indexOf(" ", start) + 1;
    const end = text.length - start > LENGTH ? text.lastIndexOf(" ", start + LENGTH) : text.length;
    const words = text.slice(start, end), line = document.createElement("p");
    line.className = "context";
    let last = 0;
    line.append(start ? "… " : "");
    for (const match of words.matchAll(found)) {
      const mark = document.createElement("mark");
      mark.textContent = match[0];
      line.append(words.slice(last, match.index), mark);
      last = match.index + match[0].length;
    }
    line.append(words.slice(last) + (end < text.length ? " …" : ""));
    return line;
  }

  function explain(item) {
    const name = item.querySelector("a").getAttribute("href").split(".html")[0];
    load(name).then((text) => item.append(snippet(text, pattern())));
  }

  const results = document.getElementById("search-results");
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((e) => e.isIntersecting)) {
      seen.unobserve(entry.target);
      explain(entry.target);
    }
  }, {rootMargin: "400px"});
  new MutationObserver((changes) => {
    for (const {addedNodes} of changes)
      for (const node of addedNodes) if (node.matches?.("ul.search > li")) seen.observe(node);
  }).observe(results, {childList: true, subtree: true});
})();
