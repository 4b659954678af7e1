/** Gauss-Legendre quadrature, which integrates the polynomials of TreeSHAP. */

/** The rule of `points` points on 0..1: exact for polynomials of degree up to 2 * points - 1. */
export function gaussLegendre(points: number): { readonly points: Float64Array; readonly weights: Float64Array } {
  const rule = { points: new Float64Array(points), weights: new Float64Array(points) };
  for (let i = 0; i < points; i++) {
    // Newton's method finds the i-th root of the Legendre polynomial, starting from Tricomi's estimate.
    let x = Math.cos((Math.PI * (i + 0.75)) / (points + 0.5));
    let slope = 1;
    for (let round = 0; round < 20; round++) {
      let previous = 1;
      let value = x;
      for (let k = 2; k <= points; k++) [previous, value] = [value, ((2 * k - 1) * x * value - (k - 1) * previous) / k];
      slope = (points * (x * value - previous)) / (x * x - 1);
      const step = value / slope;
      x -= step;
      if (Math.abs(step) < 1e-16) break;
    }
    rule.points[i] = (x + 1) / 2;
    rule.weights[i] = 1 / ((1 - x * x) * slope * slope);
  }
  return rule;
}
