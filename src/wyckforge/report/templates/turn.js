// Turns the pictures of cells with mouse, finger or arrow keys: every shape says in data-at where it is in space.
for (const picture of document.querySelectorAll("svg.turnable")) {
  const middle = 150, numbers = (text) => text.split(" ").map(Number);
  const shapes = [...picture.querySelectorAll("[data-at]")].map((node) => {
    const at = numbers(node.dataset.at).map((x) => x - middle), points = [at.slice(0, 3)];
    if (at.length > 3) points.push(at.slice(3));
    return { node, points, behind: node.classList.contains("edge") ? 1e3 : points.length > 1 ? 1e-3 : 0 };
  });
  const axes = [...picture.querySelectorAll("[data-axis]")].map((node) => (
    { node, arrow: numbers(node.dataset.axis), foot: numbers(node.dataset.foot) }
  ));
  const start = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  let turned = start, grip = null;
  const place = (point) => turned.map((row) => row[0] * point[0] + row[1] * point[1] + row[2] * point[2]);
  const draw = () => {
    for (const shape of shapes) {
      const now = shape.points.map(place), [x, y, z] = now[0];
      shape.depth = now.reduce((sum, point) => sum + point[2], 0) / now.length - shape.behind;
      if (now.length > 1) {
        const [, [u, v]] = now;
        shape.node.setAttribute("d", `M${x + middle} ${y + middle}L${u + middle} ${v + middle}`);
      } else {
        shape.node.setAttribute("cx", x + middle);
        shape.node.setAttribute("cy", y + middle);
      }
    }
    shapes.sort((one, other) => one.depth - other.depth);
    picture.append(...shapes.map((shape) => shape.node));
    for (const { node, arrow, foot } of axes) {
      const [x, y] = place(arrow), length = Math.hypot(x, y), far = 1 + 8 / length;
      node.setAttribute("visibility", length > 3 ? "visible" : "hidden");
      if (!(length > 3)) continue;
      if (node.tagName === "path") node.setAttribute("d", `M${foot[0]} ${foot[1]}L${foot[0] + x} ${foot[1] + y}`);
      else { node.setAttribute("x", foot[0] + x * far); node.setAttribute("y", foot[1] + y * far + 3.5); }
    }
  };
  const turn = (right, down) => {
    const [c, s, k, t] = [Math.cos(right), Math.sin(right), Math.cos(down), Math.sin(down)];
    const [x, y, z] = turned, mix = (a, one, b, other) => one.map((value, i) => a * value + b * other[i]);
    const across = mix(c, x, s, z), depth = mix(-s, x, c, z);
    turned = [across, mix(k, y, t, depth), mix(-t, y, k, depth)];
    draw();
  };
  picture.addEventListener("pointerdown", (event) => {
    grip = [event.clientX, event.clientY];
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    if (!grip) return;
    turn((event.clientX - grip[0]) / 100, (event.clientY - grip[1]) / 100);
    grip = [event.clientX, event.clientY];
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { grip = null; });
  picture.addEventListener("dblclick", () => { turned = start; draw(); });
  picture.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    turn(way[0] / 8, way[1] / 8);
  });
}
