/* Takes places in a text to where they are in a later one: all but those between the first change and the last. */
class Shift {
  constructor(before, after) {
    const room = Math.min(before.length, after.length);
    let head = 0;
    while (head < room && before[head] === after[head]) head++;
    let tail = 0;
    while (tail < room - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
    Object.assign(this, { head, tail: before.length - tail, moved: after.length - before.length });
  }

  /* Where a place is now; null if it has changed. */
  range([start, end]) {
    if (end <= this.head) return [start, end];
    return start >= this.tail ? [start + this.moved, end + this.moved] : null;
  }

  /* Where an offset is now; within a change, at its beginning. */
  offset(offset) {
    if (offset <= this.head) return offset;
    return offset >= this.tail ? offset + this.moved : this.head;
  }
}

/* Offsets at which the lines of a text begin. */
function lineStarts(text) {
  const starts = [0];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
  return starts;
}

/* The number of the line that holds an offset, from 0. */
function lineOf(starts, offset) {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/* Words by their kind, for a text in the language. */
class Lexicon {
  static WORD = /(?<comment>#[^\n]*)|(?<string>"(?:[^"\\\n]|\\.)*"?)|(?<number>\d+(?:x\d+)+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<sign>->|[|(){}[\]=:;,/])/gu;

  constructor(operators, words) {
    this.operators = new Set(operators);
    this.words = new Set(words);
  }

  /* Stretches of the text with a kind, in order. */
  read(text) {
    const found = [];
    for (const match of text.matchAll(Lexicon.WORD)) {
      const kind = this.#kind(match);
      if (kind) found.push([match.index, match.index + match[0].length, kind]);
    }
    return found;
  }

  #kind({ groups, 0: word }) {
    if (!groups.name) return Object.keys(groups).find((kind) => groups[kind] !== undefined);
    if (this.words.has(word)) return "word";
    return this.operators.has(word) ? "operator" : null;
  }
}
