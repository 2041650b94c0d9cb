/* The agents' desk: words in, the right reply on the clipboard, hands on the keyboard.
 *
 * Promises: nothing is copied that belongs to words no longer in the box; nothing is copied with a blank in it;
 * what is shown at the right (or below) is, letter for letter, what is copied.
 */
(() => {
  "use strict";

  const source = document.getElementById("desk-data");
  if (!document.getElementById("query")) return; // no shop yet: the page says so by itself

  const API = "/api/v1/";
  const TYPING_PAUSE_MS = 120;
  const TIMEOUT_MS = 10000;
  const TOAST_MS = 1800;
  const RESULT_LIMIT = 8;
  const POPULAR_LIMIT = 10;
  const PLACEHOLDER = /\{\{\s*([a-z]+\.[a-z][a-z0-9_]*)\s*\}\}/;

  const LANGUAGES = {
    zh: {
      locale: "zh-hans", faq: "问答", script: "话术", anyProduct: "不限商品",
      confidence: "把握", matched: "命中", quote: (text) => `「${text}」`, dense: "语义", lexical: "字词", synonym: "同义词", pinyin: "拼音", pin: "置顶",
      answer: "有把握的回复", choose: "可能是其中之一，请核对", abstain: "没有把握的回复。最接近的在下面，请核对后再用",
      nothing: "没有找到相近的内容，换个说法试试", noWords: "请输入文字", urgent: "紧急", degraded: "语义检索暂不可用，当前只按字词匹配",
      copy: "复制", copied: "已复制", copyFailed: "浏览器不让复制，请手动选中文字", fill: (names) => `请先填写：${names}`,
      chooseProduct: "在上方选择商品后自动填入", popular: "大家常问", cleared: "已清空", images: "图片",
      expired: "登录已失效。", forbidden: "没有使用客服台的权限，或登录已失效。", login: "重新登录", retry: "再试一次",
      offline: "网络断开了，连上后再试。", unreachable: "连接不上服务器。", broken: "服务器出错了。", busy: "请求太频繁，请等几秒。",
      "order.number": "订单号", "order.tracking_number": "快递单号", "order.state": "订单状态", "order.paid_at": "付款时间", "product.name": "商品名称",
    },
    en: {
      locale: "en", faq: "FAQ", script: "Script", anyProduct: "Any product",
      confidence: "Confidence", matched: "Matched", quote: (text) => `“${text}” by `, dense: "meaning", lexical: "words", synonym: "synonym", pinyin: "sound", pin: "pin",
      answer: "A sure match", choose: "Likely one of these, please check", abstain: "Nothing fits surely. The nearest are below: check before use",
      nothing: "Nothing comes near. Try other words", noWords: "Type some words", urgent: "Urgent", degraded: "Search by meaning is unavailable; matching by words only",
      copy: "Copy", copied: "Copied", copyFailed: "The browser refused to copy: select the text by hand", fill: (names) => `Fill in first: ${names}`,
      chooseProduct: "Filled in once a product is chosen above", popular: "Often asked", cleared: "Cleared", images: "Pictures",
      expired: "Your session has expired.", forbidden: "This account may not use the desk, or its session has expired.", login: "Log in again", retry: "Try again",
      offline: "You are offline. Try again once connected.", unreachable: "The server cannot be reached.", broken: "The server made an error.", busy: "Too many requests. Wait a few seconds.",
      "order.number": "Order number", "order.tracking_number": "Tracking number", "order.state": "Order state", "order.paid_at": "Paid at", "product.name": "Product name",
    },
  };

  const data = JSON.parse(source.textContent);
  const chinese = document.documentElement.lang.startsWith("zh");
  const words = LANGUAGES[chinese ? "zh" : "en"];
  const page = Object.fromEntries(
    ["search", "query", "shop", "product", "order", "trouble", "verdict", "results", "start", "detail", "toast"].map((id) => [id, document.getElementById(id)]),
  );
  /** `asked`: the words that `found` answers. `blanks`: what the agent has filled in for these words. */
  const state = { asked: "", found: null, active: -1, blanks: {}, request: null, pause: 0, toast: 0 };

  // --- small tools -----------------------------------------------------------------------------

  function h(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child != null));
    return node;
  }

  const typed = () => page.query.value.trim();
  const shop = () => data.shops.find((one) => one.slug === page.shop.value);
  const suggestions = () => state.found?.suggestions || [];
  const chosen = () => suggestions()[state.active];
  const upToDate = () => state.found !== null && state.asked === typed();

  function toast(text) {
    clearTimeout(state.toast);
    page.toast.textContent = text;
    page.toast.classList.add("shown");
    state.toast = setTimeout(() => page.toast.classList.remove("shown"), TOAST_MS);
  }

  // --- requests --------------------------------------------------------------------------------

  /** `kind` is also the name of the sentence that says what is wrong. */
  class Failure extends Error {
    constructor(kind, message) {
      super(message || kind);
      this.kind = kind;
    }
  }

  const KINDS = { 401: "expired", 403: "forbidden", 429: "busy" };

  /** Read at each request: a log-in in another tab has changed it. */
  function csrfToken() {
    return (document.cookie.match(/(?:^|; )csrftoken=([^;]+)/) || [])[1] || "";
  }

  async function call(path, { body, controller = new AbortController() } = {}) {
    let late = false;
    const timer = setTimeout(() => { late = true; controller.abort(); }, TIMEOUT_MS);
    const options = { signal: controller.signal, credentials: "same-origin", headers: { "Accept-Language": words.locale } };
    if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
    if (body) Object.assign(options.headers, { "Content-Type": "application/json", "X-CSRFToken": csrfToken() });
    try {
      const response = await fetch(API + path, options);
      if (response.ok) return await response.json();
      throw await failureOf(response);
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (controller.signal.aborted && !late) throw new Failure("stale");
      throw new Failure(navigator.onLine ? "unreachable" : "offline");
    } finally {
      clearTimeout(timer);
    }
  }

  /** A 400 explains itself better than any sentence of ours. */
  async function failureOf(response) {
    const error = response.status === 400 ? (await response.json().catch(() => ({}))).error : null;
    return new Failure(KINDS[response.status] || "broken", error?.message);
  }

  function showTrouble(failure, retry) {
    const text = failure.kind === "broken" && failure.message !== "broken" ? failure.message : words[failure.kind];
    const loggedOut = failure.kind === "expired" || failure.kind === "forbidden";
    const way = loggedOut
      ? h("a", { href: data.login }, words.login)
      : h("button", { type: "button", onclick: () => { page.query.focus(); retry(); } }, words.retry);
    page.trouble.replaceChildren(text, " ", way);
    page.trouble.hidden = false;
  }

  // --- searching -------------------------------------------------------------------------------

  function onTyping() {
    clearTimeout(state.pause);
    state.request?.abort();
    state.blanks = {};
    if (!typed()) showStart();
    else state.pause = setTimeout(search, TYPING_PAUSE_MS);
  }

  function context() {
    const found = {};
    if (page.product.value) found.product_id = page.product.value;
    if (page.order.value.trim()) found.order = { number: page.order.value.trim() };
    return found;
  }

  async function search() {
    clearTimeout(state.pause);
    state.request?.abort();
    const query = typed();
    if (!query) return;
    const controller = (state.request = new AbortController());
    page.search.setAttribute("aria-busy", "true");
    try {
      const body = { query, shop: page.shop.value, channel: "agent", context: context(), limit: RESULT_LIMIT };
      showFound(query, await call("suggest", { body, controller }));
    } catch (failure) {
      if (failure.kind !== "stale") showTrouble(failure, search);
    } finally {
      if (state.request === controller) page.search.removeAttribute("aria-busy");
    }
  }

  function onContext() {
    clearTimeout(state.pause);
    if (typed()) state.pause = setTimeout(search, TYPING_PAUSE_MS);
    else showStart();
  }

  // --- the list --------------------------------------------------------------------------------

  function showFound(query, found) {
    Object.assign(state, { asked: query, found });
    page.trouble.hidden = true;
    page.start.hidden = true;
    page.verdict.replaceChildren(...verdictParts(found));
    page.verdict.dataset.decision = found.decision;
    page.results.replaceChildren(...found.suggestions.map(option));
    page.query.setAttribute("aria-expanded", String(found.suggestions.length > 0));
    select(found.suggestions.length ? 0 : -1);
    page.results.scrollTop = 0;
  }

  function verdictParts(found) {
    const text = found.reason === "no_words" ? words.noWords : found.suggestions.length ? words[found.decision] : words.nothing;
    const parts = [h("span", {}, text)];
    if (found.intent?.urgent) parts.unshift(h("strong", { class: "urgent" }, words.urgent));
    if (found.degraded) parts.push(h("span", { class: "degraded" }, words.degraded));
    return parts;
  }

  function option(suggestion, index) {
    return h("li", {
      id: `option-${index}`, role: "option", "aria-selected": "false",
      onmousedown: (event) => event.preventDefault(), // the focus stays in the search box
      onclick: () => select(index),
      ondblclick: copyChosen,
    },
      h("div", { class: "line" }, h("span", { class: "title" }, suggestion.title), confidence(suggestion)),
      h("div", { class: "tags" }, ...tags(suggestion)),
      h("p", { class: "snippet" }, suggestion.answer.text));
  }

  function tags(suggestion) {
    const scene = data.scenes[suggestion.scene];
    const emotion = suggestion.emotion !== "any" && data.emotions[suggestion.emotion];
    const category = suggestion.kind === "faq" && shop().categories[suggestion.category];
    return [
      h("span", { class: `tag ${suggestion.kind}` }, [words[suggestion.kind], scene].filter(Boolean).join(" · ")),
      emotion ? h("span", { class: "tag" }, emotion) : null,
      category ? h("span", { class: "tag" }, category) : null,
      matchedTag(suggestion),
    ].filter(Boolean);
  }

  function matchedTag({ matched, title }) {
    const by = matched.by.map((name) => words[name] || name).join(" + ");
    const phrase = matched.text === title ? "" : words.quote(matched.text);
    return h("span", { class: "matched" }, `${words.matched} ${phrase}${by}`);
  }

  function confidence(suggestion) {
    const percent = Math.round(suggestion.confidence * 100);
    return h("span", { class: "confidence" },
      h("span", { class: "unseen" }, `${words.confidence} `),
      h("meter", { min: 0, max: 100, value: percent, "aria-hidden": "true" }),
      `${percent}%`);
  }

  function select(index) {
    state.active = index;
    [...page.results.children].forEach((node, place) => node.setAttribute("aria-selected", String(place === index)));
    const node = page.results.children[index];
    if (node) page.query.setAttribute("aria-activedescendant", node.id);
    else page.query.removeAttribute("aria-activedescendant");
    showDetail();
    node?.scrollIntoView({ block: "nearest" });
  }

  function move(step) {
    const last = suggestions().length - 1;
    if (last >= 0) select(Math.min(last, Math.max(0, state.active + step)));
  }

  // --- the chosen answer -----------------------------------------------------------------------

  function showDetail() {
    const suggestion = chosen();
    page.detail.hidden = !suggestion;
    if (!suggestion) return page.detail.replaceChildren();
    page.detail.replaceChildren(
      h("div", { class: "chosen", tabindex: "0" },
        h("div", { class: "line" }, h("h2", {}, suggestion.title), confidence(suggestion)),
        h("div", { class: "tags" }, ...tags(suggestion)),
        h("div", { class: "reply", lang: suggestion.locale }, ...replyParts(suggestion.answer.text)),
        pictures(suggestion.answer.blocks),
        fields(suggestion.missing)),
      h("button", { type: "button", class: "copy", onclick: copyChosen }, words.copy, h("kbd", {}, "Enter")));
  }

  /** The text, with each blank as a mark that follows its field. */
  function replyParts(text) {
    return text.split(new RegExp(PLACEHOLDER, "g")).map((part, place) => (place % 2 ? blank(part) : part));
  }

  function blank(name) {
    return h("mark", { "data-blank": name, class: valueOf(name) ? "filled" : null }, valueOf(name) || labelOf(name));
  }

  function pictures(blocks) {
    const images = blocks.filter((block) => block.type === "image" && /^https?:/.test(new URL(block.url, location.href).protocol));
    if (!images.length) return null;
    const link = ({ url, alt }) => h("a", { href: url, target: "_blank", rel: "noopener" }, h("img", { src: url, alt, loading: "lazy" }));
    return h("div", { class: "pictures", role: "group", "aria-label": words.images }, ...images.map(link));
  }

  function fields(missing) {
    return missing.length ? h("div", { class: "fields" }, ...missing.map(field)) : null;
  }

  function field(name) {
    const needsProduct = name.startsWith("product.") && !page.product.value;
    const input = h("input", { type: "text", maxlength: 200, "data-field": name, spellcheck: "false", autocomplete: "off", oninput: () => fill(name, input.value), onkeydown: onFieldKey });
    input.value = valueOf(name);
    return h("label", {}, h("span", {}, labelOf(name)), input, needsProduct ? h("small", {}, words.chooseProduct) : null);
  }

  function fill(name, value) {
    state.blanks[name] = value.trim();
    for (const mark of page.detail.querySelectorAll("mark")) if (mark.dataset.blank === name) mark.replaceWith(blank(name));
  }

  const valueOf = (name) => state.blanks[name] || "";

  function labelOf(name) {
    const key = name.split(".")[1];
    return words[name] || (chinese && shop().facts[key]) || key.replaceAll("_", " ");
  }

  // --- copying ---------------------------------------------------------------------------------

  async function copyChosen() {
    const suggestion = chosen();
    if (!suggestion) return;
    const open = suggestion.missing.filter((name) => !valueOf(name));
    if (open.length) return askFor(open);
    const text = suggestion.answer.text.replace(new RegExp(PLACEHOLDER, "g"), (whole, name) => valueOf(name) || whole);
    if (!(await toClipboard(text))) return toast(words.copyFailed);
    showCopied();
    sendCopied(suggestion);
  }

  function askFor(names) {
    toast(words.fill(names.map(labelOf).join(chinese ? "、" : ", ")));
    page.detail.querySelector(`[data-field="${names[0]}"]`).focus();
  }

  async function toClipboard(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (_) {
      return copyTheOldWay(text); // no clipboard API over plain http, or no permission
    }
  }

  function copyTheOldWay(text) {
    const box = h("textarea", { class: "unseen", readonly: true, "aria-hidden": "true" });
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }

  /** Back in the box with its words selected: the next customer's words replace them. */
  function showCopied() {
    toast(`✓ ${words.copied}`);
    page.results.children[state.active]?.classList.add("copied");
    page.query.focus();
    page.query.select();
  }

  async function sendCopied(suggestion) {
    const body = { query_id: state.found.query_id, entry: suggestion.id, verdict: "copied", shop: page.shop.value, channel: "agent" };
    try {
      await call("feedback", { body });
    } catch (failure) {
      // A figure that is lost is no reason to disturb; a lost session is: the next search would fail.
      if (failure.kind === "expired" || failure.kind === "forbidden") showTrouble(failure);
    }
  }

  // --- before the first words ------------------------------------------------------------------

  function showStart() {
    state.request?.abort();
    Object.assign(state, { asked: "", found: null });
    page.search.removeAttribute("aria-busy");
    page.verdict.replaceChildren();
    page.results.replaceChildren();
    page.query.setAttribute("aria-expanded", "false");
    page.start.hidden = false;
    select(-1);
    loadPopular();
  }

  async function loadPopular() {
    const parameters = new URLSearchParams({ shop: page.shop.value, locale: words.locale, limit: POPULAR_LIMIT });
    if (page.product.value) parameters.set("product_id", page.product.value);
    const controller = (state.request = new AbortController());
    try {
      const { popular } = await call(`popular?${parameters}`, { controller });
      page.trouble.hidden = true;
      page.start.replaceChildren(...popularParts(popular));
    } catch (failure) {
      if (failure.kind !== "stale") showTrouble(failure, loadPopular);
    }
  }

  function popularParts(popular) {
    if (!popular.length) return [];
    const ask = (title) => { page.query.value = title; page.query.focus(); onTyping(); };
    return [h("h2", {}, words.popular), ...popular.map(({ title }) => h("button", { type: "button", onclick: () => ask(title) }, title))];
  }

  function showShop() {
    const products = shop().products.map(({ key, name }) => h("option", { value: key }, name));
    page.product.replaceChildren(h("option", { value: "" }, words.anyProduct), ...products);
    onContext();
  }

  // --- keys ------------------------------------------------------------------------------------

  /** 229: the key still belongs to an input method (Safari tells by it alone). */
  const composing = (event) => event.isComposing || event.keyCode === 229;

  function onQueryKey(event) {
    if (composing(event)) return;
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter") upToDate() ? copyChosen() : search();
    else if (event.key === "Escape") clear();
    else return;
    event.preventDefault();
  }

  function onFieldKey(event) {
    if (composing(event)) return;
    if (event.key === "Enter") copyChosen();
    else if (event.key === "Escape") page.query.focus();
    else return;
    event.preventDefault();
  }

  /** First the words; pressed again, the customer: nobody gets the last one's order number. */
  function clear() {
    if (page.query.value) page.query.value = "";
    else if (page.order.value || page.product.value) {
      page.order.value = page.product.value = "";
      toast(words.cleared);
    }
    onTyping();
  }

  function onPageKey(event) {
    const writing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    const slash = event.key === "/" && !writing;
    const control = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    const leave = event.key === "Escape" && event.target !== page.query && !composing(event);
    if (!slash && !control && !leave) return;
    event.preventDefault();
    page.query.focus();
    if (!leave) page.query.select();
  }

  // --- beginning -------------------------------------------------------------------------------

  page.query.addEventListener("input", (event) => { if (!event.isComposing) onTyping(); });
  page.query.addEventListener("compositionend", onTyping);
  page.query.addEventListener("keydown", onQueryKey);
  page.order.addEventListener("input", (event) => { if (!event.isComposing) onContext(); });
  page.product.addEventListener("change", onContext);
  page.shop.addEventListener("change", showShop);
  page.search.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", onPageKey);
  page.shop.append(...data.shops.map(({ slug, name }) => h("option", { value: slug }, name)));
  showShop();
  page.query.focus();
})();
