// What is drawn where. These functions run in the page.

/**
 * Every piece of text that is drawn: its text, its box in CSS pixels of the page (cut to the part that can be seen
 * without moving what is around it), how large its letters are, and how much they stand out from what is behind them
 * (WCAG 2.2, 1.4.3: 1 to 21).
 */
export function texts() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  // Whatever the notation: red, green and blue from 0 to 255, and alpha from 0 to 1.
  const parts = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = ([red, green, blue, alpha], below) =>
    [red, green, blue].map((one, at) => one * alpha + below[at] * (1 - alpha));
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((one) => {
      const part = one / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const box = at instanceof SVGGElement ? at.querySelector(":scope > rect") : null;
      const style = getComputedStyle(box ?? at);
      const colour = parts(box ? (style.fill === "none" ? "transparent" : style.fill) : style.backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  // The part of a box that is seen, and whether something around it can be moved to see the rest.
  const seen = (element, box) => {
    let { left, right, top, bottom } = box;
    let moved = false;
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.clipPath !== "none") return null;
      if (style.overflowX === "visible" || at instanceof SVGElement) continue;
      const around = at.getBoundingClientRect();
      [left, right] = [Math.max(left, around.left), Math.min(right, around.right)];
      [top, bottom] = [Math.max(top, around.top), Math.min(bottom, around.bottom)];
      moved ||= style.overflowX !== "hidden";
    }
    return left < right && top < bottom ? { left, right, top: top + scrollY, bottom: bottom + scrollY, moved } : null;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === "" || element.closest("script, style, title")) continue;
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    range.selectNodeContents(node);
    const style = getComputedStyle(element);
    const drawn = element instanceof SVGTextElement;
    const scale = drawn ? element.getScreenCTM().a : 1;
    for (const box of range.getClientRects()) {
      const place = seen(element, box);
      if (!place) continue;
      const back = behind(element);
      const ink = over(parts(drawn ? style.fill : style.color), back);
      found.push({
        text: node.data.trim().slice(0, 40),
        ...place,
        drawn,
        letters: Number.parseFloat(style.fontSize) * scale,
        contrast: ratio(ink, back),
      });
    }
  }
  return found;
}

/** The boxes of the graph and of its rules. */
export function boxes() {
  return [...document.querySelectorAll(".graph rect")].map((rect) => {
    const { left, right, top, bottom } = rect.getBoundingClientRect();
    return { text: rect.parentElement.querySelector("text")?.textContent ?? "", left, right, top, bottom };
  });
}

/** How wide the page is, and how wide the window. */
export function widths() {
  return { page: document.documentElement.scrollWidth, window: document.documentElement.clientWidth };
}

/** Pairs that lie over each other by more than `slack` pixels both ways; runs beside the page. */
export function overlaps(all, slack) {
  const over = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
  const found = [];
  all.forEach((a, index) => {
    for (const b of all.slice(index + 1)) if (over(a, b)) found.push(`${a.text} | ${b.text}`);
  });
  return found;
}
