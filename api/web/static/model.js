// A reconstructed face that turns: reads the GLB that was released and draws it with WebGL 2, by its texture alone.

import { called, element, words } from "./wording.js";

const VERTEX = `#version 300 es
in vec3 place; in vec2 spot; uniform vec2 angle; uniform vec3 middle; uniform float scale, aspect; out vec2 at;
void main() {
  vec3 p = (place - middle) * scale;
  float cy = cos(angle.x), sy = sin(angle.x), cx = cos(angle.y), sx = sin(angle.y);
  p = vec3(cy * p.x + sy * p.z, p.y, cy * p.z - sy * p.x);
  p = vec3(p.x, cx * p.y - sx * p.z, sx * p.y + cx * p.z);
  at = spot;
  gl_Position = vec4(p.x / aspect, p.y, -p.z * 0.5, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision mediump float; in vec2 at; uniform sampler2D skin; out vec4 colour;
void main() { colour = vec4(texture(skin, at).rgb, 1.0); }`;
const HELP = ["Drag, or use the arrow keys, to turn it", "ドラッグまたは矢印キーで回転"];
const STEP = 0.12;
const STEEPEST = 1.2;
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

// The parts of the file that `generator/portrait/glb.py` writes: one mesh, one texture.
const parsed = (buffer) => {
  const view = new DataView(buffer);
  const length = view.getUint32(12, true);
  const scene = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
  const part = (index) => {
    const { byteOffset = 0, byteLength } = scene.bufferViews[index];
    return buffer.slice(28 + length + byteOffset, 28 + length + byteOffset + byteLength);
  };
  const { attributes, indices } = scene.meshes[0].primitives[0];
  const of = (accessor) => part(scene.accessors[accessor].bufferView);
  const { min, max } = scene.accessors[attributes.POSITION];
  const [image] = scene.images;
  return {
    places: of(attributes.POSITION), spots: of(attributes.TEXCOORD_0), triangles: of(indices), corners: scene.accessors[indices].count,
    middle: min.map((least, axis) => (least + max[axis]) / 2), scale: 1.8 / Math.max(...min.map((least, axis) => max[axis] - least)),
    skin: new Blob([part(image.bufferView)], { type: image.mimeType }),
  };
};

const programOf = (gl) => {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  return program;
};

const loaded = (gl, program, face, skin) => {
  for (const [name, data, size] of [["place", face.places, 3], ["spot", face.spots, 2]]) {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    const slot = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, size, gl.FLOAT, false, 0, 0);
  }
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, face.triangles, gl.STATIC_DRAW);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, skin);
  gl.generateMipmap(gl.TEXTURE_2D);
  gl.enable(gl.DEPTH_TEST);
};

// Turns `canvas` by pointer and keys; `draw` gets the two angles.
const turned = (canvas, draw) => {
  const angle = [-0.5, 0.1];
  const turn = ([x, y]) => {
    angle[0] += x;
    angle[1] = Math.max(-STEEPEST, Math.min(STEEPEST, angle[1] + y));
    canvas.dataset.angle = angle.map((part) => part.toFixed(2)).join(" ");
    draw(angle);
  };
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => event.buttons && turn([event.movementX / 120, event.movementY / 120]));
  canvas.addEventListener("keydown", (event) => {
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    turn(ARROWS[event.key]);
  });
  turn([0, 0]);
};

const begin = async (canvas, blob) => {
  const gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
  if (!gl) throw new Error("no WebGL 2");
  const face = parsed(await blob.arrayBuffer());
  const program = programOf(gl);
  loaded(gl, program, face, await createImageBitmap(face.skin));
  const uniform = (name) => gl.getUniformLocation(program, name);
  gl.uniform3fv(uniform("middle"), face.middle);
  gl.uniform1f(uniform("scale"), face.scale);
  gl.uniform1f(uniform("aspect"), canvas.width / canvas.height);
  turned(canvas, (angle) => {
    gl.uniform2fv(uniform("angle"), angle);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.drawElements(gl.TRIANGLES, face.corners, gl.UNSIGNED_INT, 0);
  });
};

// The canvas with its help; `instead` takes its place where the browser cannot draw it.
export const turning = (blob, name, instead) => {
  const canvas = called(name, element("canvas", { className: "turning", width: 640, height: 640, tabIndex: 0 }));
  canvas.setAttribute("role", "application");
  const figure = element("figure", {}, canvas, element("figcaption", {}, ...words(HELP)));
  begin(canvas, blob).catch(() => figure.replaceWith(instead));
  return figure;
};
