// The order of the search's results, which Sphinx puts into its searchtools.js. Exact names of the
// API come first, then what explains, then what lists code; a page whose title has the words of the
// query comes before others of its kind. Solutions come near the end, because
// they would give an exercise away, and the source of the tests comes last.
var Scorer = {
  places: [["notebooks/", 40], ["docs/solutions/", -40], ["docs/", 30], ["api/", 20],
    ["minitransformer/", 20], ["tests/", -80]],
  score: ([name, title, , , score]) => {
    const query = new URLSearchParams(window.location.search).get("q") || "";
    const place = Scorer.places.find(([start]) => name.startsWith(start));
    const named = title.toLowerCase().includes(query.toLowerCase().trim());
    return score + (place ? place[1] : 0) + (named ? 15 : 0);
  },
  // These are Sphinx's own values.
  objNameMatch: 11, objPartialMatch: 6, objPrio: {0: 15, 1: 5, 2: -5}, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
