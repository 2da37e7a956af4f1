/* The live figure of the front page. Its data stand in the page; docs/make_live_figure.py made them. */
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("live-data").textContent);
  const part = (name) => document.getElementById("live-" + name);
  const figure = document.getElementById("live");
  const ROW = 34, HEAD = 30, MARGIN = 26, LARGEST = 13;
  const drawing = part("drawing");
  let sentence = data.sentences[0], chosen = 0;

  const percent = (thousandths) => Math.round(thousandths / 10) + " %";
  const level = (n) => (n === 0 ? "words" : "layer " + n);
  const x = (n) => MARGIN + n * (drawing.clientWidth - 2 * MARGIN) / data.layers;
  const y = (t) => HEAD + (t + 0.5) * ROW;

  function make(parent, name, attributes, text) {
    const svg = parent.namespaceURI === "http://www.w3.org/2000/svg";
    const made = svg ? document.createElementNS(parent.namespaceURI, name) : document.createElement(name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return parent.appendChild(made);
  }

  const largest = (shares) => shares.indexOf(Math.max(...shares));

  function draw() {
    const words = sentence.words, last = data.layers;
    drawing.replaceChildren();
    drawing.setAttribute("height", HEAD + words.length * ROW);
    make(drawing, "rect", {class: "chosen", x: 0, y: y(chosen) - ROW / 2 + 2, width: "100%", height: ROW - 4, rx: 6});
    for (let n = 0; n <= last; n++) {
      make(drawing, "text", {x: x(n), y: HEAD - 12, class: "level"}, level(n));
      words.forEach((_, t) => make(drawing, "circle", {cx: x(n), cy: y(t), r: 2, class: "place"}));
    }
    for (let n = 1; n <= last; n++) {
      sentence.attention[n - 1][chosen].forEach((share, s) => {
        const middle = (x(n - 1) + x(n)) / 2;
        const way = ["M", x(n - 1), y(s), "C", middle, y(s), middle, y(chosen), x(n), y(chosen)].join(" ");
        make(drawing, "path", {d: way, class: "reads", "stroke-width": (0.3 + share / 60).toFixed(2),
          "stroke-opacity": Math.min(0.9, 0.12 + share / 500).toFixed(2)});
      });
    }
    for (let n = 0; n <= last; n++) {
      sentence.gradient[chosen][n].forEach((share, s) => {
        const disc = make(drawing, "circle", {cx: x(n), cy: y(s), class: "back",
          r: (LARGEST * Math.sqrt(share / 1000)).toFixed(2)});
        disc.style.animationDelay = (last - n) * 0.18 + "s";
      });
    }
  }

  function say() {
    const words = sentence.words, top = data.layers;
    const reads = sentence.attention.map((layer, n) => {
      const s = largest(layer[chosen]);
      return level(n + 1) + " “" + words[s] + "” (" + percent(layer[chosen][s]) + ")";
    });
    const back = sentence.gradient[chosen], s = largest(back[0]);
    part("said").textContent = "“" + words[chosen] + "” reads most: " + reads.join(", ") + ". Of its gradient, " +
      "which starts on it alone after layer " + top + ", most arrives at the word “" + words[s] + "” (" + percent(back[0][s]) + ").";
  }

  function tabulate() {
    const table = document.createElement("table"), top = data.layers;
    make(table, "caption", {}, "For “" + sentence.words[chosen] + "”: shares of what it reads, and of its gradient");
    const head = make(make(table, "thead", {}), "tr", {});
    make(head, "th", {scope: "col"}, "word");
    for (let n = 1; n <= top; n++) make(head, "th", {scope: "col"}, "read in layer " + n);
    for (let n = top; n >= 0; n--) make(head, "th", {scope: "col"}, "gradient at " + (n ? "layer " + n : "the words"));
    const body = make(table, "tbody", {});
    sentence.words.forEach((word, s) => {
      const row = make(body, "tr", {});
      make(row, "th", {scope: "row"}, word);
      for (let n = 1; n <= top; n++) make(row, "td", {}, percent(sentence.attention[n - 1][chosen][s]));
      for (let n = top; n >= 0; n--) make(row, "td", {}, percent(sentence.gradient[chosen][n][s]));
    });
    part("table").replaceChildren(table);
  }

  function show() {
    draw();
    say();
    tabulate();
  }

  function choose(i) {
    sentence = data.sentences[i];
    const fieldset = part("words");
    fieldset.querySelectorAll("label").forEach((label) => label.remove());
    chosen = largest(sentence.gradient[0][0]);
    sentence.words.forEach((word, t) => {
      const label = make(fieldset, "label", {});
      const input = make(label, "input", {type: "radio", name: "live-word", value: t});
      input.checked = t === chosen;
      input.addEventListener("change", () => { chosen = t; show(); });
      make(label, "span", {}, word);
    });
    part("caption").textContent = "A classifier of " + data.layers + " layers and " + data.heads + " heads, trained for a minute on the " +
      "film reviews that come with the project, finds this " + sentence.class + " (" + Math.round(100 * sentence.probability) +
      " %). Attention is the mean over the heads; the gradient is that of the score, through the chosen word’s last vector, as shares of its length.";
    show();
  }

  data.sentences.forEach((s, i) => make(part("sentence"), "option", {value: i}, s.sentence));
  part("sentence").addEventListener("change", (event) => choose(Number(event.target.value)));
  figure.hidden = false;
  choose(0);
  window.addEventListener("resize", draw);
})();
