/* The live figure of the front page. Its data are in the page; docs/make_live_figure.py made them.
   Fractions are in thousandths: attention[n - 1][t][s] is what token t reads of token s in layer n,
   and gradient[t][n][s] is what arrives at token s after layer n if only t's last vector is followed
   back. */
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("live-data").textContent);
  const part = (name) => document.getElementById("live-" + name);
  const ROW = 27, HEAD = 26, FOOT = 22, MARGIN = 30, LARGEST = 12; // as in live.css, in pixels
  const drawing = part("drawing"), top = data.layers;
  let sentence, chosen;

  const percent = (thousandths) => Math.round(thousandths / 10) + "\u00a0%";
  const level = (n) => (n === 0 ? "input" : "layer " + n);
  const quoted = (t) => "“" + sentence.tokens[t] + "”";
  const largest = (shares) => shares.indexOf(Math.max(...shares));
  const width = (share) => (0.4 + share / 75).toFixed(2);
  const radius = (share) => (LARGEST * Math.sqrt(share / 1000)).toFixed(2);
  const x = (n) => MARGIN + n * (drawing.clientWidth - 2 * MARGIN) / top;
  const y = (t) => HEAD + (t + 0.5) * ROW;

  function make(parent, name, attributes, text) {
    const svg = parent.namespaceURI === "http://www.w3.org/2000/svg";
    const made = svg ? document.createElementNS(parent.namespaceURI, name) : document.createElement(name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return parent.appendChild(made);
  }

  function line(n, s, share) {
    const middle = (x(n - 1) + x(n)) / 2;
    const way = ["M", x(n - 1), y(s), "C", middle, y(s), middle, y(chosen), x(n), y(chosen)].join(" ");
    const made = make(drawing, "path", {d: way, class: "reads", "stroke-width": width(share),
      "stroke-opacity": Math.min(0.95, 0.15 + share / 400).toFixed(2)});
    made.style.animationDelay = (n - 1) * 0.2 + "s";
    make(made, "title", {}, quoted(chosen) + " reads " + quoted(s) + " in layer " + n + ": " + percent(share));
  }

  function draw() {
    const levels = [...Array(top + 1).keys()], length = sentence.tokens.length;
    const bottom = HEAD + length * ROW;
    drawing.replaceChildren();
    drawing.setAttribute("height", bottom + FOOT);
    make(drawing, "rect", {class: "chosen", x: 0, y: y(chosen) - ROW / 2 + 1, width: "100%", height: ROW - 2, rx: 5});
    for (const n of levels) {
      make(drawing, "text", {x: x(n), y: HEAD - 10, class: "level"}, level(n));
      for (let t = 0; t < length; t++) make(drawing, "circle", {cx: x(n), cy: y(t), r: 1.5, class: "place"});
    }
    for (let n = 1; n <= top; n++) sentence.attention[n - 1][chosen].forEach((share, s) => line(n, s, share));
    for (const n of levels) {
      sentence.gradient[chosen][n].forEach((share, s) => {
        const disc = make(drawing, "circle", {cx: x(n), cy: y(s), r: radius(share), class: "back"});
        disc.style.animationDelay = (2 * top - n) * 0.2 + "s";
        make(disc, "title", {}, "gradient at " + quoted(s) + ", " + level(n) + ": " + percent(share));
      });
    }
    make(drawing, "text", {x: x(0) - 18, y: bottom + 15, class: "way forward"}, "attention →");
    make(drawing, "text", {x: x(top) + 18, y: bottom + 15, class: "way backward"}, "← gradient");
  }

  function say() {
    const most = (shares) => quoted(largest(shares)) + " (" + percent(Math.max(...shares)) + ")";
    const reads = sentence.attention.map((layer, n) => most(layer[chosen]) + " in layer " + (n + 1));
    const back = sentence.gradient[chosen];
    const said = part("said");
    said.replaceChildren();
    make(said, "b", {}, quoted(chosen));
    make(said, "span", {class: "reads"}, " reads most: ");
    said.append(reads.join(", ") + ". ");
    make(said, "span", {class: "back"}, "Its gradient ");
    const first = largest(back[0]), left = percent(back[0][chosen]) + " is left on " + quoted(chosen);
    said.append("starts here alone after layer " + top + "; at the input, " + left +
      (first === chosen ? ", more than on any other token." : ", and the largest part, " + percent(back[0][first]) + ", is on " + quoted(first) + "."));
  }

  function tabulate() {
    const table = document.createElement("table");
    make(table, "caption", {}, "Percentages for " + quoted(chosen));
    const head = make(make(table, "thead", {}), "tr", {});
    const columns = [];
    for (let n = 1; n <= top; n++) columns.push(["read in layer " + n, sentence.attention[n - 1][chosen]]);
    for (let n = top; n >= 0; n--) columns.push(["gradient, " + level(n), sentence.gradient[chosen][n]]);
    for (const [title] of [["token"], ...columns]) make(head, "th", {scope: "col"}, title);
    const body = make(table, "tbody", {});
    sentence.tokens.forEach((token, s) => {
      const row = make(body, "tr", {});
      make(row, "th", {scope: "row"}, token);
      for (const [, shares] of columns) make(row, "td", {}, percent(shares[s]));
    });
    part("table").replaceChildren(table);
  }

  function show(t) {
    chosen = t;
    part("tokens").querySelectorAll("input")[t].checked = true;
    draw();
    say();
    tabulate();
  }

  function choose(i) {
    sentence = data.sentences[i];
    const tokens = part("tokens");
    tokens.querySelectorAll("label").forEach((label) => label.remove());
    sentence.tokens.forEach((token, t) => {
      const label = make(tokens, "label", {});
      make(label, "input", {type: "radio", name: "live-token", value: t}).addEventListener("change", () => show(t));
      make(label, "span", {}, token);
    });
    part("verdict").textContent = "Model: " + sentence.class + " (" +
      (sentence.probability > 0.99 ? "over 99" : Math.round(100 * sentence.probability)) + "\u00a0%)";
    show(sentence.tokens.length - 2); // the last word, before the full stop
  }

  function drawKey() {
    const set = (name, attributes) => { for (const key in attributes) part("key-" + name).setAttribute(key, attributes[key]); };
    set("small", {d: "M 4 7 H 32", "stroke-width": width(100), "stroke-opacity": 0.4});
    set("large", {d: "M 44 7 H 72", "stroke-width": width(600), "stroke-opacity": 0.95});
    set("tenth", {cx: 18, cy: 12, r: radius(100)});
    set("whole", {cx: 58, cy: 12, r: radius(1000) - 0.5});
  }

  part("caption").textContent = "A model of " + top + " layers and " + data.heads + " heads, trained on the film reviews that come with the " +
    "project (test accuracy " + data.accuracy.toFixed(3) + "). It was not trained on these sentences, and classifies each correctly. The gradient is " +
    "that of the predicted class's logit minus the other logit.";
  data.sentences.forEach((s, i) => make(part("sentence"), "option", {value: i}, s.sentence));
  part("sentence").addEventListener("change", (event) => choose(Number(event.target.value)));
  drawing.addEventListener("click", (event) => {
    const t = Math.floor((event.clientY - drawing.getBoundingClientRect().top - HEAD) / ROW);
    if (t >= 0 && t < sentence.tokens.length) show(t);
  });
  document.getElementById("live").hidden = false;
  drawKey();
  choose(0);
  window.addEventListener("resize", draw);
})();
