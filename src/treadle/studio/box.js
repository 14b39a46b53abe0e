// The text box of the writing desk. The network answers while a person types, so what comes back is never put over
// what was typed since.

const PAUSE_MS = 120;
const boxes = new WeakMap();

// Called once when the box appears, then whenever new data come.
export default function ({ parentElement, data, setStateValue }) {
  if (!boxes.has(parentElement)) boxes.set(parentElement, new Box(parentElement, data));
  const box = boxes.get(parentElement);
  box.setStateValue = setStateValue;
  box.take(data);
  return () => clearTimeout(box.timer);
}

class Box {
  constructor(root, { placeholder }) {
    this.find = (name) => root.querySelector(name);
    this.area = this.find("textarea");
    this.area.placeholder = placeholder;
    this.area.oninput = () => this.sendSoon();
    this.area.onblur = () => this.send();
    const words = this.find(".words");
    // A press would take the focus away from the text.
    words.onmousedown = (event) => event.preventDefault();
    words.onclick = (event) => this.add(event.target.closest("button"));
  }

  take(data) {
    if (data.edition !== this.edition) this.replace(data);
    this.answered = data.text;
    this.say(".heading", data.heading);
    this.say(".notice", data.notice);
    this.find(".words").querySelectorAll("button").forEach((button, place) => this.offer(button, data.words[place]));
  }

  // The text was written on, cleared or taken back, which leaves alone what was typed behind `data.before`.
  replace(data) {
    const [first, typed] = [this.edition === undefined, this.area.value];
    this.edition = data.edition;
    if (first) this.area.value = data.text;
    else if (typed.startsWith(data.before)) this.area.value = data.text + typed.slice(data.before.length);
    this.showEnd();
    this.sent = data.text;
    this.send();
  }

  // What is said again is read out again.
  say(name, text) {
    const place = this.find(name);
    if (place.textContent !== text) place.textContent = text;
  }

  // The buttons stay, so that the focus stays on one.
  offer(button, word) {
    button.hidden = !word;
    if (!word) return;
    button.value = word.adds;
    button.style.setProperty("--share", word.share);
    button.querySelector("b").textContent = button.title = word.shown;
    button.querySelector("small").textContent = word.percent;
  }

  add(button) {
    if (!button) return;
    const typed = this.area.value.slice(this.answered.length);
    const begun = button.value.startsWith(typed) ? typed.length : 0;
    this.area.value += button.value.slice(begun);
    this.showEnd();
    this.send();
  }

  showEnd() {
    this.area.scrollTop = this.area.scrollHeight;
  }

  sendSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), PAUSE_MS);
  }

  send() {
    clearTimeout(this.timer);
    const text = this.area.value;
    if (text === this.sent) return;
    this.sent = text;
    this.setStateValue("typed", { text, edition: this.edition });
  }
}
