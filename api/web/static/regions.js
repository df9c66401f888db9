// Regions of a portrait that are not to be believed: drawn around with a pointer, or added by numbers.

const SVG = "http://www.w3.org/2000/svg";
const MOST_CORNERS = 20; // Of a drawn outline: sixteen such regions fit into the 4,096 letters that the service reads.

export const regionsOn = (form) => {
  const part = form.querySelector("[data-regions]");
  const [count, undo, add] = ["count", "undo", "add"].map((name) => part.querySelector(`[data-region-${name}]`));
  let [polygons, image, layer, drawn, allowed] = [[], null, null, null, false];

  const outline = (corners) => {
    const made = document.createElementNS(SVG, "polygon");
    made.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
    return made;
  };

  const show = () => {
    count.textContent = polygons.length;
    undo.disabled = polygons.length === 0;
    add.disabled = !image || polygons.length >= Number(part.dataset.most);
    if (layer) layer.replaceChildren(...[...polygons, ...(drawn ? [drawn] : [])].map(outline));
  };

  const keep = (corners) => {
    const step = Math.max(1, Math.ceil(corners.length / MOST_CORNERS));
    const kept = corners.filter((_, at) => at % step === 0);
    if (kept.length >= 3 && polygons.length < Number(part.dataset.most)) polygons.push(kept);
  };

  const place = (event) => {
    const box = layer.getBoundingClientRect();
    const inside = (value, size) => Math.round(Math.min(1, Math.max(0, value)) * size);
    return [inside((event.clientX - box.left) / box.width, image.naturalWidth), inside((event.clientY - box.top) / box.height, image.naturalHeight)];
  };

  const overlay = () => {
    layer = document.createElementNS(SVG, "svg");
    layer.setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`);
    layer.setAttribute("aria-hidden", "true");
    layer.classList.toggle("drawing", allowed);
    layer.addEventListener("pointerdown", (event) => (layer.setPointerCapture(event.pointerId), (drawn = [place(event)])));
    layer.addEventListener("pointermove", (event) => drawn && (drawn.push(place(event)), show()));
    for (const end of ["pointerup", "pointercancel"]) layer.addEventListener(end, () => (drawn && keep(drawn), (drawn = null), show()));
    image.parentElement.append(layer);
    show();
  };

  add.addEventListener("click", () => {
    const [left, top, width, height] = ["left", "top", "width", "height"].map((name) => Number(part.querySelector(`[data-region=${name}]`).value) / 100);
    const across = [left, Math.min(1, left + width)].map((share) => Math.round(share * image.naturalWidth));
    const down = [top, Math.min(1, top + height)].map((share) => Math.round(share * image.naturalHeight));
    keep([[across[0], down[0]], [across[1], down[0]], [across[1], down[1]], [across[0], down[1]]]);
    show();
  });
  undo.addEventListener("click", () => (polygons.pop(), show()));
  show();

  return {
    polygons: () => polygons,
    // For another picture: regions are pixels of the one before.
    clear: (chosen) => {
      [polygons, image, layer, drawn] = [[], null, null, null];
      if (chosen) chosen.addEventListener("load", () => ((image = chosen), overlay()));
      show();
    },
    allow: (yes) => {
      allowed = yes;
      if (layer) layer.classList.toggle("drawing", yes);
    },
  };
};
