// Exact path-dependent TreeSHAP, as LightGBM's PredictContrib defines it, leaf by leaf. A leaf of value v whose path has m different
// features, of which feature j lets through a share z_j of the training rows and (o_j = 1) or not (o_j = 0) this row, adds
//     v * (o_i - z_i) * integral over t in 0..1 of product over j != i of (z_j * (1 - t) + o_j * t)
// to the contribution of feature i: the integral is the Shapley weight (a Beta function) summed over all subsets. The integrand
// is a polynomial of degree m - 1, so Gauss-Legendre with (m + 1) / 2 points is exact, and no term is ever divided back out.
import {
  ELEMENT_BYTES, ELEMENT_FEATURE, ELEMENT_SHARE, HEADER_COLUMN_COUNT, HEADER_DEPTH, HEADER_ELEMENTS, HEADER_EXPECTED,
  HEADER_FEATURES, HEADER_NODES, HEADER_OUTPUTS, HEADER_PATHS, HEADER_QUADRATURE, HEADER_ROOTS, HEADER_TREES_PER_OUTPUT,
  HEADER_UNIQUE, HEADER_VALUES, HEADER_VIEW_COUNT, LANE_CONTRIBUTIONS, LANE_PATH, LANE_SLOTS, LANE_VIEWS, NODE_BYTES,
  NODE_LEFT, NODE_RIGHT,
} from './layout';
import { field, searchViews } from './search';
import { goesLeft } from './walk';

function addLeaf(image: usize, leaf: i32, path: usize, depthBytes: usize, phi: usize): void {
  const paths = image + field(image, HEADER_PATHS) + (<usize>leaf << 2);
  const begin = load<i32>(paths);
  const length = load<i32>(paths, 4) - begin;
  const elements = image + field(image, HEADER_ELEMENTS) + <usize>begin * ELEMENT_BYTES;
  const value = load<f64>(image + field(image, HEADER_VALUES) + (<usize>leaf << 3));
  const factors = path + depthBytes;
  const products = factors + depthBytes;
  const rule = image + load<u32>(image + field(image, HEADER_QUADRATURE) + (<usize>length << 2));
  const points = (length + 1) >> 1;
  for (let q = 0; q < points; q++) {
    const t = load<f64>(rule + (<usize>q << 4));
    const weight = load<f64>(rule + (<usize>q << 4), 8) * value;
    let product: f64 = weight;
    for (let j = 0; j < length; j++) {
      const at = <usize>j << 3;
      const factor = load<f64>(elements + <usize>j * ELEMENT_BYTES + ELEMENT_SHARE) * (1.0 - t) + load<f64>(path + at) * t;
      store<f64>(factors + at, factor);
      store<f64>(products + at, product);
      product *= factor;
    }
    let after: f64 = 1;
    for (let j = length - 1; j >= 0; j--) {
      const at = <usize>j << 3;
      const element = elements + <usize>j * ELEMENT_BYTES;
      const target = phi + (<usize>load<i32>(element + ELEMENT_FEATURE) << 3);
      store<f64>(target, load<f64>(target) + (load<f64>(path + at) - load<f64>(element + ELEMENT_SHARE)) * load<f64>(products + at) * after);
      after *= load<f64>(factors + at);
    }
  }
}

/** Visits every leaf below `at`; path[j] is 1 while the row follows all splits on the path's j-th different feature, else 0. */
function descend(image: usize, at: i32, slots: usize, views: usize, path: usize, depthBytes: usize, phi: usize): void {
  if (at < 0) {
    addLeaf(image, ~at, path, depthBytes, phi);
    return;
  }
  const node = image + field(image, HEADER_NODES) + <usize>at * NODE_BYTES;
  const one = path + (<usize>load<u16>(image + field(image, HEADER_UNIQUE) + (<usize>at << 1)) << 3);
  const left = goesLeft(image, node, slots, views);
  const before = load<f64>(one);
  descend(image, load<i32>(node + (left ? NODE_LEFT : NODE_RIGHT)), slots, views, path, depthBytes, phi);
  store<f64>(one, 0);
  descend(image, load<i32>(node + (left ? NODE_RIGHT : NODE_LEFT)), slots, views, path, depthBytes, phi);
  store<f64>(one, before);
}

/** [outputs][features + 1] contributions of rows first..end of an explain lane. */
export function explain(image: usize, lane: usize, first: i32, end: i32): void {
  searchViews(image, lane, first, end);
  const outputs = field(image, HEADER_OUTPUTS);
  const trees = field(image, HEADER_TREES_PER_OUTPUT);
  const stride = <usize>(field(image, HEADER_FEATURES) + 1) << 3;
  const depth = field(image, HEADER_DEPTH);
  const depthBytes = <usize>(depth + 1) << 3;
  const path = lane + load<u32>(lane + LANE_PATH);
  const slotBytes = <usize>field(image, HEADER_COLUMN_COUNT) << 2;
  const viewBytes = <usize>field(image, HEADER_VIEW_COUNT) << 2;
  let slots = lane + load<u32>(lane + LANE_SLOTS) + <usize>first * slotBytes;
  let views = lane + load<u32>(lane + LANE_VIEWS) + <usize>first * viewBytes;
  let phi = lane + load<u32>(lane + LANE_CONTRIBUTIONS) + <usize>(first * outputs) * stride;
  for (let j = 0; j <= depth; j++) store<f64>(path + (<usize>j << 3), 1);
  for (let r = first; r < end; r++, slots += slotBytes, views += viewBytes) {
    let root = image + field(image, HEADER_ROOTS);
    for (let k = 0; k < outputs; k++, phi += stride) {
      memory.fill(phi, 0, stride);
      for (let t = 0; t < trees; t++, root += 4) descend(image, load<i32>(root), slots, views, path, depthBytes, phi);
      store<f64>(phi + stride - 8, load<f64>(image + field(image, HEADER_EXPECTED) + (<usize>k << 3)));
    }
  }
}
