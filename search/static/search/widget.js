/* Zhida (知答): the questions of a shop's customers, answered on any page.
 *
 *   <script src="https://kb.example.com/widget.js" data-shop="demo" data-product="P1001" defer></script>
 * or, where the place is chosen by hand (`inline`: in the page instead of floating above it):
 *   <zhida-faq shop="demo" product="P1001" lang="zh-hans" inline></zhida-faq>
 *
 * Promises: no cookie, no third party, nothing kept after the page is closed; works under a strict
 * Content-Security-Policy. `contact` is an optional address where a person answers. Any element with
 * `data-zhida-open` opens it. Colours and sizes: --zhida-accent, --zhida-accent-text, --zhida-surface,
 * --zhida-soft, --zhida-text, --zhida-muted, --zhida-line, --zhida-radius, --zhida-font, --zhida-right,
 * --zhida-bottom, --zhida-height, --zhida-z.
 */
(() => {
  "use strict";

  if (customElements.get("zhida-faq")) return; // the line may stand twice on a page

  const script = document.currentScript || document.querySelector('script[src*="/widget.js"]');
  const API = new URL("/api/v1/", script.src);
  const QUERY_LIMIT = 500;
  const TYPING_PAUSE_MS = 180;
  const TIMEOUT_MS = 10000;
  const POPULAR_COUNT = 6;
  const POPULAR_AFTER_NOTHING = 3;
  const SVG = "http://www.w3.org/2000/svg";
  const phone = matchMedia("(max-width: 600px)");

  const LANGUAGES = {
    zh: {
      tag: "zh-Hans", locale: "zh-hans", other: "English",
      ask: "问一问", title: "问一问", close: "关闭", back: "回到开头",
      hello: "您好，想了解什么？", hint: "直接打字，或者从下面选一个。",
      popular: "大家常问",
      question: "输入您的问题", placeholder: "输入您的问题…", send: "发送",
      completions: "相近的问题", you: "您问：", searching: "正在查找…",
      choose: "您想问的是哪一个？", none: "都不是",
      abstain: "抱歉，这个问题暂时没有找到可靠的答案。",
      abstainNext: "可以换个说法再问一次，或者看看大家常问的：", noWords: "请用几个字说说您的问题。",
      contact: "联系人工客服", helpfulQuestion: "这个回答有帮助吗？", helpful: "有帮助", notHelpful: "没有帮助",
      thanks: "谢谢，已经记下了。", why: "哪里不对？（可以不选）",
      reasonOther: "答非所问", reasonWrong: "内容不对", reasonUnclear: "没看懂",
      feedbackFailed: "没有记上，请再点一次。",
      offline: "网络好像断开了，连上以后再试。", unreachable: "暂时连接不上，请再试一次。",
      broken: "服务出了点问题，请再试一次。", busy: "问得有点快，请等几秒再试。", retry: "再试一次",
    },
    en: {
      tag: "en", locale: "en", other: "中文",
      ask: "Ask us", title: "Ask us", close: "Close", back: "Start over",
      hello: "Hello, what would you like to know?", hint: "Type a question or pick one below.",
      popular: "Often asked",
      question: "Your question", placeholder: "Type your question…", send: "Send",
      completions: "Similar questions", you: "You asked:", searching: "Looking it up…",
      choose: "Which of these do you mean?", none: "None of these",
      abstain: "Sorry, we have no reliable answer to this yet.",
      abstainNext: "Try other words, or see what is often asked:", noWords: "Please put your question in a few words.",
      contact: "Talk to a person", helpfulQuestion: "Did this help?", helpful: "Helpful", notHelpful: "Not helpful",
      thanks: "Thank you, noted.", why: "What was wrong? (optional)",
      reasonOther: "Not my question", reasonWrong: "Incorrect", reasonUnclear: "Hard to follow",
      feedbackFailed: "That was not saved. Please tap again.",
      offline: "You seem to be offline. Try again once connected.", unreachable: "We cannot be reached right now. Please try again.",
      broken: "Something went wrong on our side. Please try again.", busy: "That was a little fast. Please wait a few seconds.", retry: "Try again",
    },
  };

  const ICONS = {
    ask: "M4 5.5A2.5 2.5 0 0 1 6.5 3h11A2.5 2.5 0 0 1 20 5.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5z M9.7 7.6a2.3 2.3 0 1 1 3.4 2c-.7.4-1.1.8-1.1 1.5 M12 13.2v.1",
    close: "M6 6l12 12 M18 6L6 18",
    back: "M14.5 5.5L8 12l6.5 6.5",
    send: "M12 19V5 M6 11l6-6 6 6",
    next: "M9.5 6l6 6-6 6",
    up: "M7 11v9H4.5A1.5 1.5 0 0 1 3 18.5v-6A1.5 1.5 0 0 1 4.5 11z M7 11l4-7.5c1.5 0 2.6 1.2 2.3 2.7L12.7 9.5h5.6a2 2 0 0 1 2 2.4l-1.3 6.5a2 2 0 0 1-2 1.6H7",
    down: "M17 13V4h2.5A1.5 1.5 0 0 1 21 5.5v6a1.5 1.5 0 0 1-1.5 1.5z M17 13l-4 7.5c-1.5 0-2.6-1.2-2.3-2.7l.6-3.3H5.700a2 2 0 0 1-2-2.4L5 5.6A2 2 0 0 1 7 4h10",
  };

  const CSS = `
:host{all:initial;display:block}
:host([hidden]){display:none}
*,*::before,*::after{box-sizing:border-box}
[hidden]{display:none!important}
.root{
  --accent:var(--zhida-accent,#0f6e63);--on-accent:var(--zhida-accent-text,#fff);--link:var(--accent);
  --surface:var(--zhida-surface,#fff);--soft:var(--zhida-soft,#f4f3ef);
  --text:var(--zhida-text,#1c2321);--muted:var(--zhida-muted,#5b6662);--line:var(--zhida-line,#dfddd5);
  --radius:var(--zhida-radius,16px);
  font:400 15px/1.6 var(--zhida-font,system-ui,-apple-system,"PingFang SC","HarmonyOS Sans SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif);
  color:var(--text);color-scheme:light;-webkit-text-size-adjust:100%}
button,input{font:inherit;color:inherit;letter-spacing:inherit;margin:0}
button{cursor:pointer;border:0;background:none;padding:0;touch-action:manipulation;-webkit-tap-highlight-color:transparent}
:focus{outline:none}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
svg{display:block;width:22px;height:22px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;flex:none}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.launcher{position:fixed;right:calc(var(--zhida-right,20px) + env(safe-area-inset-right,0px));bottom:calc(var(--zhida-bottom,20px) + env(safe-area-inset-bottom,0px));
  z-index:var(--zhida-z,2147483000);display:flex;align-items:center;gap:8px;min-height:52px;padding:0 20px 0 16px;border-radius:26px;
  background:var(--accent);color:var(--on-accent);font-weight:600;box-shadow:0 6px 20px rgb(0 0 0/.22)}
.launcher:focus-visible{outline-color:var(--text)}
.panel{margin:0;padding:0;border:0;display:flex;flex-direction:column;overflow:hidden;overscroll-behavior:contain;
  background:var(--surface);color:inherit;border-radius:var(--radius);max-width:none;max-height:none}
dialog:not([open]){display:none}
dialog.panel{position:fixed;inset:auto calc(var(--zhida-right,20px) + env(safe-area-inset-right,0px)) calc(var(--zhida-bottom,20px) + env(safe-area-inset-bottom,0px)) auto;
  width:392px;height:min(620px,calc(100vh - 40px));z-index:var(--zhida-z,2147483000);
  box-shadow:0 0 0 1px var(--line),0 16px 48px rgb(0 0 0/.2);animation:rise .18s ease-out}
dialog::backdrop{background:rgb(0 0 0/.42)}
section.panel{width:100%;height:var(--zhida-height,560px);border:1px solid var(--line)}
.head{display:flex;align-items:center;gap:4px;padding:6px 6px 6px 18px;border-bottom:1px solid var(--line)}
.head .back{margin-left:-12px}
h2{flex:1;min-width:0;margin:0;font-size:16px;line-height:1.4;font-weight:650;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.tool{display:grid;place-items:center;min-width:44px;min-height:44px;border-radius:12px;color:var(--muted);font-size:14px;font-weight:550;padding:0 6px}
.log{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:20px 18px 24px;position:relative}
.log:focus-visible{outline-offset:-3px}
.hello{margin:0;font-size:20px;line-height:1.4;font-weight:650}
.hint{margin:4px 0 20px;color:var(--muted)}
.label{margin:0 0 2px;color:var(--muted);font-size:13px}
.list{list-style:none;margin:0;padding:0}
.list li+li{border-top:1px solid var(--line)}
.list button{display:flex;align-items:center;gap:10px;width:100%;min-height:48px;padding:10px 2px;text-align:left}
.list button span{flex:1;min-width:0}
.list svg{width:16px;height:16px;color:var(--muted)}
.list.cards{display:grid;gap:8px;margin-top:12px}
.list.cards li+li{border:0}
.list.cards button{padding:10px 14px;border:1px solid var(--line);border-radius:12px;background:var(--surface)}
.turn+.turn{margin-top:22px}
.asked{width:fit-content;max-width:86%;margin:0 0 12px auto;padding:9px 14px;border-radius:16px 16px 4px 16px;background:var(--accent);color:var(--on-accent);overflow-wrap:anywhere;white-space:pre-wrap}
.bubble{width:fit-content;max-width:94%;padding:12px 16px;border-radius:4px 16px 16px 16px;background:var(--soft);overflow-wrap:anywhere}
.bubble.wide{width:94%}
.bubble>:first-child,.rich>:first-child{margin-top:0}.bubble>:last-child,.rich>:last-child{margin-bottom:0}
p{margin:0 0 10px}
.plain{white-space:pre-wrap}
.rich ol,.rich ul{margin:10px 0;padding-left:1.5em}
.rich li{margin:5px 0;padding-left:2px}
.rich a,.link{color:var(--link);text-underline-offset:3px}
.rich img{display:block;max-width:100%;height:auto;border-radius:10px}
.title{font-weight:650;margin-bottom:6px}
.link{display:inline-flex;align-items:center;min-height:44px;font-weight:600}
.dots{display:flex;gap:5px;padding:6px 0}
.dots i{width:7px;height:7px;border-radius:50%;background:var(--muted);animation:pulse 1.2s infinite}
.dots i:nth-child(2){animation-delay:.18s}.dots i:nth-child(3){animation-delay:.36s}
.verdict{display:flex;flex-wrap:wrap;align-items:center;gap:0 4px;margin-top:2px;padding-left:4px;color:var(--muted);font-size:13px;min-height:44px}
.verdict .tool svg{width:20px;height:20px}
.reasons{display:flex;flex-wrap:wrap;gap:8px;width:100%;padding-bottom:4px}
.reasons p{width:100%;margin:0}
.chip,.retry{min-height:44px;padding:0 16px;border:1px solid var(--line);border-radius:22px;color:var(--text);font-size:14px}
.retry{border-color:currentColor;color:var(--link);font-weight:600}
.foot{position:relative;border-top:1px solid var(--line);padding:10px 10px calc(10px + env(safe-area-inset-bottom,0px));background:var(--surface)}
section .foot,dialog:not(:modal) .foot{padding-bottom:10px}
form{display:flex;gap:8px}
input{flex:1;min-width:0;height:48px;padding:0 16px;border:1px solid var(--line);border-radius:24px;background:var(--soft);font-size:16px;appearance:none}
input:focus-visible{outline-width:1px;outline-offset:0;border-color:var(--link)}
input::placeholder{color:var(--muted);opacity:1}
.send{display:grid;place-items:center;width:48px;height:48px;border-radius:50%;background:var(--accent);color:var(--on-accent);flex:none}
.send[aria-disabled=true]{background:var(--soft);color:var(--muted)}
.completions{position:absolute;left:10px;right:10px;bottom:calc(100% - 1px);margin:0;padding:6px;list-style:none;max-height:260px;overflow-y:auto;
  background:var(--surface);border:1px solid var(--line);border-radius:14px;box-shadow:0 -8px 24px rgb(0 0 0/.1)}
.completions li{display:flex;align-items:center;min-height:44px;padding:8px 12px;border-radius:10px;cursor:pointer;line-height:1.45}
.completions [aria-selected=true]{background:var(--soft);box-shadow:inset 0 0 0 1.5px var(--link)}
@media (hover:hover){
  .tool:hover,.completions li:hover{background:var(--soft)}
  .list button:hover{color:var(--link)}
  .list.cards button:hover,.chip:hover{border-color:var(--link)}
  .launcher:hover,.send:not([aria-disabled=true]):hover{filter:brightness(1.08)}
}
@media (max-width:600px){
  dialog.panel{inset:auto 0 var(--keyboard,0px) 0;width:100%;height:min(680px,calc(var(--room,100vh) - 28px));border-radius:var(--radius) var(--radius) 0 0;box-shadow:none;animation-name:slide}
  .launcher{width:56px;height:56px;justify-content:center;padding:0;border-radius:50%}
  .launcher span{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
  .launcher svg{width:26px;height:26px}
}
@media (prefers-color-scheme:dark){
  .root{--accent:var(--zhida-accent,#17806f);--link:color-mix(in oklab,var(--accent) 55%,#fff);--surface:var(--zhida-surface,#1b211f);--soft:var(--zhida-soft,#262e2b);
    --text:var(--zhida-text,#e9eeec);--muted:var(--zhida-muted,#a3aeaa);--line:var(--zhida-line,#36403d);color-scheme:dark}
}
@media (prefers-reduced-motion:reduce){*,*::before,*::after{animation:none!important;scroll-behavior:auto!important}}
@media print{:host{display:none}}
@keyframes rise{from{opacity:0;transform:translateY(8px)}}
@keyframes slide{from{transform:translateY(40%);opacity:.4}}
@keyframes pulse{0%,60%,100%{opacity:.3}30%{opacity:1}}
`;

  // --- small tools -----------------------------------------------------------------------------

  /** An element; `data-text`, `data-label` and `data-placeholder` name a string and follow the language. */
  function h(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  function icon(name) {
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  }

  const say = (tag, key, attributes) => h(tag, { "data-text": key, ...attributes });
  const tool = (name, label, onclick) => h("button", { type: "button", class: `tool ${name}`, "data-label": label, onclick }, icon(name));

  /** The first language named; anything but Chinese is served in English. */
  const languageOf = (...tags) => (/^zh/i.test(tags.find(Boolean) || "") ? "zh" : "en");

  /** Older WebViews cannot adopt a sheet; there a <style> does, if the page's policy lets it. */
  function dress(root) {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      root.adoptedStyleSheets = [sheet];
      return sheet;
    } catch (_) {
      const style = h("style", {}, CSS);
      root.append(style);
      return style.sheet;
    }
  }

  // --- what the server may say -------------------------------------------------------------------

  const PLAIN_TAGS = new Set(["P", "BR", "B", "STRONG", "I", "EM", "UL", "OL", "LI"]);
  const DROPPED_TAGS = new Set(["SCRIPT", "STYLE", "TEMPLATE", "IFRAME", "OBJECT", "SVG", "MATH", "NOSCRIPT"]);

  /** `address` in full, or null if its scheme is none of these. */
  function safeAddress(address, schemes) {
    try {
      const url = new URL(address, API);
      return schemes.includes(url.protocol) ? url.href : null;
    } catch (_) {
      return null;
    }
  }

  function safeLink(address) {
    return safeAddress(address, ["http:", "https:", "mailto:", "tel:"]);
  }

  function safeImage(source) {
    const src = safeAddress(source.getAttribute("src") || "", ["http:", "https:"]);
    if (!src) return "";
    const size = (name) => (/^\d+$/.test(source.getAttribute(name) || "") ? source.getAttribute(name) : null);
    return h("img", { src, alt: source.getAttribute("alt") || "", width: size("width"), height: size("height"), loading: "lazy" });
  }

  /** The server has sanitised this already; nothing else is built here either, should it ever fail to. */
  function safeNodes(source) {
    const parts = document.createDocumentFragment();
    for (const node of source.childNodes) parts.append(safeNode(node));
    return parts;
  }

  function safeNode(node) {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || DROPPED_TAGS.has(node.tagName.toUpperCase())) return "";
    if (node.tagName === "IMG") return safeImage(node);
    const inside = safeNodes(node);
    if (PLAIN_TAGS.has(node.tagName)) return h(node.tagName, {}, inside);
    const href = node.tagName === "A" && safeLink(node.getAttribute("href") || "");
    return href ? h("a", { href, target: "_blank", rel: "noopener" }, inside) : inside;
  }

  function answerNode({ html, text }) {
    if (!html) return h("p", { class: "plain" }, text || "");
    return h("div", { class: "rich" }, safeNodes(new DOMParser().parseFromString(html, "text/html").body));
  }

  // --- requests ----------------------------------------------------------------------------------

  /** Why there is no answer; `kind` is also the name of the sentence that says so. */
  class Failure extends Error {
    constructor(kind) {
      super(kind);
      this.kind = kind;
    }
  }

  async function call(url, { controller = new AbortController(), ...options } = {}) {
    let late = false;
    const timer = setTimeout(() => { late = true; controller.abort(); }, TIMEOUT_MS);
    try {
      const response = await fetch(url, { ...options, credentials: "omit", signal: controller.signal });
      if (!response.ok) throw new Failure(response.status === 429 ? "busy" : "broken");
      return await response.json();
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (controller.signal.aborted && !late) throw new Failure("stale");
      throw new Failure(navigator.onLine ? "unreachable" : "offline");
    } finally {
      clearTimeout(timer);
    }
  }

  // --- the element -------------------------------------------------------------------------------

  class ZhidaFaq extends HTMLElement {
    static get observedAttributes() {
      return ["shop", "product", "lang"];
    }

    connectedCallback() {
      if (!this.shadowRoot) this.build();
      this.openers = (event) => { if (event.target.closest?.("[data-zhida-open]")) this.open(); };
      this.resized = () => this.fitKeyboard();
      this.turned = () => { if (this.dialog?.open) { this.dialog.close(); this.open(); } };
      document.addEventListener("click", this.openers);
      window.visualViewport?.addEventListener("resize", this.resized);
      window.visualViewport?.addEventListener("scroll", this.resized);
      phone.addEventListener?.("change", this.turned);
    }

    disconnectedCallback() {
      document.removeEventListener("click", this.openers);
      window.visualViewport?.removeEventListener("resize", this.resized);
      window.visualViewport?.removeEventListener("scroll", this.resized);
      phone.removeEventListener?.("change", this.turned);
    }

    attributeChangedCallback(name, before, after) {
      if (!this.shadowRoot || before === after) return;
      if (name === "lang") this.setLanguage(languageOf(after, document.documentElement.lang, navigator.language));
      else this.restart();
    }

    // -- building

    build() {
      const root = this.attachShadow({ mode: "open" });
      this.sheet = dress(root);
      this.running = {};
      this.inline = this.hasAttribute("inline");
      this.language = languageOf(this.getAttribute("lang"), document.documentElement.lang, navigator.language);
      this.root = h("div", { class: "root" });
      root.append(this.root);
      const parts = [this.buildHead(), this.buildLog(), this.buildFoot()];
      if (this.inline) this.root.append(h("section", { class: "panel", "aria-labelledby": "title" }, ...parts));
      else this.buildFloating(parts);
      this.translate();
      if (this.inline) this.loadPopular();
    }

    buildFloating(parts) {
      this.launcher = h("button", { type: "button", class: "launcher", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => this.open() },
        icon("ask"), say("span", "ask"));
      this.dialog = h("dialog", { class: "panel", "aria-labelledby": "title", tabindex: "-1", onclick: (event) => this.onBackdrop(event), onclose: () => this.onClosed() }, ...parts);
      this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.onEscape(); });
      this.dialog.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.isComposing) { event.preventDefault(); this.onEscape(); } });
      this.root.append(this.launcher, this.dialog);
    }

    buildHead() {
      this.backButton = tool("back", "back", () => this.restart());
      this.backButton.hidden = true;
      this.languageButton = h("button", { type: "button", class: "tool", "data-text": "other", onclick: () => this.setLanguage(this.language === "zh" ? "en" : "zh") });
      const head = h("div", { class: "head" }, this.backButton, say("h2", "title", { id: "title" }), this.languageButton);
      if (!this.inline) head.append(tool("close", "close", () => this.close()));
      return head;
    }

    buildLog() {
      this.start = h("div", {}, say("p", "hello", { class: "hello" }), say("p", "hint", { class: "hint" }));
      this.popularBox = h("div");
      this.start.append(this.popularBox);
      this.turns = h("div");
      this.log = h("div", { class: "log", role: "log", "data-label": "title", tabindex: "0" }, this.start, this.turns);
      return this.log;
    }

    buildFoot() {
      this.input = h("input", {
        id: "question", type: "text", maxlength: QUERY_LIMIT, enterkeyhint: "send", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
        role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "completions", "data-placeholder": "placeholder",
        oninput: (event) => { if (!event.isComposing) this.onTyping(); },
        oncompositionend: () => this.onTyping(),
        onkeydown: (event) => this.onKey(event),
        onblur: () => this.hideCompletions(),
      });
      this.sendButton = h("button", { class: "send", "data-label": "send", "aria-disabled": "true" }, icon("send"));
      this.completions = h("ul", { class: "completions", id: "completions", role: "listbox", "data-label": "completions", hidden: true });
      const form = h("form", { onsubmit: (event) => { event.preventDefault(); this.ask(this.input.value); } },
        say("label", "question", { for: "question", class: "unseen" }), this.input, this.sendButton);
      return h("div", { class: "foot" }, this.completions, form);
    }

    // -- language

    get words() {
      return LANGUAGES[this.language];
    }

    setLanguage(language) {
      this.language = language;
      this.translate();
      if (this.inline || this.popular) this.loadPopular();
    }

    /** Sets every string below `part`; what the shop answered stays in the language it was given in. */
    translate(part = this.root) {
      this.root.lang = this.words.tag;
      const each = (name, set) => {
        for (const node of [part, ...part.querySelectorAll(`[data-${name}]`)]) if (node.dataset[name]) set(node, this.words[node.dataset[name]]);
      };
      each("text", (node, text) => { node.textContent = text; });
      each("label", (node, text) => node.setAttribute("aria-label", text));
      each("placeholder", (node, text) => node.setAttribute("placeholder", text));
      this.languageButton.lang = this.language === "zh" ? "en" : "zh-Hans";
      return part;
    }

    // -- opening and closing

    open() {
      if (this.inline || this.dialog.open) return;
      this.fitKeyboard();
      if (phone.matches) this.dialog.showModal();
      else this.dialog.show();
      this.launcher.hidden = true;
      this.launcher.setAttribute("aria-expanded", "true");
      (phone.matches ? this.dialog : this.input).focus(); // on a phone the keyboard must not jump up by itself
      if (!this.popular) this.loadPopular();
    }

    close() {
      this.launcher.hidden = false; // first, so that the dialog can give the focus back to it
      this.dialog.close();
    }

    onClosed() {
      this.launcher.hidden = false;
      this.launcher.setAttribute("aria-expanded", "false");
      this.hideCompletions();
    }

    onEscape() {
      if (this.completions.hidden) this.close();
      else this.hideCompletions();
    }

    onBackdrop(event) {
      if (event.target !== this.dialog) return;
      const box = this.dialog.getBoundingClientRect();
      if (event.clientY < box.top || event.clientX < box.left || event.clientX > box.right) this.close();
    }

    /** iOS lays the keyboard over the page: the sheet must end above it. */
    fitKeyboard() {
      const view = window.visualViewport;
      const style = this.sheet?.cssRules[0].style;
      if (!view || !style || view.scale > 1.01) return;
      style.setProperty("--room", `${view.height}px`);
      style.setProperty("--keyboard", `${Math.max(0, window.innerHeight - view.height - view.offsetTop)}px`);
    }

    restart() {
      this.running.suggest?.abort();
      this.turns.replaceChildren();
      this.start.hidden = false;
      this.backButton.hidden = true;
      this.log.scrollTop = 0;
      if (this.inline || this.popular) this.loadPopular();
      if (!phone.matches && this.shadowRoot.activeElement) this.input.focus();
    }

    // -- requests

    /** One request of a kind at a time: a newer one ends the older, which then fails as "stale". */
    get(kind, parameters) {
      this.running[kind]?.abort();
      const controller = (this.running[kind] = new AbortController());
      const url = new URL(kind, API);
      const all = { shop: this.getAttribute("shop"), locale: this.words.locale, ...parameters };
      for (const [name, value] of Object.entries(all)) if (value) url.searchParams.set(name, value);
      return call(url, { controller });
    }

    sendFeedback(result, entry, verdict, reason) {
      const body = { query_id: result.query_id, entry, verdict, shop: this.getAttribute("shop") };
      if (reason) body.reason = reason;
      return call(new URL("feedback", API), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), keepalive: true });
    }

    // -- popular questions

    async loadPopular() {
      this.popularBox.replaceChildren(this.waiting());
      try {
        const answer = await this.get("popular", { product_id: this.getAttribute("product"), limit: POPULAR_COUNT });
        this.popular = answer.popular;
        this.popularBox.replaceChildren(...this.popularStart());
      } catch (failure) {
        if (failure.kind !== "stale") this.popularBox.replaceChildren(this.failure(failure, () => this.loadPopular()));
      }
    }

    popularStart() {
      return this.popular.length ? [this.translate(say("p", "popular", { class: "label" })), this.popularList(POPULAR_COUNT, false)] : [];
    }

    popularList(count, cards) {
      const titles = this.popular.slice(0, count).map((entry) => entry.title);
      return this.questionList(titles, (index) => this.ask(titles[index]), cards);
    }

    questionList(titles, onChoose, cards) {
      const rows = titles.map((title, index) => h("li", {}, h("button", { type: "button", onclick: () => onChoose(index) }, h("span", {}, title), icon("next"))));
      return h("ul", { class: cards ? "list cards" : "list" }, ...rows);
    }

    // -- type-ahead

    onTyping() {
      clearTimeout(this.pause);
      this.running.complete?.abort();
      const text = this.input.value.trim();
      this.sendButton.setAttribute("aria-disabled", String(!text));
      if (!text) this.hideCompletions();
      else this.pause = setTimeout(() => this.complete(text), TYPING_PAUSE_MS);
    }

    async complete(text) {
      try {
        const { completions } = await this.get("complete", { q: text, limit: 5 });
        if (this.shadowRoot.activeElement === this.input) this.showCompletions(completions.map((one) => one.title));
      } catch (failure) {
        this.hideCompletions(); // a help only: asking still works, and says what is wrong
      }
    }

    showCompletions(titles) {
      this.active = -1;
      this.completions.replaceChildren(...titles.map((title, index) => h("li", {
        id: `completion-${index}`, role: "option", "aria-selected": "false",
        onmousedown: (event) => event.preventDefault(), // keeps the focus in the field
        onclick: () => this.ask(title),
      }, title)));
      this.completions.hidden = !titles.length;
      this.input.setAttribute("aria-expanded", String(titles.length > 0));
      this.input.removeAttribute("aria-activedescendant");
    }

    hideCompletions() {
      clearTimeout(this.pause);
      this.running.complete?.abort();
      this.showCompletions([]);
    }

    moveTo(index) {
      const options = [...this.completions.children];
      this.active = (index + options.length + 1) % (options.length + 1); // the last place is the field itself
      options.forEach((option, place) => option.setAttribute("aria-selected", String(place === this.active)));
      const chosen = options[this.active];
      if (!chosen) return this.input.removeAttribute("aria-activedescendant");
      this.input.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    }

    onKey(event) {
      if (event.isComposing || event.keyCode === 229 || this.completions.hidden) return; // 229: Safari's last key of a composition
      const count = this.completions.children.length;
      if (event.key === "ArrowDown") this.moveTo(this.active === count ? 0 : this.active + 1);
      else if (event.key === "ArrowUp") this.moveTo(this.active === -1 ? count - 1 : this.active - 1);
      else if (event.key === "Enter" && this.completions.children[this.active]) this.ask(this.completions.children[this.active].textContent);
      else if (event.key === "Escape") this.hideCompletions();
      else return;
      event.preventDefault();
      event.stopPropagation(); // this Escape is spent: the window stays open
    }

    // -- the conversation

    ask(text) {
      const query = text.trim().slice(0, QUERY_LIMIT);
      if (!query) return this.input.focus();
      this.input.value = "";
      this.onTyping();
      this.answer(query, this.addTurn(query));
    }

    addTurn(question) {
      const asked = h("p", { class: "asked" }, say("span", "you", { class: "unseen" }), question);
      const reply = h("div");
      const turn = this.translate(h("div", { class: "turn" }, asked, reply));
      this.start.hidden = true;
      this.backButton.hidden = false;
      this.turns.append(turn);
      return { turn, reply };
    }

    show(place, ...nodes) {
      place.reply.replaceChildren(...nodes.map((node) => this.translate(node)));
      this.log.scrollTop = place.turn.offsetTop - 16; // the beginning of a long answer, not its end
    }

    async answer(query, place) {
      this.show(place, h("div", { class: "bubble" }, this.waiting()));
      try {
        const result = await this.get("suggest", { q: query, product_id: this.getAttribute("product") });
        this.showResult(place, result, query);
      } catch (failure) {
        if (failure.kind === "stale") place.turn.remove();
        else this.show(place, this.failure(failure, () => this.answer(query, place)));
      }
    }

    showResult(place, result, query) {
      if (result.decision === "answer") this.showAnswer(place, result, result.suggestions[0], query);
      else if (result.decision === "choose") this.showChoices(place, result);
      else this.showNothing(place, result.reason);
    }

    /** Says which question is answered, unless it was asked in just these words. */
    showAnswer(place, result, suggestion, query) {
      const bubble = h("div", { class: "bubble" }, answerNode(suggestion.answer));
      if (query !== suggestion.title) bubble.prepend(h("p", { class: "title" }, suggestion.title));
      this.show(place, bubble, this.verdictRow(result, suggestion.id));
    }

    showChoices(place, result) {
      const shown = result.suggestions.slice(0, 4);
      const choose = (index) => {
        this.sendFeedback(result, shown[index].id, "clicked").catch(() => {}); // a figure for the shop, nothing the shopper waits for
        this.showAnswer(this.addTurn(shown[index].title), result, shown[index], shown[index].title);
        this.log.focus();
      };
      const none = say("button", "none", { type: "button", class: "link", onclick: () => { this.showNothing(place); this.log.focus(); } });
      this.show(place, h("div", { class: "bubble wide" }, say("p", "choose"), this.questionList(shown.map((one) => one.title), choose, true), none));
    }

    showNothing(place, reason) {
      const contact = safeLink(this.getAttribute("contact") || "");
      const bubble = h("div", { class: "bubble wide" }, say("p", reason === "no_words" ? "noWords" : "abstain"));
      if (this.hasAttribute("contact") && contact) bubble.append(say("a", "contact", { class: "link", href: contact, target: "_blank", rel: "noopener" }));
      if (this.popular?.length) bubble.append(say("p", "abstainNext"), this.popularList(POPULAR_AFTER_NOTHING, true));
      this.show(place, bubble);
    }

    waiting() {
      const dots = h("div", { class: "dots", role: "img", "data-label": "searching" }, h("i"), h("i"), h("i"));
      return this.translate(dots);
    }

    failure(failure, retry) {
      const button = say("button", "retry", { type: "button", class: "retry", onclick: () => { this.log.focus(); retry(); } });
      return this.translate(h("div", { class: "bubble" }, say("p", failure.kind), button));
    }

    // -- thumbs

    verdictRow(result, entry) {
      const row = h("div", { class: "verdict" }, say("span", "helpfulQuestion"));
      const up = tool("up", "helpful", () => this.judge(row, result, entry, "helpful"));
      const down = tool("down", "notHelpful", () => this.judge(row, result, entry, "not_helpful"));
      row.append(up, down);
      return row;
    }

    async judge(row, result, entry, verdict, reason) {
      const thanked = verdict === "helpful" || reason;
      try {
        await this.sendFeedback(result, entry, verdict, reason);
        row.replaceChildren(this.translate(thanked ? say("span", "thanks") : this.reasons(row, result, entry)));
      } catch (_) {
        row.querySelector("[role=alert]")?.remove();
        row.append(this.translate(say("span", "feedbackFailed", { role: "alert" })));
      }
      row.tabIndex = -1;
      row.focus(); // the pressed button is gone
    }

    /** The editors read the reason: it goes to them in the words that the shopper saw. */
    reasons(row, result, entry) {
      const chips = ["reasonOther", "reasonWrong", "reasonUnclear"].map((key) => say("button", key, {
        type: "button", class: "chip", onclick: (event) => this.judge(row, result, entry, "not_helpful", event.currentTarget.textContent),
      }));
      return h("div", { class: "reasons" }, say("p", "why"), ...chips);
    }
  }

  customElements.define("zhida-faq", ZhidaFaq);

  /** The one-line form: `data-shop="demo"` on the script stands for a floating <zhida-faq shop="demo">. */
  function insert() {
    const { shop, product, lang, contact } = script.dataset;
    if (shop) document.body.append(h("zhida-faq", { shop, product, lang, contact }));
  }

  if (document.body) insert();
  else document.addEventListener("DOMContentLoaded", insert);
})();
