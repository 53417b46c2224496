/**
 * Finds faces in small pictures, beside the page: neither the cues nor the recording wait for it.
 *
 * It is started by <face-capture> on the person's tap and brings the networks of @vladmandic/human (WebAssembly, about
 * five megabytes, kept by the service worker). In: {pixels: ArrayBuffer of RGBA, width, height}. Out: {ready: true} once;
 * then {faces: [{x, y, width, height, yaw, pitch}]} in shares of the picture and radians; {failed: true} when it cannot
 * be had here. Its answers are hints for the person. The server looks at the recording itself.
 */

const FOLDER = new URL("../vendor/human/", import.meta.url).href;

const CONFIG = {
  backend: "wasm",
  wasmPath: FOLDER,
  modelBasePath: FOLDER,
  cacheModels: false,
  debug: false,
  warmup: "none",
  filter: { enabled: false },
  gesture: { enabled: false },
  face: {
    enabled: true,
    detector: { modelPath: "blazeface.json", rotation: false, maxDetected: 2, minConfidence: 0.3 },
    mesh: { enabled: true, modelPath: "facemesh.json" },
    iris: { enabled: false },
    attention: { enabled: false },
    description: { enabled: false },
    emotion: { enabled: false },
    antispoof: { enabled: false },
    liveness: { enabled: false },
  },
  body: { enabled: false },
  hand: { enabled: false },
  object: { enabled: false },
  segmentation: { enabled: false },
};

let human = null;

async function open() {
  const { Human } = await import(`${FOLDER}human.js`);
  const made = new Human(CONFIG);
  await made.load();
  await made.detect(made.tf.zeros([1, 64, 64, 3])); // the first run compiles
  human = made;
  self.postMessage({ ready: true });
}

self.addEventListener("message", async ({ data }) => {
  if (!human) return;
  try {
    self.postMessage({ faces: await faces(data) });
  } catch {
    self.postMessage({ failed: true });
  }
});

async function faces({ pixels, width, height }) {
  const picture = human.tf.tidy(() => {
    const all = human.tf.tensor(new Uint8Array(pixels), [height, width, 4], "int32");
    return human.tf.expandDims(human.tf.slice(all, [0, 0, 0], [height, width, 3]));
  });
  try {
    const found = await human.detect(picture);
    return found.face.filter((face) => face.meshRaw?.length).map(measured);
  } finally {
    human.tf.dispose(picture);
  }
}

/** Its box is that of its points: the detector's own is wider by a margin. */
function measured({ meshRaw, rotation }) {
  const { yaw = 0, pitch = 0 } = rotation?.angle ?? {};
  const xs = meshRaw.map(([x]) => x);
  const ys = meshRaw.map(([, y]) => y);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y, yaw, pitch };
}

open().catch(() => self.postMessage({ failed: true }));
